"""Policies and scheduled actions of one Auto Scaling group: what AWS refuses, and what they do."""

from collections.abc import Mapping
from typing import Any

from moto.autoscaling.exceptions import ValidationError

from sandbox.scaling import tracking, words
from sandbox.state.scaling import ScalingGroup

CONFIGURATION = "TargetTrackingConfiguration"
_KINDS = {"ASGAverageCPUUtilization", "ALBRequestCountPerTarget"}


def put_policy(group: ScalingGroup, asked: Mapping[str, Any]) -> None:
    if why := tracking.refused(asked, CONFIGURATION, _KINDS):
        raise ValidationError(why)
    group.automatic.policies[str(asked["PolicyName"])] = dict(asked)


def put_action(group: ScalingGroup, asked: Mapping[str, Any]) -> None:
    recurrence = str(asked.get("Recurrence") or "")
    if recurrence and not tracking.is_cron(recurrence):
        raise ValidationError(f"Given recurrence string: {recurrence} is invalid.")
    given = [asked.get(one) for one in ("MinSize", "DesiredCapacity", "MaxSize")]
    sizes = [int(one) for one in given if one is not None]
    if not sizes or sizes != sorted(sizes):
        raise ValidationError(
            "Given values of MinSize, MaxSize and DesiredCapacity are not valid: "
            f"{', '.join(map(str, given))}"
        )
    group.automatic.scheduled[str(asked["ScheduledActionName"])] = dict(asked)


def by_action(group: ScalingGroup, name: str) -> tuple[int, str] | None:
    """The size that a scheduled action gives a group, and why; its bounds are set. None if it is
    suspended: then it passes by."""
    if not group.does("ScheduledActions"):
        return None
    asked = group.automatic.scheduled[name]
    group.settings |= {k: asked[k] for k in ("MinSize", "MaxSize") if asked.get(k) is not None}
    wanted = int(asked.get("DesiredCapacity") or group.desired)
    return _bounded(group, wanted), words.scheduled(name)


def by_load(group: ScalingGroup) -> tuple[int, str] | None:
    """The size that a group's policies give it, and why. None if none does anything."""
    found = tracking.wanted(group.automatic, CONFIGURATION)
    if found is None or group.deleting or not group.does("AlarmNotification"):
        return None
    return _bounded(group, found[0]), words.alarmed(group.name, found[1])


def _bounded(group: ScalingGroup, wanted: int) -> int:
    return min(max(wanted, int(group.settings["MinSize"])), int(group.settings["MaxSize"]))
