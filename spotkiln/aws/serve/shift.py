"""Hands the requests over to new servers step by step, as long as the signals allow it."""

from collections.abc import Callable, Sequence

from spotkiln.aws.serve import hand_over as notes
from spotkiln.aws.serve import weights as shares
from spotkiln.aws.serve.stay import LOOK_SECONDS, Stay, Trials
from spotkiln.aws.serve.watching import SignalWatch, require_good
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.errors import (
    DeadlineExceeded,
    InfrastructureError,
    InputError,
    SpotkilnError,
)
from spotkiln.poll import Backoff, Clock, Done, Waiting, poll
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.stepping import Decision, Do, Steer, StepTaken
from spotkiln.serve.traffic import Traffic
from spotkiln.serve.weights import HandOver, Weights

# For so long what AWS tells may be older than what was set last.
SETTLE_SECONDS = 10.0

Progress = Callable[[int, str], None]


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
    trial: Callable[[int], None] | None = None,
) -> tuple[StepTaken, ...]:
    """Give the group that has no requests one step after the other; return once the bake time is
    over, with how it went. What went wrong goes back at once, before it is raised.

    `check` raises if the turn was lost; it is asked before and after each change. `trial` is the
    application's own: called once in each step, with its percent, beside the looks at the signals.
    It raises GateFailed if it was red.

    Raises:
        GateFailed: a signal was bad.
        InfrastructureError: somebody else has changed the weights.
    """
    before = shares.read(aws, infra)
    to = next(name for name in before.of if name != before.active)
    rules, trials = _Rules(aws, infra, before, check, clock), Trials(trial)
    watch = SignalWatch(aws, infra, traffic, clock, to)

    def stay(at: int) -> Stay:
        return Stay(
            aws, fleet, traffic.plan(), at,
            watch=watch, trials=trials, strict=traffic.strict, clock=clock,
        )  # fmt: skip

    require_good(watch)
    check()
    note = HandOver(release=fleet.release, before=before, target_group=infra.home.arn)
    notes.begin(aws, note)
    try:
        return _take_steps(rules, to, traffic, stay, clock, say, progress)
    except BaseException as error:
        _go_back(aws, note, say, clock)
        # Whoever ends this process has no time for it.
        if isinstance(error, Exception):
            trials.end(say)
        raise


def _take_steps(
    rules: "_Rules",
    to: str,
    traffic: Traffic,
    stay: Callable[[int], Stay],
    clock: Clock,
    say: Callable[[str], None],
    progress: Progress,
) -> tuple[StepTaken, ...]:
    """One after the other, each for its time, which `stay` looks after once its weights are set."""
    taken = []
    for at, step in enumerate(traffic.plan()):
        rules.shift(rules.present.shifted(to, step.percent), step.sticky)
        say(f"step {at + 1}: {step.percent} % of the requests to {to}")
        staying, begun = stay(at), clock.now()
        _until_over(staying, clock, progress)
        promoted, lasted = staying.steer is Steer.PROMOTE, clock.now() - begun
        taken.append(StepTaken(percent=step.percent, seconds=lasted, promoted=promoted))
    if traffic.sticky_seconds:
        # A cookie would go before the weights, even where nobody answers any more.
        rules.shift(rules.present, 0)
    return tuple(taken)


def _go_back(aws: Aws, note: HandOver, say: Callable[[str], None], clock: Clock) -> None:
    """Never in the way of what went wrong before: what fails here is tried again when the fleet is
    taken away, and by reconcile. Whoever has taken the turn over has done it already, and has taken
    the note away: then the weights are theirs."""
    start, to = clock.now(), note.before.active
    try:
        if notes.give_back(aws, note.target_group, note.release):
            say(f"back: all requests to {to}, in {clock.now() - start:.1f} s")
    except SpotkilnError as error:
        say(f"the requests could not be sent back to {to} yet: {error}")


class _Rules:
    """The rules of the pair while the turn is held, with the weights that they have at `present`.
    Nobody's change is overwritten: a person may have put the weights back by hand."""

    def __init__(
        self, aws: Aws, infra: Infra, present: Weights, check: Callable[[], None], clock: Clock
    ) -> None:
        self._aws, self._infra = aws, infra
        self._check, self._clock = check, clock
        self.present = present

    def shift(self, wanted: Weights, sticky: int) -> None:
        self._check()
        self._require_as_set()
        shares.write(self._aws, self._infra, wanted, sticky)
        self._check()
        self.present = wanted

    def _require_as_set(self) -> None:
        """For a moment AWS may still tell what was before, of one rule or of all."""
        seen = ""

        def look() -> Done[None] | Waiting:
            nonlocal seen
            try:
                found = shares.read(self._aws, self._infra)
            except InputError as error:
                seen = str(error)
                return Waiting(seen)
            seen = f"expected the weights {self.present}, found {found}"
            return Done(None) if found == self.present else Waiting(seen)

        try:
            poll(look, what="the weights", deadline_seconds=SETTLE_SECONDS, clock=self._clock)
        except DeadlineExceeded as error:
            raise InfrastructureError(f"{seen}: somebody else has changed them") from error


def _until_over(stay: Stay, clock: Clock, progress: Progress) -> None:
    step = stay.step

    def look() -> Done[Decision] | Waiting:
        found = stay.look()
        progress(step.percent, found.why)
        if found.do is Do.STAY:
            return Waiting(found.why or f"{step}", min(found.within or LOOK_SECONDS, LOOK_SECONDS))
        return Done(found)

    decision = poll(
        look,
        what=f"the end of the step {step}",
        deadline_seconds=stay.longest,
        clock=clock,
        backoff=Backoff(first=LOOK_SECONDS, factor=1.0, maximum=LOOK_SECONDS),
    )
    if decision.do is Do.BACK:
        raise stay.turned_back(decision.why)
