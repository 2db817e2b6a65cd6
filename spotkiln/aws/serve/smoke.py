"""Where new servers are tried: behind the listener for smoke tests, or at their own addresses."""

from spotkiln.aws.errors import aws_errors
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra, SmokeListener, TargetGroup
from spotkiln.errors import InfrastructureError, InputError
from spotkiln.serve.fleet import Phase


def find_smoke_listener(
    aws: Aws, first: TargetGroup, second: TargetGroup, port: int
) -> SmokeListener:
    """Source: ELBv2 DescribeListeners and DescribeLoadBalancers.

    Raises:
        InputError: the load balancer has no listener of this port, or it is for other things, too.
    """
    balancer = first.load_balancers[0]
    with aws_errors(f"the listeners of {balancer}"):
        pages = aws.elbv2.get_paginator("describe_listeners").paginate(LoadBalancerArn=balancer)
        found = {one["Port"]: one for page in pages for one in page["Listeners"]}
    if port not in found:
        ports = ", ".join(map(str, sorted(found)))
        raise InputError(
            f"expected a listener of port {port} (`infra.test_port`), the load balancer of "
            f"{first.name} has {ports}: make one that forwards to {second.name}"
        )
    listener = found[port]
    with aws_errors(f"the rules of port {port}"):
        told = aws.elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
        balancers = aws.elbv2.describe_load_balancers(LoadBalancerArns=[balancer])
    actions = [one for rule in told for one in rule["Actions"]]
    groups = {
        one.get("TargetGroupArn", "")
        for action in actions
        for one in action.get("ForwardConfig", {}).get("TargetGroups", [])
    } | {one.get("TargetGroupArn", "") for one in actions if not one.get("ForwardConfig")}
    if len(actions) != 1 or not groups <= {first.arn, second.arn}:
        raise InputError(
            f"the listener of port {port} (`infra.test_port`) does more than to forward to "
            f"{first.name} or {second.name}: a release changes it, so it must be for smoke tests "
            "alone"
        )
    name = balancers["LoadBalancers"][0]["DNSName"]
    scheme = str(listener["Protocol"]).lower()
    return SmokeListener(arn=listener["ListenerArn"], url=f"{scheme}://{name}:{port}")


def point_at(aws: Aws, infra: Infra, group: TargetGroup) -> str:
    """Let the servers of this target group answer smoke tests. The address at which they do."""
    if infra.smoke_listener is None:
        raise InputError("no listener for smoke tests is known: set `infra.test_port`")
    with aws_errors(f"sending smoke tests to {group.name}"):
        aws.elbv2.modify_listener(
            ListenerArn=infra.smoke_listener.arn,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group.arn}],
        )
    return infra.smoke_listener.url


def address_of_newest(aws: Aws, infra: Infra, release: str) -> str:
    """The address of the newest of a release's own servers: one of its latest batch.

    Raises:
        InfrastructureError: none runs.
    """
    each = launchers(aws)
    members = [
        one
        for fleet in each.of_release(release)
        if fleet.phase is Phase.PENDING
        for one in each.members(fleet)
        if one.state == "running" and one.address
    ]
    if not members:
        raise InfrastructureError(f"none of the new servers of {release} runs")
    newest = max(members, key=lambda one: (one.launched, one.id))
    group = infra.target_group
    return f"{group.protocol.lower()}://{newest.address}:{group.port}"
