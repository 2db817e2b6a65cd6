"""Takes a new fleet through the gate; if it fails, finds out why."""

from collections.abc import Callable

from spotkiln.aws.serve.batch import Batch
from spotkiln.aws.serve.evidence import collect
from spotkiln.aws.serve.gate import watch
from spotkiln.aws.serve.ingress import explained
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.poll import Clock
from spotkiln.serve.evidence import Evidence, with_known_cause
from spotkiln.serve.failure import failure_of
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.gate import Cause, GateOutcome, GatePolicy, Verdict, limits
from spotkiln.serve.observation import Observation
from spotkiln.target import Server

# Told of each look and what it led to; and of a failure, with all that was saved of it.
Progress = Callable[[Observation, Verdict], None]
Keep = Callable[[Verdict, Evidence], None]


def pass_gate(
    aws: Aws,
    fleet: Fleet,
    infra: Infra,
    policy: GatePolicy,
    *,
    clock: Clock,
    say: Callable[[str], None],
    progress: Progress,
    keep: Keep,
    batch: Batch | None = None,
    patient: Callable[[], bool] = lambda: False,
) -> tuple[Server, ...]:
    """Wait until a fleet has proved itself, and a `batch` of it is over; its servers as they were
    last seen. `patient`: see `watch`.

    Raises:
        CapacityError, ImageRejected, GateFailed: it did not (`spotkiln.serve.failure`). What was
            saved of it has been given to `keep`. GateFailed also if the batch is to go.
    """
    bounds = limits(policy, *infra.groups)
    say(
        f"deadlines: {bounds.fulfilment:.0f} s to launch, {bounds.grace:.0f} s of grace, "
        f"{bounds.health:.0f} s to be healthy, and then {bounds.settle:.0f} s without a break"
    )
    last: list[Observation] = []

    def seen(observation: Observation, verdict: Verdict) -> None:
        last[:] = [observation]
        progress(observation, verdict)

    verdict = watch(aws, fleet, infra, bounds, clock, seen, batch, patient)
    if verdict.outcome is GateOutcome.HEALTHY:
        return last[0].servers
    evidence = collect(aws, fleet, infra, last[0].scaled_in)
    if verdict.cause is Cause.CANCELLED:
        who = f"CloudTrail says who ({launchers(aws).of(fleet).stop_call})."
        verdict = verdict.model_copy(update={"advice": f"{verdict.advice} {who}"})
    verdict = explained(aws, infra, verdict, last[0])
    asks = infra.named(next((one.group for one in evidence.targets if one.group), ""))
    verdict = with_known_cause(verdict, evidence, asks.health_check)
    keep(verdict, evidence)
    raise failure_of(verdict, evidence.last_words)
