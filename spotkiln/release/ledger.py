"""The ledger of a release: what it asked AWS for, noted when asked, and what became of it."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping

from spotkiln.noun import Noun
from spotkiln.release.release import Entry, Fate

# EC2's names for the kinds.
FLEET, INSTANCE, VOLUME = "spot-fleet-request", "instance", "volume"
IMAGE, SNAPSHOT, TEMPLATE = "image", "snapshot", "launch-template"
GROUP, KEY_PAIR = "security-group", "key-pair"

Key = tuple[str, str]


class Made(Noun):
    """Something that a release made: `kind` is EC2's name for it, `owner` the id of what it is a
    part of and goes or stays with: a fleet's instance, an image's snapshot."""

    kind: str
    id: str
    exists: bool
    owner: str = ""


class Book:
    """What releases of this process have asked for, by release: kinds and ids."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: defaultdict[str, dict[Key, None]] = defaultdict(dict)

    def note(self, release: str, kind: str, name: str) -> None:
        with self._lock:
            self._asked[release][kind, name] = None

    def asked(self, release: str) -> list[Key]:
        with self._lock:
            return list(self._asked.get(release, ()))

    def close(self, release: str) -> None:
        with self._lock:
            self._asked.pop(release, None)


BOOK = Book()


def fates(made: Iterable[Made], kept: Mapping[str, str]) -> tuple[Entry, ...]:
    """Everything that was made with its fate. `kept` says why, by id; what is part of something
    kept is kept with it. What exists and is not kept is left behind."""

    def entry(one: Made) -> Entry:
        why = kept.get(one.id, "") or (f"part of {one.owner}" if one.owner in kept else "")
        if not one.exists:
            return Entry(kind=one.kind, id=one.id, fate=Fate.DESTROYED)
        fate = Fate.KEPT if why else Fate.LEFT_BEHIND
        return Entry(kind=one.kind, id=one.id, fate=fate, why=why)

    return tuple(entry(one) for one in sorted(made, key=lambda x: (x.kind, x.id)))


def left_behind(entries: Iterable[Entry]) -> list[str]:
    return [f"{one.kind} {one.id}" for one in entries if one.fate is Fate.LEFT_BEHIND]
