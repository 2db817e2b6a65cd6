"""Ledger: what a release asked AWS for, noted as it asked, and what became of it."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping

from spotkiln.errors import LeftBehind
from spotkiln.noun import Noun
from spotkiln.release.release import Fate, LedgerEntry

# EC2's names for the kinds; those of fleets and of what they are made of are their launchers'.
INSTANCE, VOLUME, IMAGE, SNAPSHOT = "instance", "volume", "image", "snapshot"
GROUP, KEY_PAIR = "security-group", "key-pair"

Key = tuple[str, str]


class Made(Noun):
    """Something that a release made. `kind` is EC2's name for it. `owner` is the id of what it is a
    part of, and goes or stays with: an instance of a fleet, a snapshot of an image."""

    kind: str
    id: str
    exists: bool
    owner: str = ""


class Requested:
    """What the releases of this process have asked AWS for: kinds and ids, by release."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: defaultdict[str, dict[Key, None]] = defaultdict(dict)

    def note(self, release: str, kind: str, name: str) -> None:
        with self._lock:
            self._keys[release][kind, name] = None

    def of(self, release: str) -> list[Key]:
        with self._lock:
            return list(self._keys.get(release, ()))

    def forget(self, release: str) -> None:
        with self._lock:
            self._keys.pop(release, None)


REQUESTED = Requested()


def fates(made: Iterable[Made], kept: Mapping[str, str]) -> tuple[LedgerEntry, ...]:
    """Everything that was made, each with its fate. `kept` says by id why something stays; a part
    stays with its owner. What exists and is not kept is left behind."""

    def entry(one: Made) -> LedgerEntry:
        why = kept.get(one.id, "") or (f"part of {one.owner}" if one.owner in kept else "")
        if not one.exists:
            return LedgerEntry(kind=one.kind, id=one.id, fate=Fate.DESTROYED)
        fate = Fate.KEPT if why else Fate.LEFT_BEHIND
        return LedgerEntry(kind=one.kind, id=one.id, fate=fate, why=why)

    return tuple(entry(one) for one in sorted(made, key=lambda x: (x.kind, x.id)))


def left_behind(entries: Iterable[LedgerEntry]) -> list[str]:
    return [f"{one.kind} {one.id}" for one in entries if one.fate is Fate.LEFT_BEHIND]


def require_nothing_left(release: str, entries: Iterable[LedgerEntry]) -> None:
    """
    Raises:
        LeftBehind: something that the release (its id) created is neither kept nor destroyed.
    """
    if lost := left_behind(entries):
        raise LeftBehind(f"{release} left behind: {', '.join(lost)}; run reconcile")
