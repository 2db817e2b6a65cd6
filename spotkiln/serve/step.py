"""Step: how much of a hand-over is done at a time, and for how long it stays so."""

import re

from spotkiln.noun import Noun
from spotkiln.serve.weights import WHOLE

_TIME = r"(?: for (\d{1,4}) ?(s|sec|min|h))?"
_STEP = re.compile(rf"(\d{{1,3}}) ?%{_TIME}")
_BATCH = re.compile(rf"(\d{{1,4}}) ?(%)?{_TIME}")
_SECONDS = {"s": 1, "sec": 1, "min": 60, "h": 3600}
MOST_SERVERS = 1000


class Step(Noun):
    """`percent` of the requests go to the new servers, for at least so many seconds. `sticky`: for
    so many seconds after each answer a visitor stays with the version that gave it; 0: nobody
    does. In batches `servers` says how many new ones there are, and they are `percent` of all."""

    percent: int
    seconds: float
    sticky: int = 0
    servers: int = 0

    @property
    def name(self) -> str:
        """`10 %`, or `2 servers`."""
        if not self.servers:
            return f"{self.percent} %"
        return f"{self.servers} server" + ("s" if self.servers > 1 else "")

    def __str__(self) -> str:
        return self.name + (f" for {self.seconds:.0f} s" if self.seconds else "")


class Batch(Noun):
    """So many new servers, or such a share of them in percent, for so many seconds."""

    amount: int
    share: bool
    seconds: int = 0

    def of(self, capacity: int) -> int:
        """How many of so many servers: a share is rounded up."""
        wanted = -(-capacity * self.amount // WHOLE) if self.share else self.amount
        return min(wanted, capacity)


def step_of(text: str) -> Step:
    """Raises ValueError if it is none."""
    found = _STEP.fullmatch(text.strip())
    if not found or not 1 <= int(found[1]) <= WHOLE:
        raise ValueError(f"expected a step such as `10 % for 5 min` or `100 %`, got {text!r}")
    return Step(percent=int(found[1]), seconds=_seconds(found[2], found[3]))


def batch_of(text: str) -> Batch:
    """Raises ValueError if it is none."""
    found = _BATCH.fullmatch(text.strip())
    most = WHOLE if found and found[2] else MOST_SERVERS
    if not found or not 1 <= int(found[1]) <= most:
        raise ValueError(
            f"expected a batch such as `1 for 5 min`, `25 % for 30 s` or `100 %`, got {text!r}"
        )
    seconds = _seconds(found[3], found[4])
    return Batch(amount=int(found[1]), share=bool(found[2]), seconds=seconds)


def _seconds(number: str | None, unit: str | None) -> int:
    return int(number or 0) * _SECONDS.get(unit or "", 0)
