"""Leases on a target group, and a clock that only moves when it is told to."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta

import pytest

from spotkiln.keep.heartbeat import Heartbeat
from spotkiln.keep.lease import DURATION, NEVER, RENEW, Lease, Stage, from_tags
from tests.unit.nouns import START

SOON = RENEW.total_seconds()
LATE = DURATION.total_seconds() + 1


class Group:
    """A target group, or anything with tags; its time is AWS's. Sleeping moves it."""

    name = "target group website"

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}
        self.time = 0.0
        self.slept: list[float] = []
        self.before: Callable[[str], None] = lambda _: None

    def now(self) -> datetime:
        return START + timedelta(seconds=self.time)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def read(self) -> list[Lease]:
        self.before("read")
        return from_tags(self.tags)

    def write(self, tags: Mapping[str, str]) -> None:
        self.before("write")
        self.tags.update(tags)

    def remove(self, leases: Iterable[Lease]) -> None:
        self.before("remove")
        for one in leases:
            for key in one.keys:
                self.tags.pop(key, None)

    def stage(self, release: str) -> Stage:
        return next(one.stage for one in self.read() if one.release == release)


class World:
    """Releases at one group; `ended` are the runs that Prefect says have ended."""

    def __init__(self) -> None:
        self.group = Group()
        self.ended: set[str] = set()
        self.said: list[tuple[str, int]] = []

    def known(self, runs: Iterable[str]) -> Collection[str]:
        return self.ended & set(runs)

    def come(self, release: str, *, takes: bool = False) -> Heartbeat:
        lease = Lease(
            release=release,
            run=f"run-of-{release}",
            ticket=self.group.now(),
            until=NEVER,
            stage=Stage.TAKES if takes else Stage.WAITS,
        )
        clock = Clock(self.group)
        one = Heartbeat(
            self.group, lease, ended=self.known, clock=clock, say=lambda *x: self.said.append(x)
        )
        one.begin()
        return one

    def holder(self, release: str = "holder") -> Heartbeat:
        one = self.come(release)
        assert one.try_turn() == []
        return one


class Clock:
    def __init__(self, group: Group) -> None:
        self._group = group

    def now(self) -> float:
        return self._group.time

    def sleep(self, seconds: float) -> None:
        self._group.sleep(seconds)


@pytest.fixture
def world() -> World:
    return World()


def waits_for(one: Heartbeat) -> list[str]:
    return [other.release for other in one.try_turn()]
