"""One batch of new servers beside its gate: what takes it back, and for how long it stays."""

from collections.abc import Callable, Sequence

from spotkiln.aws.serve.stay import LOOK_SECONDS, Stay, Trials
from spotkiln.aws.serve.watching import SignalWatch, require_good
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.poll import Clock
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.step import Step
from spotkiln.serve.stepping import Do, Steer
from spotkiln.serve.traffic import Traffic


class Batch:
    """From the launch of its servers on. Its time runs from when they have proved themselves."""

    def __init__(self, stay: Stay) -> None:
        self._stay = stay
        self.begun = False
        self.why = ""

    @property
    def longest(self) -> float:
        return self._stay.longest

    @property
    def hurried(self) -> bool:
        """Whether a person has said to promote: the rest comes at once."""
        return self._stay.steer is Steer.PROMOTE

    def look(self, *, healthy: bool) -> float:
        """After how many seconds to ask again; 0: it is over. While its servers are not healthy its
        end waits for that.

        Raises:
            GateFailed: it is to go.
        """
        self.begun = self.begun or healthy
        found = self._stay.look(begun=self.begun)
        if found.do is Do.BACK:
            raise self._stay.turned_back(found.why)
        self.why = found.why or f"it stays for {self._stay.step.seconds:.0f} s"
        over = healthy and found.do is not Do.STAY
        return 0.0 if over else min(found.within or LOOK_SECONDS, LOOK_SECONDS)


class Watched:
    """What is looked at beside the gates of all batches: alarms, and the application's own `trial`,
    which is called once in each with its percent."""

    def __init__(
        self, watch: SignalWatch, traffic: Traffic, trial: Callable[[int], None] | None
    ) -> None:
        self._watch = watch
        self._strict = traffic.strict
        self.trials = Trials(trial)

    def batch(self, aws: Aws, fleet: Fleet, plan: Sequence[Step], at: int, clock: Clock) -> Batch:
        stay = Stay(
            aws, fleet, plan, at,
            watch=self._watch, trials=self.trials, strict=self._strict, clock=clock,
        )  # fmt: skip
        return Batch(stay)


def watched(
    aws: Aws,
    infra: Infra,
    traffic: Traffic,
    clock: Clock,
    trial: Callable[[int], None] | None,
) -> Watched:
    """From now on, before anything is launched.

    Raises:
        GateFailed: an alarm is on already.
    """
    watch = SignalWatch(aws, infra, traffic, clock)
    require_good(watch)
    return Watched(watch, traffic, trial)
