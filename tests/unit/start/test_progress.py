"""What is shown of a step that waits, in the place where people look at its run."""

import logging
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from spotkiln.tasks import progress
from spotkiln.tasks.progress import Bar, tell
from tests.unit.prefect_api.conftest import FakeApi

STEP = UUID(int=7)
PATH = f"PATCH /task_runs/{STEP}"


class Shown:
    """The progress artifacts that were made or changed, and what was said."""

    def __init__(self) -> None:
        self.percents: list[float] = []
        self.said: list[str] = []

    def create(self, progress: float, description: str) -> UUID:
        self.percents.append(progress)
        return STEP

    def update(self, artifact: UUID, progress: float) -> None:
        self.percents.append(progress)

    def say(self, text: str, level: int = logging.INFO) -> None:
        self.said.append(text)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    found = Shown()
    monkeypatch.setattr(
        progress, "task_run", SimpleNamespace(id=str(STEP), name="4 launch: health gate")
    )
    monkeypatch.setattr(progress, "create_progress_artifact", found.create)
    monkeypatch.setattr(progress, "update_progress_artifact", found.update)
    monkeypatch.setattr(progress, "say", found.say)
    return found


def names(fake: FakeApi) -> list[Any]:
    return [body["name"] for body in fake.bodies(PATH)]


def test_the_step_tells_how_far_it_is_and_what_it_waits_for(fake: FakeApi, shown: Shown) -> None:
    fake.answers[PATH] = lambda _: (204, {})
    bar = Bar("health gate")
    bar.to(33.3, "booting: 1 of 2 instances")
    bar.to(33.4, "booting: 1 of 2 instances")
    bar.to(33.4, "booting: i-1 initial")
    bar.to(100, "healthy: all")
    assert names(fake) == [
        "4 launch: health gate · 33 %: booting: 1 of 2 instances",
        "4 launch: health gate · 33 %: booting: i-1 initial",
        "4 launch: health gate · 100 %",
    ]
    # Nothing is sent while nothing changes.
    assert shown.percents == [33, 100]


def test_what_is_said_is_what_it_waits_for(fake: FakeApi, shown: Shown) -> None:
    fake.answers[PATH] = lambda _: (204, {})
    bar = Bar("turn at website")
    bar.say("waiting: shop-1 is before us")
    bar.to(0)
    tell("draining 2 targets, 300 s of deregistration delay")
    tell("x" * 200)
    assert names(fake) == [
        "4 launch: health gate · 0 %: waiting: shop-1 is before us",
        "4 launch: health gate · draining 2 targets, 300 s of deregistration delay",
        f"4 launch: health gate · {'x' * 99}…",
    ]
    assert shown.said[:2] == [
        "waiting: shop-1 is before us",
        "draining 2 targets, 300 s of deregistration delay",
    ]


def test_what_prefect_cannot_be_told_stops_nothing(fake: FakeApi, shown: Shown) -> None:
    # Prefect has not heard of the step yet.
    Bar("bake").to(5, "launching a machine")
    assert names(fake) == []
    assert shown.percents == [5]


def test_outside_a_step_nothing_is_shown(
    fake: FakeApi, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.answers[PATH] = lambda _: (204, {})
    monkeypatch.setattr(progress, "task_run", SimpleNamespace(id=None, name=None))
    tell("draining 2 targets")
    assert names(fake) == []
    assert shown.said == ["draining 2 targets"]
