"""Watches a new fleet until the gate has a verdict."""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress

from spotkiln import tags as t
from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve import target as targets
from spotkiln.aws.serve.batch import Batch
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.errors import SpotkilnError
from spotkiln.poll import TICK_SECONDS, Backoff, Clock, Done, Waiting, poll
from spotkiln.serve.fleet import Fleet, State
from spotkiln.serve.gate import GateOutcome, Limits, Verdict
from spotkiln.serve.judge import judge, verdict_within
from spotkiln.serve.observation import (
    PATIENT_SECONDS,
    SELDOM_SECONDS,
    Observation,
    pause_after,
)
from spotkiln.serve.problem import Problem
from spotkiln.serve.unready import Unready, unready
from spotkiln.target import (
    End,
    Health,
    Instance,
    Server,
    Target,
    in_all,
    in_any,
    server_of,
)

# While all is well, EC2 and the launcher have little to tell that the load balancer does not: they
# are asked at every so many looks.
WHOLE_EVERY = 12
# How often the consoles of those that do not answer are read, in seconds, and of how many: they all
# boot alike. Not before the first can have booted.
CONSOLE_SECONDS = 20.0
CONSOLES = 2
# A fleet has launched hardly anything before so many seconds, and nothing that answers.
FIRST_SECONDS = 3.0
# Of a gate that may still be passed.
OPEN = {GateOutcome.HEALTHY, GateOutcome.WAITING}
# What the load balancer says of a target that runs and is checked.
CHECKED = {Health.INITIAL, Health.HEALTHY, Health.UNHEALTHY}


def with_health(
    live: list[Instance], registered: Mapping[str, Mapping[str, Target]]
) -> tuple[Target, ...]:
    """Each live instance of a fleet with its health in its target groups, by their names. One that
    a load balancer does not know yet is `unregistered`."""
    return tuple(in_all([one.id for one in live], registered))


class Watch:
    """Everything seen of one fleet since the gate was entered, and of what serves beside it.

    Three are asked: the load balancer at every look, EC2 while an instance is not as it should be
    or when there is a new target, the launcher while an instance is missing. A whole look asks all
    three, whatever is known.
    """

    def __init__(self, aws: Aws, fleet: Fleet, infra: Infra, clock: Clock) -> None:
        self._aws = aws
        self._fleet = fleet
        self._launcher = launchers(aws).of(fleet)
        self._group, self._groups = infra.target_group, infra.groups
        self._other = infra.first or infra.second
        self._clock = clock
        self._start = clock.now()
        # At how many AWS said that it keeps the fleet, at most and by its last word. Right after a
        # change it may tell of less than there will be.
        self._most = self._kept_at = 0
        self._problems_at = self._start
        self._state, self._status = State.KEPT, fleet.status
        self._problems: tuple[Problem, ...] = ()
        self._zones: dict[str, str] = {}
        self._beside: dict[str, Target] = {}
        self._beside_at = -math.inf
        self._members: list[Instance] = []
        # All that the load balancer has told of so far.
        self._told: set[str] = set()
        # Only what is configured can fail to be read, and what is named to be mounted.
        self._may_be_unready = infra.configuration.sources.asked or bool(infra.mounts)
        self._unready: dict[str, Unready] = {}
        self._read_at = self._start
        self.seen: list[Observation] = []

    def look(self, *, whole: bool = False) -> Observation:
        whole = whole or (len(self.seen) + 1) % WHOLE_EVERY == 0
        asked = whole or not self._as_it_should_be()
        if asked:
            self._ask_ec2()
        missing = len(self._live()) < self._fleet.capacity - self.scaled_in
        if whole or missing:
            self._ask_the_launcher(missing=missing)
        # None is registered before it runs, and what serves is only compared with what runs.
        running = any(one.state == "running" for one in self._live())
        by_group = self._registered(whole=whole) if running else {self._group.name: {}}
        registered = in_any(by_group)
        if not asked and registered.keys() - self._told:
            # A new target may be the fleet's own, and then it is nothing to compare with.
            self._ask_ec2()
        self._told |= registered.keys()
        self._read_consoles(registered)
        known = {one.id for one in self._members}
        others = [target for name, target in registered.items() if name not in known]
        observation = Observation(
            at=self._clock.now() - self._start,
            state=self._state,
            status=self._status,
            instances=tuple(self._members),
            targets=with_health(self._live(), by_group),
            control=self._with_zones(others),
            problems=self._problems,
            unready=tuple(self._unready.values()),
            scaled_in=self.scaled_in,
        )
        self.seen.append(observation)
        return observation

    @property
    def scaled_in(self) -> int:
        """By how many servers somebody has made it smaller meanwhile: since AWS first told of its
        size, or before that, if servers have ended."""
        if not self._most:
            return 0
        ended = sum(one.end is End.BY_OTHERS for one in self._members)
        unseen = min(self._fleet.capacity - self._kept_at, ended)
        return max(self._most - self._kept_at, unseen, 0)

    def _read_consoles(self, registered: Mapping[str, Target]) -> None:
        """Whether one that does not answer yet will not do so at all."""
        now = self._clock.now()
        if not self._may_be_unready or now - self._read_at < CONSOLE_SECONDS:
            return
        self._read_at = now
        silent = [
            one.id
            for one in self._live()
            if one.id in registered and registered[one.id].health is not Health.HEALTHY
        ]
        for name in silent[:CONSOLES]:
            with suppress(SpotkilnError):
                console = instances.console(self._aws, name)
                if found := unready(name, self._fleet.tags.get(t.APP, ""), console):
                    self._unready[name] = found

    def _ask_ec2(self) -> None:
        self._members = self._launcher.members(self._fleet.id, self._fleet.capacity)

    def _registered(self, *, whole: bool) -> dict[str, dict[str, Target]]:
        """By the target group's name. Of a pair both are told as one: what serves is in the other
        one. That is asked seldom: a target that has turned unhealthy stays so for several health
        checks."""
        found = targets.healths(self._aws, (one.arn for one in self._groups))
        if self._other:
            check, now = self._other.health_check, self._clock.now()
            lasts = check.healthy_threshold * check.interval - TICK_SECONDS
            if whole or now - self._beside_at >= lasts:
                self._beside_at = now
                self._beside = targets.health(self._aws, self._other.arn)
            found[self._group.name] = {**self._beside, **found[self._group.name]}
        return found

    def _live(self) -> list[Instance]:
        return [one for one in self._members if one.live]

    def _as_it_should_be(self) -> bool:
        """Whether, at the look before, all ran and the load balancer checked each of them."""
        running = sum(one.state == "running" for one in self._members)
        last = self.seen[-1].targets if self.seen else ()
        return running >= self._fleet.capacity and all(one.health in CHECKED for one in last)

    def _ask_the_launcher(self, *, missing: bool) -> None:
        found = self._launcher.find(self._fleet.id)
        # Right after the request it may not be seen yet: that is no verdict.
        if found:
            self._state, self._status = found.state, found.status
            self._kept_at = found.capacity
            self._most = max(self._most, found.capacity)
        now = self._clock.now()
        new = now - self._problems_at > self._launcher.late_seconds
        if (missing and new) or (found and found.stuck):
            self._problems_at = now
            self._problems = tuple(self._launcher.problems(self._fleet.id))

    def _with_zones(self, others: list[Target]) -> tuple[Server, ...]:
        """The servers of other fleets. Their zones are looked up only if the load balancer keeps
        requests inside a zone."""
        new = {one.instance for one in others} - set(self._zones)
        if new and not all(one.cross_zone for one in self._groups):
            self._zones |= {one.id: one.zone for one in instances.by_id(self._aws, new)}
        return tuple(
            server_of(one, None).model_copy(update={"zone": self._zones.get(one.instance, "")})
            for one in others
        )


def all_healthy(aws: Aws, fleet: Fleet, infra: Infra, clock: Clock) -> bool:
    """One look: whether as many servers of a fleet as it asks for are healthy."""
    watching = Watch(aws, fleet, infra, clock)
    return len(watching.look(whole=True).healthy) >= fleet.capacity - watching.scaled_in


def watch(
    aws: Aws,
    fleet: Fleet,
    infra: Infra,
    limits: Limits,
    clock: Clock,
    progress: Callable[[Observation, Verdict], None],
    batch: Batch | None = None,
    patient: Callable[[], bool] = lambda: False,
) -> Verdict:
    """Look until `judge` says healthy or failed. `progress` is called with each look. A `batch` is
    asked as well, all along, and stays once it is healthy. As long as it is `patient`, whoever
    waits for the fleet waits for something else anyway: AWS is asked seldom.

    Raises:
        DeadlineExceeded: a look did not end; the verdict has deadlines of its own.
        GateFailed: the batch is to go.
    """
    watching = Watch(aws, fleet, infra, clock)
    # When a verdict can be expected, if nothing changes; and when a healthy batch is looked at.
    due, again = math.inf, -math.inf
    # Until when nobody need look as long as there is patience.
    quiet, seen = -math.inf, ""

    def judged() -> Verdict:
        # One that has proved itself stays for longer than any gate waits.
        bounds = limits.lasting if batch and batch.begun else limits
        return judge(bounds, fleet.capacity, watching.seen)

    def probe() -> Done[Verdict] | Waiting:
        nonlocal due, again, quiet, seen
        if clock.now() < quiet - TICK_SECONDS and patient():
            return Waiting(seen, 1.0)
        if batch and clock.now() < again and (within := batch.look(healthy=True)):
            return Waiting(batch.why, within)
        whole = clock.now() >= due - TICK_SECONDS
        observation = watching.look(whole=whole)
        verdict = judged()
        if verdict.outcome is not GateOutcome.WAITING and not whole:
            # Nobody is promoted, and nobody blamed, by what was true a moment ago.
            observation = watching.look(whole=True)
            verdict = judged()
        progress(observation, verdict)
        healthy = verdict.outcome is GateOutcome.HEALTHY
        asked = batch.look(healthy=healthy) if batch and verdict.outcome in OPEN else 0.0
        if verdict.outcome is not GateOutcome.WAITING and not asked:
            return Done(verdict)
        if healthy:
            again = clock.now() + SELDOM_SECONDS
            return Waiting(verdict.detail, asked)
        within = verdict_within(limits, fleet.capacity, watching.seen)
        due = clock.now() + within
        quiet, seen = min(due, clock.now() + PATIENT_SECONDS), verdict.detail
        within = min(within, pause_after(observation, fleet.capacity), asked or math.inf)
        return Waiting(seen, 1.0 if patient() else within)

    return poll(
        probe,
        what=f"the gate's verdict on {fleet.id}",
        deadline_seconds=limits.ceiling + 60 + (batch.longest if batch else 0.0),
        clock=clock,
        backoff=Backoff(first=1.0, factor=2.0, maximum=SELDOM_SECONDS),
        not_before=FIRST_SECONDS,
    )
