"""Watches a new fleet until the gate has a verdict."""

from collections.abc import Callable

from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve import target as targets
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.poll import Backoff, Clock, Done, Waiting, poll
from spotkiln.serve.fleet import Fleet, State
from spotkiln.serve.gate import Limits, Outcome, Verdict
from spotkiln.serve.judge import judge, verdict_within
from spotkiln.serve.observation import Observation
from spotkiln.serve.problem import Problem
from spotkiln.target import Health, Instance, Server, Target, server_of

# Once all of them run, EC2 tells little that the load balancer does not: so often it is asked.
EC2_EVERY = 8
# What the load balancer says of a target that runs and is checked.
CHECKED = {Health.INITIAL, Health.HEALTHY, Health.UNHEALTHY}


def with_health(live: list[Instance], registered: dict[str, Target]) -> tuple[Target, ...]:
    """The fleet's live instances, each with its health; what the load balancer does not know
    yet is `unregistered`."""
    return tuple(
        registered.get(one.id) or Target(instance=one.id, health=Health.UNREGISTERED)
        for one in live
    )


class Watch:
    """Everything seen of one fleet since the gate was entered, and of what serves beside it."""

    def __init__(self, aws: Aws, fleet: Fleet, infra: Infra, clock: Clock) -> None:
        self._aws = aws
        self._fleet = fleet
        self._launcher = launchers(aws).of(fleet)
        self._group = infra.target_group
        self._clock = clock
        self._start = clock.now()
        self._problems_at = self._start
        self._state, self._status = State.KEPT, fleet.status
        self._problems: tuple[Problem, ...] = ()
        self._zones: dict[str, str] = {}
        self._members: list[Instance] = []
        self.seen: list[Observation] = []

    def _due(self) -> bool:
        """Whether EC2 may tell what the load balancer does not: while not all run, when it says
        that one is not as it should be, and every so often."""
        running = sum(one.state == "running" for one in self._members)
        last = self.seen[-1].targets if self.seen else ()
        odd = any(one.health not in CHECKED for one in last)
        return running < self._fleet.capacity or odd or (len(self.seen) + 1) % EC2_EVERY == 0

    def look(self, *, thorough: bool = False) -> Observation:
        """`thorough`: nothing is taken from an earlier look."""
        if thorough or self._due():
            self._members = self._launcher.members(self._fleet.id, self._fleet.capacity)
        members = self._members
        live = [one for one in members if one.live]
        short = len(live) < self._fleet.capacity
        # Not at the first look if all is there: the fleet has only just been asked for.
        if thorough or short or (len(self.seen) + 1) % EC2_EVERY == 0:
            self._ask_the_fleet(short=short)
        # None is registered before it runs, and what serves is only compared with what runs.
        running = any(one.state == "running" for one in live)
        registered = targets.health(self._aws, self._group.arn) if running else {}
        known = {one.id for one in members}
        others = [target for name, target in registered.items() if name not in known]
        observation = Observation(
            at=self._clock.now() - self._start,
            state=self._state,
            status=self._status,
            instances=tuple(members),
            targets=with_health(live, registered),
            control=self._with_zones(others),
            problems=self._problems,
        )
        self.seen.append(observation)
        return observation

    def _ask_the_fleet(self, *, short: bool) -> None:
        found = self._launcher.find(self._fleet.id)
        # Right after the request it may not be seen yet: that is no verdict.
        if found:
            self._state, self._status = found.state, found.status
        late = self._clock.now() - self._problems_at > self._launcher.late_seconds
        if (short and late) or (found and found.stuck):
            self._problems_at = self._clock.now()
            self._problems = tuple(self._launcher.problems(self._fleet.id))

    def _with_zones(self, others: list[Target]) -> tuple[Server, ...]:
        """What serves; with its zones, if the load balancer keeps requests inside a zone."""
        new = {one.instance for one in others} - set(self._zones)
        if new and not self._group.cross_zone:
            self._zones |= {one.id: one.zone for one in instances.by_id(self._aws, new)}
        return tuple(
            server_of(one, None).model_copy(update={"zone": self._zones.get(one.instance, "")})
            for one in others
        )


def watch(
    aws: Aws,
    fleet: Fleet,
    infra: Infra,
    limits: Limits,
    clock: Clock,
    progress: Callable[[Observation, Verdict], None],
) -> Verdict:
    """Look until `judge` says healthy or failed; `progress` gets every look.

    Raises:
        DeadlineExceeded: never in practice: the verdict has deadlines of its own.
    """
    watching = Watch(aws, fleet, infra, clock)

    def probe() -> Done[Verdict] | Waiting:
        observation = watching.look()
        verdict = judge(limits, fleet.capacity, watching.seen)
        if verdict.outcome is Outcome.HEALTHY:
            # Nobody is promoted by what was true a moment ago.
            observation = watching.look(thorough=True)
            verdict = judge(limits, fleet.capacity, watching.seen)
        progress(observation, verdict)
        if verdict.outcome is not Outcome.WAITING:
            return Done(verdict)
        return Waiting(verdict.detail, verdict_within(limits, fleet.capacity, watching.seen))

    return poll(
        probe,
        what=f"the gate's verdict on {fleet.id}",
        deadline_seconds=limits.ceiling + 60,
        clock=clock,
        backoff=Backoff(first=1.0, factor=1.5, maximum=5.0),
        not_before=1.0,
    )
