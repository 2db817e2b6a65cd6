"""Blame: who is at fault for a target that is not healthy, and what to do about it."""

from spotkiln.serve.gate import Cause, GateOutcome, Verdict
from spotkiln.target import Health, Target


def failed(cause: Cause, detail: str, advice: str) -> Verdict:
    return Verdict(outcome=GateOutcome.FAILED, cause=cause, detail=detail, advice=advice)


def cause_of(target: Target) -> Cause:
    """Who is at fault for a target that is not healthy. Only an application that was asked and did
    not answer speaks against its image."""
    if target.health is Health.UNHEALTHY and not target.reason.startswith("Elb."):
        return Cause.FAILING_CHECK
    if target.health is Health.INITIAL:
        return Cause.BOOTING
    return Cause.MISCONFIGURED


SLOW = (
    " If it was still starting then, make `start_seconds` in spotkiln.yaml longer than its slowest "
    "start; or `gate.boot_seconds` or `gate.grace_seconds`, where the deployment says them."
)


def advice_for(target: Target, *, answered: bool) -> str:
    """What to do about it, by the load balancer's reason code. `answered`: whether it has ever been
    healthy."""
    slow = "" if answered else SLOW
    if target.health in {Health.UNUSED, Health.UNREGISTERED}:
        return (
            "The load balancer does not know or use it: may the fleet's role register targets, "
            "is its zone enabled?"
        )
    return {
        "Target.ResponseCodeMismatch": "The application answers, but with the wrong code: ask its "
        "health path on one machine and read its log in the evidence.",
        "Target.Timeout": "It does not answer in time: is the security group open to the load "
        "balancer, is the machine too small, does the application listen on all addresses?" + slow,
        "Target.FailedHealthChecks": "The connection fails: is the unit running (see the console "
        "output), does it listen on the target group's port?" + slow,
    }.get(target.reason, "See the evidence.")
