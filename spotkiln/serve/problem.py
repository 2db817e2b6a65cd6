"""Problem: what a launcher says when it launches nothing, and what that means."""

from collections.abc import Iterable
from enum import StrEnum

from spotkiln.noun import Noun
from spotkiln.serve.gate import Cause


class Reach(StrEnum):
    """How far a problem goes, and with that whether it ends a gate."""

    ALL = "every pool has it, and waiting does not mend it"
    POOL = "other pools may do, and waiting does not mend it"
    PASSING = "waiting may mend it"


class Meaning(Noun):
    """Who is to blame for a problem, and what to do about it."""

    cause: Cause
    reach: Reach
    advice: str


class Problem(Noun):
    """Something that went wrong since a fleet last launched an instance.

    `text` is AWS's. A problem without a `meaning` is not known here: the gate waits. `every_pool`:
    it says that none of the fleet's pools (types in zones) is tried for now.
    """

    text: str
    meaning: Meaning | None = None
    every_pool: bool = False

    def __str__(self) -> str:
        return self.text


def in_words(problems: Iterable[Problem]) -> str:
    """All of them on one line; empty if there are none."""
    return "; ".join(map(str, problems))


def final(problems: Iterable[Problem]) -> tuple[Problem, Meaning] | None:
    """The problem, if any, after which a fleet launches nothing however long one waits.

    A problem of single pools is final once the fleet says that it tries none of them, and no pool
    is out for a reason that passes.
    """
    known = [(one, one.meaning) for one in problems]
    for one, meaning in known:
        if meaning is not None and meaning.reach is Reach.ALL:
            return one, meaning
    pools = [(one, meaning) for one, meaning in known if not one.every_pool]
    lasting = [(one, x) for one, x in pools if x is not None and x.reach is Reach.POOL]
    if lasting and len(lasting) == len(pools) < len(known):
        return lasting[0]
    return None
