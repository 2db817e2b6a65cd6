"""The health gate: watch the new fleet until there is a verdict, and keep the evidence."""

import logging
from collections.abc import Callable

from prefect import task
from prefect.artifacts import create_markdown_artifact

from spotkiln.aws.serve.evidence import collect
from spotkiln.aws.serve.gate import watch
from spotkiln.aws.serve.ingress import explained
from spotkiln.aws.session import connect
from spotkiln.bake.infra import Infra
from spotkiln.errors import CapacityError, GateFailed, ImageRejected
from spotkiln.serve.evidence import Evidence, with_known_cause
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.gate import (
    BLAMES_CAPACITY,
    BLAMES_IMAGE,
    GatePolicy,
    Outcome,
    Verdict,
    limits,
)
from spotkiln.serve.observation import Observation
from spotkiln.serve.order import Order
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
    """Wait until the new fleet has proved itself; its servers as they were last seen.

    Raises:
        ImageRejected: it failed, and the image is to blame. The evidence is kept as an artifact.
        GateFailed: it failed, and the image is not to blame: a person must mend the load balancer
            or the account, what serves was unhealthy as well, or somebody cancelled the fleet.
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
    fleet: Fleet, order: Order, policy: GatePolicy, check: Callable[[], None]
) -> tuple[Fleet, tuple[Server, ...]]:
    """The fleet that passed the gate, and its servers.

    That is this one, which was launched for `order`. If Spot has no capacity for it, one with more
    pools or with On-Demand may take its place, as the order allows. `check` is called before each
    further request. Raises as `check` and as `pass_health_gate`.
    """
    while True:
        try:
            return fleet, pass_health_gate(fleet, order.infra, policy)
        except CapacityError as error:
            following = order.after(count_live(order.infra, fleet))
            if following is None:
                raise
            say(f"{error}: trying {following.wanted.in_words}", logging.WARNING)
            # Its servers have not been promoted. Both fleets at once may be more than quotas allow.
            cancel_fleet(order.infra, order.release)
            check()
            order, fleet = following, request_fleet(following)
