"""Hands the requests over to new servers step by step, as long as the signals allow it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from spotkiln.aws.serve import signals as sources
from spotkiln.aws.serve import weights as shares
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.steer import steered
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.errors import (
    DeadlineExceeded,
    GateFailed,
    InfrastructureError,
    InputError,
    SpotkilnError,
)
from spotkiln.poll import Backoff, Clock, Done, Waiting, poll
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.signals import AlarmState, Counted, Signal, Word, of_alarms, of_errors
from spotkiln.serve.traffic import Decision, Do, Steer, Traffic, Weights, decide

# Alarms are looked at so often, in seconds; CloudWatch's sums of a minute less often.
LOOK_SECONDS = 10.0
COUNT_SECONDS = 30.0
# For so long what AWS tells may be older than what was set last.
SETTLE_SECONDS = 10.0
# What the old servers answered before the first step counts for the comparison, too: at 100 % they
# answer nothing any more.
BEFORE = timedelta(minutes=10)

# A pause ends after a day: then the requests go back.
PAUSE_SECONDS = 86400.0

Progress = Callable[[int, str], None]


@dataclass(frozen=True)
class Telling:
    """The clock, and who is told how far it is."""

    clock: Clock
    progress: Progress


class Watch:
    """The signals of one hand-over, since it began."""

    def __init__(self, aws: Aws, infra: Infra, traffic: Traffic, to: str, clock: Clock) -> None:
        self._aws = aws
        self._traffic = traffic
        self._clock = clock
        pair = [one for one in (infra.target_group, infra.second) if one]
        self._new = next(one for one in pair if one.name == to)
        self._old = next(one for one in pair if one.name != to)
        self._began: datetime = aws.now()
        self._without: dict[str, float] = {}
        self._counted_at = float("-inf")
        self._errors = Signal(word=Word.GOOD)

    def look(self, *, count: bool) -> tuple[Signal, ...]:
        """`count`: look at the errors even if that was just done."""
        if not self._traffic.watched:
            return ()
        now = self._clock.now()
        states = sources.alarms(self._aws, self._traffic.alarms)
        for name, state in states.items():
            if state is AlarmState.NO_DATA:
                self._without.setdefault(name, now)
            else:
                self._without.pop(name, None)
        without = {name: now - since for name, since in self._without.items()}
        if count or now - self._counted_at >= COUNT_SECONDS:
            self._counted_at = now
            new, old = self._counted()
            self._errors = of_errors(new, old, self._traffic.least_requests)
        alarms = of_alarms(states, without, self._traffic.no_data_seconds)
        return (*alarms, self._errors)

    def _counted(self) -> tuple[Counted, Counted]:
        return (
            sources.counted(self._aws, self._new, self._began),
            sources.counted(self._aws, self._old, self._began - BEFORE),
        )


def choose_group(aws: Aws, infra: Infra, serving: Sequence[Fleet]) -> Infra:
    """To launch into the target group of the pair that gets no requests; as it is, where there is
    none.

    Raises:
        InputError: both get some, or what serves is in the one that gets none.
    """
    if infra.second is None:
        return infra
    weights = shares.read(aws, infra)
    groups = {one.name: one for one in (infra.target_group, infra.second)}
    idle = groups[next(name for name in weights.of if name != weights.active)]
    if serving and serving[0].group == idle.arn:
        raise InputError(
            f"{serving[0].id} serves in {idle.name}, which gets no requests ({weights}): give it "
            "back its weight, then start this again"
        )
    return infra.into(idle.name)


def hand_over(
    aws: Aws,
    fleet: Fleet,
    infra: Infra,
    traffic: Traffic,
    *,
    clock: Clock,
    check: Callable[[], None],
    say: Callable[[str], None],
    progress: Progress,
) -> None:
    """Give the group that has no requests one step after the other; return once the bake time is
    over. What went wrong goes back at once, before it is raised.

    `check` raises if the turn was lost; it is asked before and after each change.

    Raises:
        GateFailed: a signal was bad.
        InfrastructureError: somebody else has changed the weights.
    """
    before = shares.read(aws, infra)
    to = next(name for name in before.of if name != before.active)
    watch = Watch(aws, infra, traffic, to, clock)
    _require_good(traffic, watch)
    check()
    fleet = shares.note_before(aws, fleet, before)
    weights = before
    try:
        for at, step in enumerate(traffic.plan()):
            wanted = weights.shifted(to, step.percent)
            weights = _shift(aws, infra, weights, wanted, step.sticky, check, clock)
            say(f"step {at + 1}: {step.percent} % of the requests to {to}")
            _stay(aws, fleet, traffic, at, watch, Telling(clock, progress))
        if traffic.sticky_seconds:
            # A cookie would go before the weights, even where nobody answers any more.
            _shift(aws, infra, weights, weights, 0, check, clock)
    except BaseException:
        _go_back(aws, fleet, before.active, check, say, clock)
        raise


def _go_back(
    aws: Aws,
    fleet: Fleet,
    to: str,
    check: Callable[[], None],
    say: Callable[[str], None],
    clock: Clock,
) -> None:
    """Never in the way of what went wrong before: what fails here is tried again when the fleet is
    taken away, and by reconcile."""
    start = clock.now()
    try:
        if _may_go_back(aws, fleet, check) and shares.give_back(aws, fleet):
            say(f"back: all requests to {to}, in {clock.now() - start:.1f} s")
    except SpotkilnError as error:
        say(f"the requests could not be sent back to {to} yet: {error}")


def _may_go_back(aws: Aws, fleet: Fleet, check: Callable[[], None]) -> bool:
    """Whoever has taken the turn over has given the requests back and taken the fleet away, and the
    weights are theirs now. A fleet that somebody else took away has left requests unanswered."""
    found = launchers(aws).find(fleet.id)
    if found is not None and not found.gone:
        return True
    try:
        check()
    except SpotkilnError:
        return False
    return True


def _require_good(traffic: Traffic, watch: Watch) -> None:
    """An alarm that is on already would only bring the requests back."""
    found = decide(traffic, 0, 0.0, watch.look(count=True))
    if found.do is Do.BACK:
        raise GateFailed(f"no request was given to the new servers: {found.why}", cause="signal")


def _shift(
    aws: Aws,
    infra: Infra,
    present: Weights,
    wanted: Weights,
    sticky: int,
    check: Callable[[], None],
    clock: Clock,
) -> Weights:
    """Nobody's change is overwritten: a person may have put the weights back by hand."""
    check()
    _require_as_set(aws, infra, present, clock)
    shares.write(aws, infra, wanted, sticky)
    check()
    return wanted


def _require_as_set(aws: Aws, infra: Infra, present: Weights, clock: Clock) -> None:
    """For a moment AWS may still tell what was before, of one rule or of all."""
    seen = ""

    def look() -> Done[None] | Waiting:
        nonlocal seen
        try:
            found = shares.read(aws, infra)
        except InputError as error:
            seen = str(error)
            return Waiting(seen)
        seen = f"expected the weights {present}, found {found}"
        return Done(None) if found == present else Waiting(seen)

    try:
        poll(look, what="the weights", deadline_seconds=SETTLE_SECONDS, clock=clock)
    except DeadlineExceeded as error:
        raise InfrastructureError(f"{seen}: somebody else has changed them") from error


def _stay(aws: Aws, fleet: Fleet, traffic: Traffic, at: int, watch: Watch, tell: Telling) -> None:
    """Until the step is over. A pause makes it longer."""
    step, clock = traffic.plan()[at], tell.clock
    start = last = clock.now()
    paused = 0.0

    def look() -> Done[Decision] | Waiting:
        nonlocal last, paused
        steer, now = steered(aws, fleet), clock.now()
        paused += now - last if steer is Steer.PAUSE else 0.0
        last = now
        lasted = now - start - paused
        found = decide(traffic, at, lasted, watch.look(count=lasted >= step.seconds), steer)
        tell.progress(step.percent, found.why)
        if found.do is Do.STAY:
            return Waiting(found.why or f"{step}", min(found.within or LOOK_SECONDS, LOOK_SECONDS))
        return Done(found)

    decision = poll(
        look,
        what=f"the end of step {at + 1} ({step})",
        deadline_seconds=2 * step.seconds + PAUSE_SECONDS,
        clock=clock,
        backoff=Backoff(first=LOOK_SECONDS, factor=1.0, maximum=LOOK_SECONDS),
    )
    if decision.do is Do.BACK:
        raise GateFailed(
            f"turned back at step {at + 1} ({step.percent} %): {decision.why}", cause="signal"
        )
