"""Where the requests of a stack's load balancer go now: a release has moved them since."""

from collections.abc import Mapping

from spotkiln.aws.errors import aws_errors
from spotkiln.aws.keep import lease
from spotkiln.aws.serve.weights import weights_of
from spotkiln.aws.session import Aws, client_of
from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.serve.weights import Weights

# The stack's name for each target group, and the parameter that is its weight.
PAIR = {"TargetGroup": "BlueWeight", "GreenTargetGroup": "GreenWeight"}
_RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"


class Present(Noun):
    """`parameters` of the template, and the same in words. Empty: the stack has no rule."""

    parameters: dict[str, str]
    words: str


NOWHERE = Present(parameters={}, words="")


def present(aws: Aws, stack: str) -> Present:
    """What the rules of a stack have now.

    Raises:
        InputError: a release is under way, or requests go to both groups or to none of them.
    """
    groups, rules = _made(aws, stack)
    if not groups.keys() >= PAIR.keys():
        return NOWHERE
    arns = {groups[name]: groups[name].split("/")[1] for name in PAIR}
    _require_quiet(aws, stack, arns)
    if not rules:
        return NOWHERE
    with aws_errors(f"the rules of stack {stack}"):
        told = aws.elbv2.describe_rules(RuleArns=rules)["Rules"]
    each = [weights_of(one) for one in told]
    (found, *others) = [
        Weights(of={name: one.get(arn, 0) for arn, name in arns.items()}) for one in each
    ]
    for one in (found, *others):
        if one.active != found.active:
            raise InputError(f"stack {stack}: its rules do not agree: {found}, and {one}")
    of = {key: str(found.of[arns[groups[name]]]) for name, key in PAIR.items()}
    return Present(parameters=of, words=str(found))


def _require_quiet(aws: Aws, stack: str, arns: Mapping[str, str]) -> None:
    """A release that is under way moves the weights while the stack would be changed."""
    now = aws.now()
    for arn, leases in lease.by_group(aws, list(arns)).items():
        for one in leases:
            if one.fresh(now):
                raise InputError(
                    f"stack {stack}: release {one.release} is under way on target group "
                    f"{arns[arn]}, and moves its requests. Try again when it has ended"
                )


def _made(aws: Aws, stack: str) -> tuple[dict[str, str], list[str]]:
    """ARNs of its target groups, by the stack's names for them, and of its rules. Source:
    CloudFormation ListStackResources."""
    with aws_errors(f"stack {stack}"):
        pages = client_of(aws, "cloudformation").get_paginator("list_stack_resources")
        found = [
            one
            for page in pages.paginate(StackName=stack)
            for one in page["StackResourceSummaries"]
            if one.get("PhysicalResourceId") and one["ResourceStatus"] != "DELETE_COMPLETE"
        ]
    groups = {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for one in found
        if one["LogicalResourceId"] in PAIR
    }
    return groups, [one["PhysicalResourceId"] for one in found if one["ResourceType"] == _RULE]
