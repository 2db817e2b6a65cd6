"""One thing that was looked at, and the same thing of several deployments told once."""

from collections.abc import Callable, Collection, Iterable

from spotkiln.errors import SpotkilnError
from spotkiln.noun import Noun

ALL = "all applications"


class Check(Noun):
    """`detail` is what was found, or what is wrong and what to do."""

    about: str
    name: str
    ok: bool
    detail: str


def of_error(about: str, name: str, error: SpotkilnError) -> Check:
    return Check(about=about, name=name, ok=False, detail=str(error))


def check(about: str, name: str, probe: Callable[[], str]) -> Check:
    try:
        return Check(about=about, name=name, ok=True, detail=probe())
    except SpotkilnError as error:
        return of_error(about, name, error)


def merged(checks: Iterable[Check], every: Collection[str]) -> list[Check]:
    """What is the same of several deployments is told once, where it was told first. `every` are
    the names of all deployments that were looked at."""
    same: dict[tuple[str, bool, str], list[str]] = {}
    for one in checks:
        same.setdefault((one.name, one.ok, one.detail), []).append(one.about)
    return [
        Check(about=_names(of, every), name=name, ok=ok, detail=detail)
        for (name, ok, detail), of in same.items()
    ]


def _names(of: list[str], every: Collection[str]) -> str:
    flows = {one.partition("/")[0] for one in of}
    whole = {one for one in every if one.partition("/")[0] in flows}
    return ALL if len(of) > 1 and set(of) == whole else ", ".join(of)
