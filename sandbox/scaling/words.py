"""What Auto Scaling says of itself: causes, descriptions and status messages of activities."""

from sandbox.state.scaling import ScalingGroup, utcnow

LAUNCH_FAILED = "Launching EC2 instance failed."
ENDED = "in response to an EC2 health check indicating it has been terminated or stopped."
UNHEALTHY = "in response to an ELB system health check failure."
REBALANCE = "in response to an EC2 instance rebalance recommendation."
INTERRUPTED = "in response to an EC2 Spot interruption notice."
BY_HAND = "in response to a user health-check."
REQUESTED = "in response to a user request."


def now() -> str:
    return f"{utcnow():%Y-%m-%dT%H:%M:%SZ}"


def _at() -> str:
    return f"At {now()}"


def created(desired: int) -> str:
    return (
        f"{_at()} a user request created an AutoScalingGroup changing the desired capacity from 0 "
        f"to {desired}."
    )


def updated(before: int, after: int) -> str:
    return (
        f"{_at()} a user request explicitly set group desired capacity changing the desired "
        f"capacity from {before} to {after}."
    )


def alarmed(group: str, policy: str) -> str:
    return f"a monitor alarm TargetTracking-{group} in state ALARM triggered policy {policy}"


def scheduled(action: str) -> str:
    return f"an AutoScalingGroup update action {action} was executed"


def changed(why: str, before: int, after: int) -> str:
    return f"{_at()} {why} changing the desired capacity from {before} to {after}."


def started(group: ScalingGroup, actual: int) -> str:
    """Why an instance is launched beside `actual` others."""
    why = (
        f"{_at()} an instance was started in response to a difference between desired and actual "
        f"capacity, increasing the capacity from {actual} to {actual + 1}."
    )
    return f"{group.asked}  {why}" if group.asked else why


def taken_out(why: str) -> str:
    return f"{_at()} an instance was taken out of service {why}"


def shrunk(group: ScalingGroup, actual: int, instance_id: str) -> str:
    why = (
        f"{_at()} an instance was taken out of service in response to a difference between desired "
        f"and actual capacity, shrinking the capacity from {actual} to {actual - 1}.  {_at()} "
        f"instance {instance_id} was selected for termination."
    )
    return f"{group.asked}  {why}" if group.asked else why


def market(*, spot: bool) -> str:
    return "Spot" if spot else "On-Demand"


def not_launched(code: str, text: str, *, spot: bool) -> str:
    """A failed launch's status message. EC2's error is told with its code."""
    return f"Could not launch {market(spot=spot)} Instances. {code} - {text} {LAUNCH_FAILED}"
