"""Changes: what a commit brings beside the one that serves: its commits, and its dependencies."""

from collections.abc import Mapping, Sequence
from functools import partial

from spotkiln.bake.locked import READERS
from spotkiln.noun import Noun


class Commit(Noun):
    commit: str
    subject: str


class Dependency(Noun):
    """One whose version changes. `before` or `now` is empty if it was not there, or is not any
    more; `file` locks it, empty for a package of Debian's."""

    name: str
    before: str
    now: str
    file: str

    def __str__(self) -> str:
        if not self.before:
            return f"{self.name} {self.now} is new"
        return (
            f"{self.name} {self.before} is gone"
            if not self.now
            else (f"{self.name} {self.before} → {self.now}")
        )


class Changes(Noun):
    """What changes since the commit that serves. `commits` are the newest first, `more` is how many
    there are beside these. `apart`: that commit is not among the ones before this one, as far as
    was looked: a branch of its own, or history that was written anew. `url` is the page that
    compares them, empty if unknown."""

    since: str
    commits: tuple[Commit, ...] = ()
    more: int = 0
    apart: bool = False
    dependencies: tuple[Dependency, ...] = ()
    url: str = ""

    def __str__(self) -> str:
        """For one line."""
        if self.apart:
            told = f"{self.since[:12]} is not among the commits before it"
        else:
            count = len(self.commits) + self.more
            told = f"{count} {'commit' if count == 1 else 'commits'} since {self.since[:12]}"
        return "; ".join([told, *map(str, self.dependencies)])


def compared(file: str, before: Mapping[str, str], now: Mapping[str, str]) -> list[Dependency]:
    """What differs between two states of a lock file, by name."""
    of = partial(Dependency, file=file)
    return [
        of(name=name, before=before.get(name, ""), now=now.get(name, ""))
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]


def shortened(changed: Sequence[Dependency], most: int) -> str:
    """For one line: so many of them, and how many more there are."""
    told = [str(one) for one in changed[:most]]
    more = len(changed) - len(told)
    return "; ".join([*told, *([f"and {more} more"] if more else [])])


def is_lock_file(path: str) -> bool:
    return path.rpartition("/")[2] in READERS
