"""What is refused of a stack before CloudFormation is asked for it, or carries it out."""

from collections.abc import Iterable, Mapping

from spotkiln.account.plan import Change
from spotkiln.errors import InputError

# What serves by, or what servers run with: made anew, it would leave them without.
KEPT = {
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::EC2::SecurityGroup",
    "AWS::IAM::Role",
}


def require_kept(stack: str, changes: Iterable[Change]) -> None:
    """CloudFormation makes anew what it cannot change. It refuses to where a name stays, after it
    has begun; where the name is another one, it takes what serves away.

    Raises:
        InputError: something that serves would be made anew.
    """
    anew = [f"{one.name} ({one.kind})" for one in changes if one.replaces and one.kind in KEPT]
    if anew:
        raise InputError(
            f"stack {stack}: CloudFormation would make anew {', '.join(anew)}, which current "
            "servers need. Name, Vpc, Port and FleetRoleName stay what they are once a stack is "
            "made. Instead make a second one beside it (`spotkiln account apply --stack OTHER "
            "--set Name=OTHER --set Worker=no …`), release into it, let the host name lead to its "
            "load balancer, and delete this one afterwards: `spotkiln docs account`"
        )


def require_reachable(wanted: Mapping[str, str]) -> None:
    """Without a load balancer of its own, a stack needs both parts of one that is there.

    Raises:
        InputError: no request would come to the servers, or nobody could take the worker's role.
    """
    own = wanted.get("LoadBalancer", "yes") == "no"
    missing = [one for one in ("Listener", "BalancerGroup") if own and not wanted.get(one)]
    if missing:
        says = {
            "Listener": "Listener=ARN, or no rule would send requests to the servers",
            "BalancerGroup": "BalancerGroup=ID, the load balancer's security group, or it would "
            "not reach them",
        }
        raise InputError(
            "LoadBalancer=no needs the load balancer that is there: --set "
            + ", and --set ".join(says[one] for one in missing)
        )
    if (
        wanted.get("Worker", "yes") == "yes"
        and wanted.get("WorkerExternalId")
        and not wanted.get("WorkerTrust")
    ):
        raise InputError(
            "WorkerExternalId needs WorkerTrust: without it EC2 instances take the worker's role, "
            "and they say no external id, so that none could. --set WorkerTrust=ARN of who may "
            "take it, or --set WorkerExternalId="
        )
