"""The health gate: watch the new fleet until there is a verdict, and keep the evidence."""

import logging
from collections.abc import Callable
from functools import partial

from prefect import task
from prefect.artifacts import create_markdown_artifact

from spotkiln.aws.serve.batch import Batch, Watched, watched
from spotkiln.aws.serve.gate import all_healthy
from spotkiln.aws.serve.pass_gate import pass_gate
from spotkiln.aws.session import connect
from spotkiln.bake.infra import Infra
from spotkiln.errors import CapacityError
from spotkiln.serve.evidence import Evidence
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.gate import GateOutcome, GatePolicy, Verdict
from spotkiln.serve.observation import Observation
from spotkiln.serve.order import Order
from spotkiln.serve.traffic import Traffic
from spotkiln.show.evidence import EVIDENCE, evidence_page
from spotkiln.target import Server
from spotkiln.tasks.progress import Bar
from spotkiln.tasks.serve.fleet import cancel_fleet, count_live, enlarge_fleet, request_fleet
from spotkiln.tasks.step import CLOCK, STEP, say


class Progress:
    """Shows the wait: as a progress artifact, and as a line in the log when something changes. It
    ends if `check` says so."""

    def __init__(self, fleet: Fleet, check: Callable[[], None]) -> None:
        self._capacity = fleet.capacity
        self._check = check
        self._said = ""
        self._bar = Bar("health gate")

    def __call__(self, observation: Observation, verdict: Verdict) -> None:
        self._check()
        words = f"{verdict.cause}: {verdict.detail}"
        if words != self._said:
            say(f"{observation.at:.0f} s: {words}")
            self._said = words
        healthy = verdict.outcome is GateOutcome.HEALTHY
        self._bar.to(100 if healthy else observation.percent(self._capacity), words)


# No retries: a verdict is final, and infrastructure has had all the time of the deadlines.
@task(name="health gate", task_run_name="4 launch: health gate", cache_policy=STEP["cache_policy"])
def pass_health_gate(
    fleet: Fleet,
    infra: Infra,
    policy: GatePolicy,
    check: Callable[[], None],
    batch: Batch | None = None,
    patient: Callable[[], bool] = lambda: False,
) -> tuple[Server, ...]:
    """Wait until the new fleet has proved itself, and a `batch` of it is over; its servers as they
    were last seen. `check` is asked at each look, and raises if nobody waits for the fleet any
    more. `patient`: whether something else is waited for anyway.

    Raises:
        ImageRejected: it failed, and the image is to blame. The evidence is kept as an artifact.
        GateFailed: it failed, and the image is not to blame: a person must mend the load balancer
            or the account, what serves was unhealthy as well, or somebody cancelled the fleet. Or a
            signal or a person takes the batch back.
        CapacityError: EC2 had no machines for it in time, or the account's quota is used up.
    """
    return pass_gate(
        connect(infra.region),
        fleet,
        infra,
        policy,
        clock=CLOCK,
        say=say,
        progress=Progress(fleet, check),
        keep=partial(_keep_evidence, fleet),
        batch=batch,
        patient=patient,
    )


def _keep_evidence(fleet: Fleet, verdict: Verdict, evidence: Evidence) -> None:
    """Keep it on a page of its own. An error here does not take the place of the verdict."""
    try:
        create_markdown_artifact(
            key=f"{EVIDENCE}{fleet.release}", markdown=evidence_page(fleet, verdict, evidence)
        )
    except Exception as error:  # noqa: BLE001 - the rollback must go on
        say(f"the evidence could not be kept: {error}", logging.WARNING)


@task(name="see the servers", task_run_name="4 launch: see the servers once more", **STEP)
def still_healthy(fleet: Fleet, infra: Infra) -> bool:
    """Whether all of a fleet that has passed the gate are healthy now."""
    return all_healthy(connect(infra.region), fleet, infra, CLOCK)


@task(name="signals", task_run_name="4 launch: look at the signals", **STEP)
def watch_batches(infra: Infra, traffic: Traffic, trial: Callable[[int], None] | None) -> Watched:
    """What is looked at beside the gates of batches; before anything is launched.

    Raises:
        GateFailed: an alarm is on already.
    """
    return watched(connect(infra.region), infra, traffic, CLOCK, trial)


def prove(
    fleet: Fleet,
    order: Order,
    policy: GatePolicy,
    check: Callable[[], None],
    wanted: Callable[[], None] = lambda: None,
    beside: Watched | None = None,
    patient: Callable[[], bool] = lambda: False,
) -> tuple[Fleet, tuple[Server, ...]]:
    """The fleet that passed the gate, in batches if it was ordered so, and its servers.

    That is this one, which was launched for `order`. If Spot has no capacity for it, one with more
    pools or with On-Demand may take its place, as the order allows. `check` is called before each
    further request, `wanted` at each look. `beside` is what is looked at beside the gates of
    batches, `patient` whether something else is waited for anyway. Raises as these and as
    `pass_health_gate`.
    """
    while True:
        try:
            if beside and order.batches:
                return _in_batches(fleet, order, policy, check, beside)
            return fleet, pass_health_gate(fleet, order.infra, policy, wanted, None, patient)
        except CapacityError as error:
            following = order.after(count_live(order.infra, fleet))
            if following is None:
                raise
            say(f"{error}: trying {following.wanted.in_words}", logging.WARNING)
            # Its servers have not been promoted. Both fleets at once may be more than quotas allow.
            cancel_fleet(order.infra, order.release)
            check()
            order, fleet = following, request_fleet(following)


def _in_batches(
    fleet: Fleet,
    order: Order,
    policy: GatePolicy,
    check: Callable[[], None],
    beside: Watched,
) -> tuple[Fleet, tuple[Server, ...]]:
    """One batch after the other, each through the gate."""
    plan, at = order.batches, 0
    try:
        while True:
            batch = beside.batch(connect(order.infra.region), fleet, plan, at, CLOCK)
            say(f"batch {at + 1} of {len(plan)}: {plan[at]}, of {order.wanted.capacity}")
            servers = pass_health_gate(fleet, order.infra, policy, check, batch)
            if at == len(plan) - 1:
                return fleet, servers
            at = len(plan) - 1 if batch.hurried else at + 1
            check()
            fleet = enlarge_fleet(order, fleet, plan[at].servers)
    except Exception:
        beside.trials.end(say)
        raise
