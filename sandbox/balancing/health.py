"""How a target's health changes from one check to the next. Needs no clock and no network."""

from dataclasses import dataclass
from typing import Any

from sandbox.machines.protocol import ProbeResult
from sandbox.state.records import Target

INITIAL = ("Elb.InitialHealthChecking", "Initial health checks in progress")
DRAINING = ("Target.DeregistrationInProgress", "Target deregistration is in progress")
NOT_REGISTERED = ("Target.NotRegistered", "Target is not registered to the target group")
GROUP_NOT_IN_USE = (
    "Target.NotInUse",
    "Target group is not configured to receive traffic from the load balancer",
)
ZONE_NOT_ENABLED = (
    "Target.NotInUse",
    "Target is in an Availability Zone that is not enabled for the load balancer",
)
DISABLED = ("Target.HealthCheckDisabled", "Health checks are disabled for this target group")


@dataclass(frozen=True)
class HealthCheck:
    """A target group's settings. Intervals are in seconds. `port` None: the target's own port."""

    path: str
    port: int | None
    interval: float
    timeout: float
    healthy: int
    unhealthy: int
    matcher: str
    enabled: bool = True

    @classmethod
    def of(cls, group: Any) -> "HealthCheck":
        """From moto's target group."""
        port = str(group.health_check_port or "traffic-port")
        return cls(
            path=group.health_check_path or "/",
            port=int(port) if port.isdigit() else None,
            interval=float(group.health_check_interval_seconds),
            timeout=float(group.health_check_timeout_seconds),
            healthy=int(group.healthy_threshold_count),
            unhealthy=int(group.unhealthy_threshold_count),
            matcher=str((getattr(group, "matcher", None) or {}).get("HttpCode") or "200"),
            enabled=bool(group.health_check_enabled),
        )

    def accepts(self, code: int) -> bool:
        """Whether the status code matches. The matcher is like "200", "200,202" or "200-299"."""
        for part in self.matcher.split(","):
            low, _, high = part.strip().partition("-")
            if int(low) <= code <= int(high or low):
                return True
        return False


def judge(target: Target, check: HealthCheck, result: ProbeResult) -> None:
    """Update the target by one check's result. A new target needs one passing check. The healthy
    threshold counts only for an unhealthy one."""
    if result.code is not None and check.accepts(result.code):
        target.passed, target.failed = target.passed + 1, 0
        needed = check.healthy if target.state == "unhealthy" else 1
        if target.passed >= needed:
            target.state, target.reason, target.description = "healthy", "", ""
        return
    target.passed, target.failed = 0, target.failed + 1
    if target.failed >= check.unhealthy:
        target.state = "unhealthy"
        target.reason, target.description = reason(result)
    elif target.state == "initial":
        target.reason, target.description = INITIAL


def reason(result: ProbeResult) -> tuple[str, str]:
    if result.code is not None:
        return (
            "Target.ResponseCodeMismatch",
            f"Health checks failed with these codes: [{result.code}]",
        )
    if result.error == "timeout":
        return "Target.Timeout", "Request timed out"
    return "Target.FailedHealthChecks", "Health checks failed"
