"""Target tracking: how many servers a load needs, and what AWS refuses of policies and scheduled
actions at once."""

import math
from collections.abc import Mapping
from typing import Any

from cronsim import CronSim, CronSimError

from sandbox.state.records import ACCOUNT_ID
from sandbox.state.scaling import Automatic, utcnow

# What a policy tracks -> what of the load that is.
METRICS = {
    "ASGAverageCPUUtilization": "cpu",
    "EC2SpotFleetRequestAverageCPUUtilization": "cpu",
    "ALBRequestCountPerTarget": "requests",
}


def wanted(automatic: Automatic, configuration: str) -> tuple[int, str] | None:
    """How many servers the load needs, and by which policy: of several the one that needs most.
    None where nothing is measured. AWS takes minutes of alarms for that; here it is at once."""
    found = []
    for name, policy in automatic.policies.items():
        settings = policy[configuration]
        kind = settings["PredefinedMetricSpecification"]["PredefinedMetricType"]
        if METRICS[kind] in automatic.load:
            load = automatic.load[METRICS[kind]]
            found.append((math.ceil(load / float(settings["TargetValue"])), name))
    return max(found, default=None)


def refused(policy: Mapping[str, Any], configuration: str, kinds: set[str]) -> str:
    """Why a policy is refused, in AWS's words; empty if it is not."""
    if policy.get("PolicyType") != "TargetTrackingScaling":
        return "the sandbox knows policies of the type TargetTrackingScaling"
    settings = policy.get(configuration) or {}
    if "TargetValue" not in settings:
        return f"{configuration} with a TargetValue must be specified."
    metric = settings.get("PredefinedMetricSpecification") or {}
    kind = metric.get("PredefinedMetricType")
    if kind not in kinds:
        return f"PredefinedMetricType {kind} is not supported."
    needs = kind == "ALBRequestCountPerTarget"
    label = str(metric.get("ResourceLabel") or "")
    if needs and not (label.startswith("app/") and "/targetgroup/" in label):
        return "ResourceLabel must be specified for ALBRequestCountPerTarget: app/.../targetgroup/"
    return ""


def alarms(of: str, region: str, name: str) -> list[dict[str, str]]:
    """Those that AWS makes for a policy."""
    names = [f"TargetTracking-{of}-{kind}-{name}" for kind in ("AlarmHigh", "AlarmLow")]
    arn = f"arn:aws:cloudwatch:{region}:{ACCOUNT_ID}:alarm"
    return [{"AlarmName": one, "AlarmARN": f"{arn}:{one}"} for one in names]


def is_cron(text: str) -> bool:
    """Five fields, as cron has them."""
    try:
        CronSim(text, utcnow())
    except CronSimError:
        return False
    return len(text.split()) == 5


def is_schedule(text: str) -> bool:
    """`cron(...)` with six fields, and `?` for one kind of day."""
    fields = text.removeprefix("cron(").removesuffix(")").split()
    whole = text.startswith("cron(") and text.endswith(")") and len(fields) == 6
    return whole and (fields[2] == "?") != (fields[4] == "?")
