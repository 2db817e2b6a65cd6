"""Watches a new fleet until the gate has a verdict."""

from collections.abc import Callable

from spotkiln.aws import fleet as fleets
from spotkiln.aws import instance as instances
from spotkiln.aws import target as targets
from spotkiln.aws.session import Aws
from spotkiln.fleet import Fleet
from spotkiln.gate import Limits, Observation, Outcome, Verdict
from spotkiln.infra import Infra
from spotkiln.judge import grace_left, judge
from spotkiln.poll import Backoff, Clock, Done, Waiting, poll
from spotkiln.target import Health, Instance, Target

# Fleet and instances tell little that the load balancer does not: they are asked every so often.
FLEET_EVERY = 8


def with_health(live: list[Instance], registered: dict[str, Target]) -> tuple[Target, ...]:
    """The fleet's live instances, each with its health; what the load balancer does not know
    yet is `unregistered`."""
    return tuple(
        registered.get(one.id) or Target(instance=one.id, health=Health.UNREGISTERED)
        for one in live
    )


class Watch:
    """Everything seen of one fleet since the gate was entered."""

    def __init__(self, aws: Aws, fleet: Fleet, infra: Infra, clock: Clock) -> None:
        self._aws = aws
        self._fleet = fleet
        self._group = infra.target_group.arn
        self._clock = clock
        self._start = clock.now()
        self._state = "submitted"
        self._activity = ""
        self._errors: tuple[str, ...] = ()
        self._instances: list[Instance] = []
        self.seen: list[Observation] = []

    def _all_run(self) -> bool:
        """Then the load balancer tells sooner than EC2 when one is in trouble."""
        return sum(one.state == "running" for one in self._instances) >= self._fleet.capacity

    def _in_doubt(self) -> bool:
        """The load balancer knows of an instance's end what EC2 was not asked for yet."""
        last = self.seen[-1].targets if self.seen else ()
        return any(target.reason == "Target.InvalidState" for target in last)

    def look(self) -> Observation:
        # Not at the first look: the fleet has only just been asked for.
        due = (len(self.seen) + 1) % FLEET_EVERY == 0 or self._in_doubt()
        if due or not self._all_run():
            self._instances = instances.of_fleet(self._aws, self._fleet.id)
        live = [one for one in self._instances if one.live]
        short = len(live) < self._fleet.capacity
        if short or due:
            self._ask_the_fleet(short=short)
        # None is registered before it runs.
        running = any(one.state == "running" for one in live)
        registered = targets.health(self._aws, self._group) if running else {}
        observation = Observation(
            at=self._clock.now() - self._start,
            fleet_state=self._state,
            activity=self._activity,
            instances=tuple(self._instances),
            targets=with_health(live, registered),
            errors=self._errors,
        )
        self.seen.append(observation)
        return observation

    def _ask_the_fleet(self, *, short: bool) -> None:
        found = fleets.describe(self._aws, self._fleet.id)
        # Right after the request it may not be seen yet: that is no verdict.
        if found:
            self._state, self._activity = found.state, found.activity
        # The history is up to 30 s late: no use in asking sooner, or when all is there.
        late = self._clock.now() - self._start > 30 and len(self.seen) % FLEET_EVERY == 0
        if (short and late) or self._activity == "error":
            rows = fleets.history(self._aws, self._fleet.id)
            self._errors = tuple(fleets.problems(rows))


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
        progress(observation, verdict)
        if verdict.outcome is not Outcome.WAITING:
            return Done(verdict)
        # Once all are healthy, the remaining looks come at short intervals.
        proving = len(observation.healthy) >= fleet.capacity
        within = 0.0 if proving else grace_left(limits, watching.seen)
        return Waiting(verdict.detail, within)

    return poll(
        probe,
        what=f"the gate's verdict on {fleet.id}",
        deadline_seconds=limits.ceiling + 60,
        clock=clock,
        backoff=Backoff(first=1.0, factor=1.3, maximum=5.0),
        not_before=1.0,
    )
