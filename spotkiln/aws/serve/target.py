"""Targets of a target group: their health, and their deregistration."""

from collections.abc import Iterable
from contextlib import suppress

from botocore.exceptions import ClientError

from spotkiln.aws.errors import AwsMissing, aws_errors, code_of
from spotkiln.aws.session import Aws
from spotkiln.serve.fleet import name_of
from spotkiln.target import Health, Target

# In seconds, where a group says nothing.
USUAL_DELAY = 300


def health(aws: Aws, target_group: str) -> dict[str, Target]:
    """All targets of a group by instance id, draining ones too.

    Source: ELBv2 DescribeTargetHealth, which has no pages.
    """
    with aws_errors(f"target health of {target_group}"):
        answer = aws.elbv2.describe_target_health(TargetGroupArn=target_group)
    targets = {}
    for description in answer["TargetHealthDescriptions"]:
        state = description.get("TargetHealth", {})
        instance = description.get("Target", {}).get("Id", "")
        targets[instance] = Target(
            instance=instance,
            health=Health(state.get("State", "unused")),
            reason=state.get("Reason", ""),
            description=state.get("Description", ""),
        )
    return targets


def healths(
    aws: Aws, target_groups: Iterable[str], further: Iterable[str] = ()
) -> dict[str, dict[str, Target]]:
    """The same of several (ARNs), by the group's name. Of `further` ones those that nobody has
    deleted."""
    found = {name_of(one) or one: health(aws, one) for one in target_groups}
    for one in further:
        with suppress(AwsMissing):
            found[name_of(one) or one] = health(aws, one)
    return found


def delays(aws: Aws, target_groups: Iterable[str]) -> dict[str, int]:
    """The deregistration delays in seconds of those (ARNs) that are still there.

    Source: ELBv2 DescribeTargetGroupAttributes.
    """
    found = {}
    for arn in target_groups:
        with suppress(AwsMissing), aws_errors(f"attributes of target group {arn}"):
            answer = aws.elbv2.describe_target_group_attributes(TargetGroupArn=arn)
            told = {one.get("Key", ""): one.get("Value", "") for one in answer["Attributes"]}
            found[arn] = int(told.get("deregistration_delay.timeout_seconds") or USUAL_DELAY)
    return found


def deregister(aws: Aws, target_group: str, instances: Iterable[str]) -> None:
    """Start draining these. Targets that the group does not know are no error."""
    wanted = sorted(instances)
    if not wanted:
        return
    try:
        aws.elbv2.deregister_targets(
            TargetGroupArn=target_group, Targets=[{"Id": one} for one in wanted]
        )
    except ClientError as error:
        if code_of(error) not in {"InvalidTarget", "InvalidTargetException"}:
            with aws_errors(f"deregistering {', '.join(wanted)}"):
                raise
        if len(wanted) > 1:
            for one in wanted:
                deregister(aws, target_group, [one])
