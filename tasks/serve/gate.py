"""The health gate: watch the new fleet until there is a verdict, and keep the evidence."""

import logging
from collections.abc import Callable

from prefect import task
from prefect.artifacts import create_markdown_artifact

from spotkiln.aws.serve.evidence import collect
from spotkiln.aws.serve.gate import watch
from spotkiln.aws.serve.ingress import explained
from spotkiln.aws.session import connect
from spotkiln.bake.image import Image
from spotkiln.bake.infra import Infra
from spotkiln.errors import CapacityError, GateFailed, ImageRejected
from spotkiln.serve.evidence import Evidence, with_known_cause
from spotkiln.serve.fleet import Fleet, FleetSpec, next_attempt
from spotkiln.serve.gate import (
    BLAMES_CAPACITY,
    BLAMES_IMAGE,
    GatePolicy,
    Observation,
    Outcome,
    Verdict,
    limits,
)
from spotkiln.show.page import evidence_page
from spotkiln.target import Server
from spotkiln.tasks.progress import Bar
from spotkiln.tasks.serve.fleet import cancel_fleet, count_live, request_fleet
from spotkiln.tasks.step import CLOCK, STEP, say


class Progress:
    """Shows the wait: a progress artifact, and a log line when something changed."""

    def __init__(self, fleet: Fleet) -> None:
        self._capacity = fleet.capacity
        self._said = ""
        self._bar = Bar("health gate")
        self.last: Observation | None = None

    def __call__(self, observation: Observation, verdict: Verdict) -> None:
        self.last = observation
        words = f"{verdict.cause}: {verdict.detail}"
        if words != self._said:
            say(f"{observation.at:.0f} s: {words}")
            self._said = words
        live = sum(one.live for one in observation.instances)
        percent = 100 * (live + 2 * len(observation.healthy)) / (3 * self._capacity)
        self._bar.to(percent)


# A verdict is final, and infrastructure has had the whole deadline: no retries here.
@task(name="health gate", task_run_name="4 launch: health gate", cache_policy=STEP["cache_policy"])
def pass_health_gate(fleet: Fleet, infra: Infra, policy: GatePolicy) -> tuple[Server, ...]:
    """Wait until the new fleet, and nothing else, has proved itself; its servers as last seen.

    Raises:
        ImageRejected: it did not, and the image is to blame; the evidence is kept as an artifact.
        GateFailed: it did not, and nobody is to blame: the load balancer or the account needs
            mending, what serves was unhealthy as well, or somebody cancelled the fleet.
        CapacityError: EC2 had no machines for it in time, or the account's quota is used up.
    """
    aws = connect(infra.region)
    bounds = limits(policy, infra.target_group)
    say(
        f"deadlines: {bounds.fulfilment:.0f} s to launch, {bounds.grace:.0f} s of grace, "
        f"{bounds.health:.0f} s to be healthy, and then {bounds.settle:.0f} s without a break"
    )
    progress = Progress(fleet)
    verdict = watch(aws, fleet, infra, bounds, CLOCK, progress)
    if verdict.outcome is Outcome.HEALTHY:
        return progress.last.servers if progress.last else ()
    evidence = collect(aws, fleet, infra)
    verdict = explained(aws, infra, verdict, progress.last)
    verdict = with_known_cause(verdict, evidence, infra.target_group.health_check)
    _keep_evidence(fleet, verdict, evidence)
    text = f"the new servers did not pass the gate: {verdict}"
    if verdict.cause in BLAMES_CAPACITY:
        raise CapacityError(text)
    if verdict.cause in BLAMES_IMAGE:
        raise ImageRejected(text, verdict.cause, evidence.last_words)
    raise GateFailed(text, verdict.cause, evidence.last_words)


def _keep_evidence(fleet: Fleet, verdict: Verdict, evidence: Evidence) -> None:
    """On a page of its own. Whatever goes wrong here does not take the verdict's place."""
    try:
        create_markdown_artifact(
            key=f"evidence-{fleet.release}", markdown=evidence_page(fleet, verdict, evidence)
        )
    except Exception as error:  # noqa: BLE001 - the rollback must go on
        say(f"the evidence could not be kept: {error}", logging.WARNING)


def prove(
    fleet: Fleet,
    wanted: FleetSpec,
    asked: FleetSpec,
    image: Image,
    infra: Infra,
    policy: GatePolicy,
    tags: dict[str, str],
    check: Callable[[], None],
) -> tuple[Fleet, tuple[Server, ...]]:
    """The fleet that passed the gate, and its servers: this one, which was `wanted`, or one with
    more pools, then with On-Demand, in its place if Spot had no capacity and that is wanted.
    `check` is called before each further request. Raises as it and as `pass_health_gate`."""
    while True:
        try:
            return fleet, pass_health_gate(fleet, infra, policy)
        except CapacityError as error:
            following = next_attempt(wanted, count_live(infra, fleet))
            if following is None:
                raise
            say(f"{error}: trying {following.in_words}", logging.WARNING)
            cancel_fleet(infra, fleet.release)
            check()
            fleet = request_fleet(following, asked, image, infra, tags)
            wanted = following
