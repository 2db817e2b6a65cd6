"""Targets of a target group: their health, and their deregistration."""

from collections.abc import Iterable

from botocore.exceptions import ClientError

from spotkiln.aws.errors import aws_errors, code_of
from spotkiln.aws.session import Aws
from spotkiln.target import Health, Target


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
