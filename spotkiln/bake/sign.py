"""A sign: a line by which a known cause is recognised."""

import re
from collections.abc import Callable, Iterable

from spotkiln.bake.facts import Facts

# A sign's summary and its resolution.
Words = tuple[str, str]
Tell = Callable[[re.Match[str], Facts], Words | None]

# A line that calls itself a warning: the program that wrote it goes on.
WARNING = re.compile(r"\bwarn(?:ing)?\b", re.IGNORECASE)

# A line that shows that the application went on after an error, unless it tells of an end or of one
# more try.
WENT_ON = re.compile(r"\bINFO\b")
ENDS = re.compile(r"(?i)exit|stop|shut|clos|terminat|end|wait|retry|again|attempt|reconnect|fail")


def went_on(lines: Iterable[str]) -> bool:
    """Whether lines after an error tell of other work."""
    return any(WENT_ON.search(one) and not ENDS.search(one) for one in lines)


class Sign:
    """A line in which one of the patterns is found shows this cause. `warned`: also if the line is
    a warning. `last`: only if the application did not go on afterwards."""

    def __init__(
        self, tell: Tell, *patterns: str, warned: bool = False, last: bool = False
    ) -> None:
        self._tell = tell
        self._warned = warned
        self.last = last
        self._pattern = re.compile("|".join(patterns))

    def read(self, line: str, facts: Facts) -> Words | None:
        told = self._warned or not WARNING.search(line)
        found = self._pattern.search(line) if told else None
        return self._tell(found, facts) if found else None
