"""Scaling as Auto Scaling does it: policies and scheduled actions are the group's own, and go with
it. So is what suspends them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from spotkiln import tags as t
from spotkiln.aws.errors import aws_errors
from spotkiln.aws.serve.auto_scaling.request import tags_of
from spotkiln.aws.serve.balancing import target_tracking
from spotkiln.aws.session import Aws
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.order import Order
from spotkiln.serve.scaling import CPU, ON, REQUESTS, Scheduled, to_suspend

# The processes by which AWS changes a group's size.
PROCESSES = ("AlarmNotification", "ScheduledActions")
METRICS = {CPU: "ASGAverageCPUUtilization", REQUESTS: "ALBRequestCountPerTarget"}


def policy_request(order: Order, group: str, name: str, value: int) -> dict[str, Any]:
    """PutScalingPolicy's parameters."""
    return {
        "AutoScalingGroupName": group,
        "PolicyName": name,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingConfiguration": target_tracking(
            METRICS[name], value, order.infra.target_group if name == REQUESTS else None
        ),
    }


def action_request(group: str, name: str, one: Scheduled) -> dict[str, Any]:
    """PutScheduledUpdateGroupAction's parameters. What is not given stays as it is then."""
    sizes = {"MinSize": one.minimum, "MaxSize": one.most, "DesiredCapacity": one.desired}
    return {
        "AutoScalingGroupName": group,
        "ScheduledActionName": name,
        "Recurrence": one.cron,
        "TimeZone": one.timezone,
        **{key: value for key, value in sizes.items() if value is not None},
    }


def put(aws: Aws, order: Order, group: str) -> None:
    """Give a new group its scaling, suspended. Each call can be repeated."""
    scaling = order.asked.scaling
    if not scaling.used:
        return
    _suspend(aws, group, PROCESSES)
    with aws_errors(f"scaling of group {group}"):
        for name, value in scaling.targets.items():
            aws.scaling.put_scaling_policy(**policy_request(order, group, name, value))
        for name, one in scaling.actions.items():
            aws.scaling.put_scheduled_update_group_action(**action_request(group, name, one))


def _suspend(aws: Aws, group: str, processes: tuple[str, ...]) -> None:
    with aws_errors(f"suspending the scaling of group {group}"):
        aws.scaling.suspend_processes(AutoScalingGroupName=group, ScalingProcesses=list(processes))


def _tag(aws: Aws, group: str, value: str) -> None:
    with aws_errors(f"tagging group {group}"):
        aws.scaling.create_or_update_tags(Tags=tags_of(group, {t.SCALING: value}))


def _open(aws: Aws, group: str) -> tuple[str, ...]:
    """Of the processes that scale those which nobody has suspended."""
    with aws_errors(f"group {group}"):
        answer = aws.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group])
    told: list[Mapping[str, Any]] = answer["AutoScalingGroups"]
    held = {one["ProcessName"] for each in told for one in each.get("SuspendedProcesses", [])}
    return tuple(one for one in PROCESSES if one not in held)


def suspend(aws: Aws, fleet: Fleet, release: str) -> None:
    """The tag before the call. What a release that died had suspended is taken over."""
    new = to_suspend(fleet.suspension, release, partial(_open, aws, fleet.id))
    if new is None:
        return
    if fleet.suspension != new:
        _tag(aws, fleet.id, new.to_tag())
    _suspend(aws, fleet.id, new.of or PROCESSES)


def resume(aws: Aws, fleet: Fleet) -> None:
    """The call before the tag: until it is done the tag says what is to be done."""
    if fleet.suspension is None:
        return
    with aws_errors(f"resuming the scaling of group {fleet.id}"):
        aws.scaling.resume_processes(
            AutoScalingGroupName=fleet.id,
            ScalingProcesses=list(fleet.suspension.of or PROCESSES),
        )
    _tag(aws, fleet.id, ON)
