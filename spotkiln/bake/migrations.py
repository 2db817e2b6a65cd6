"""Migrations: which ones an image has, and which lie between two images.

An image tells it in tags of its own, so that a way back needs no repository. A tag has 256
characters: what does not fit is counted. The newest are named, of each folder some.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Self

from spotkiln import tags as t
from spotkiln.noun import Noun

# Rails, Django, Alembic and Flask, Prisma, Flyway, and what others call so, from an application's
# top. Each is known by its path without the ending.
_KNOWN = re.compile(
    r"(?:[^/]+/)*(?:"
    r"db/(?:[a-z]+_)?migrate/\d+_\w+\.rb"
    r"|migrations/(?!__init__\.py)[^/]+\.(?:py|sql|js|cjs|mjs|ts)"
    r"|(?:alembic|migrations)/versions/(?!__init__\.py)[^/]+\.py"
    r"|migrations/[^/]+/migration\.sql"
    r"|db/migrations?/[^/]+\.(?:sql|rb|js|ts)"
    r")"
)
# A test's own or a package's.
_OTHERS = re.compile(r"(?:^|/)(?:tests?|spec|node_modules|vendor|\.venv)/")
# As many tags, and as many characters each.
TAGS, CHARACTERS = 4, 256


def _name(path: str) -> str:
    """Such as db/migrate/20240101000000_create_notes, without characters that part names."""
    plain = path.removesuffix("/migration.sql")
    plain = re.sub(r"(?<=[^/])\.(?:rb|py|sql|js|cjs|mjs|ts)$", "", plain)
    return re.sub(r"[^A-Za-z0-9._/+@-]", "_", plain)


def find_migrations(names: Iterable[str]) -> tuple[str, ...]:
    """Of the names of an application's files those that are migrations, sorted."""
    found = (x for x in names if _KNOWN.fullmatch(x) and not _OTHERS.search(x))
    # A down migration is one with its up.
    return tuple(sorted({_name(re.sub(r"\.(?:up|down)(?=\.sql$)", "", x)) for x in found}))


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _newest_first(names: Iterable[str]) -> list[str]:
    """Of each folder the newest, then of each the one before it, and so on: within a folder the
    names are in order."""
    folders: dict[str, list[str]] = {}
    for name in sorted(names, reverse=True):
        folders.setdefault(_folder(name), []).append(name)
    rounds = zip_longest(*(folders[key] for key in sorted(folders)))
    return [name for one in rounds for name in one if name is not None]


class Migrations(Noun):
    """Of one image: `count` in all, of which the `newest` are named. `digest` stands for all."""

    count: int
    digest: str
    newest: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        every = sorted(names)
        digest = hashlib.sha256("\n".join(every).encode()).hexdigest()[:12]
        return cls(count=len(every), digest=digest, newest=tuple(_newest_first(every)))

    @classmethod
    def from_tags(cls, tags: Mapping[str, str]) -> Self | None:
        """None for an image that does not tell."""
        values = [tags[key] for key in _keys() if key in tags]
        count, digest, *newest = " ".join(values).split() or ["", ""]
        if not count.isdecimal():
            return None
        return cls(count=int(count), digest=digest, newest=tuple(newest))

    def to_tags(self) -> dict[str, str]:
        lines, keys = [f"{self.count} {self.digest}"], _keys()
        for name in self.newest:
            if len(lines[-1]) + 1 + len(name) <= CHARACTERS:
                lines[-1] += f" {name}"
            elif len(lines) < len(keys) and len(name) <= CHARACTERS:
                lines.append(name)
            else:
                break
        return dict(zip(keys, lines, strict=False))

    def _may_have(self, name: str) -> bool:
        """Whether it has this one, or may have it without naming it: the oldest of a folder are not
        named."""
        if name in self.newest:
            return True
        beside = [one for one in self.newest if _folder(one) == _folder(name)]
        return len(self.newest) < self.count and (not beside or name < min(beside))


def _keys() -> list[str]:
    return [t.MIGRATIONS, *(f"{t.MIGRATIONS}-{number}" for number in range(2, TAGS + 1))]


class Between(Noun):
    """What the later of two images has more. `more` are those that it has and does not name. Not
    `known`: one of both does not tell what it has."""

    names: tuple[str, ...] = ()
    more: int = 0
    known: bool = True

    def __bool__(self) -> bool:
        """Whether any may lie between."""
        return bool(self.names or self.more or not self.known)

    def __str__(self) -> str:
        """Empty if there is none."""
        if not self.known:
            return "which ones cannot be told, for one of both images does not name its own"
        named = ", ".join(self.names)
        if not self.more:
            return named
        return (
            f"{named} and {self.more} more" if named else f"{self.more}, whose names are not known"
        )


def between(earlier: Migrations, later: Migrations) -> Between:
    """The migrations that the later image has, and the earlier has not; the oldest first."""
    if earlier.digest == later.digest:
        return Between()
    names = sorted(one for one in later.newest if not earlier._may_have(one))
    return Between(names=tuple(names), more=max(0, later.count - earlier.count - len(names)))


def compare(earlier: Migrations | None, later: Migrations | None) -> Between | None:
    """As `between`; None if neither tells: an application without migrations does not."""
    if earlier and later:
        return between(earlier, later)
    return Between(known=False) if earlier or later else None
