"""A release in a freeze: it waits, gives way to a newer one, or is released even so."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.exceptions import Pause

from spotkiln.errors import PrefectFailed
from spotkiln.release.book import Book, Heading
from spotkiln.release.freeze import Frozen, frozen
from spotkiln.release.release import EndsEarly, Outcome, ReleaseSpec
from spotkiln.tasks.release import freezing, leaving
from tests.unit import nouns
from tests.unit.nouns import START
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi, fake
from tests.unit.release.paths import CHOOSE, LOOK_UP, WAIT, World

__all__ = ["fake"]
DEPLOYMENT = str(UUID(int=3))
OWN, OLDER, NEWER = (str(UUID(int=x)) for x in (7, 6, 8))
NOW = datetime.now(UTC)
# Frozen whenever the test runs.
ALWAYS = (f"{NOW - timedelta(days=2):%Y-%m-%d} - {NOW + timedelta(days=3):%Y-%m-%d}",)
NEVER = (f"{NOW - timedelta(days=9):%Y-%m-%d} - {NOW - timedelta(days=8):%Y-%m-%d}",)
CREATED = {OLDER: 0, OWN: 1, NEWER: 2}


def told(ident: str, state: str, name: str) -> dict[str, Any]:
    created = (START + timedelta(seconds=CREATED[ident])).isoformat()
    return answers.run(
        UUID(ident), state=answers.state(state, name), created=created, deployment_id=DEPLOYMENT
    )


class Run:
    """As much of a release's run as the step needs."""

    def __init__(self, **spec: Any) -> None:
        self.flow_run, self.told = OWN, ""
        self.spec = ReleaseSpec(app=nouns.app(), **spec)
        self.book = Book(Heading(id="r", run=OWN, spec=self.spec, started=START))

    def note(self, happening: Any) -> None:
        self.book = self.book.plus(happening)

    def waits(self, why: str) -> None:
        self.told = why


def wait(run: Run) -> None:
    freezing.wait_if_frozen(run)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def a_run_of_a_deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(leaving, "can_be_started_anew", lambda: True)
    monkeypatch.setattr(freezing, "in_prefect", lambda: True)
    monkeypatch.setattr(freezing, "say", lambda *_: None)
    yield
    leaving.stays()


def prefect(fake: FakeApi, *others: dict[str, Any], waited: bool = False) -> None:
    fake.answers[f"GET /flow_runs/{OWN}"] = lambda _: (200, told(OWN, "RUNNING", "Running"))
    fake.answers["POST /flow_runs/filter"] = lambda _: (200, list(others))
    fake.answers[f"POST /flow_runs/{OWN}/input"] = lambda _: (201, None)
    if waited:
        fake.answers[f"GET /flow_runs/{OWN}/input/waited-for-freeze"] = lambda _: (200, '"frozen"')
    for ident in CREATED:
        fake.answers[f"POST /flow_runs/{ident}/set_state"] = lambda body: (
            201,
            {"state": answered(body["state"]), "status": "ACCEPT", "details": {}},
        )


def answered(wanted: dict[str, Any]) -> dict[str, Any]:
    return answers.state(wanted["type"], wanted["name"])


def test_it_is_put_off_until_the_end_and_its_process_ends(fake: FakeApi) -> None:
    prefect(fake)
    run = Run(freeze=ALWAYS)
    with pytest.raises(Pause) as paused:
        wait(run)
    assert paused.value.state is not None
    assert paused.value.state.type.value == "SCHEDULED"
    (body,) = fake.bodies(f"POST /flow_runs/{OWN}/set_state")
    end = frozen(ALWAYS, NOW)
    assert isinstance(end, Frozen)
    state = body["state"]
    assert (state["type"], state["name"]) == ("SCHEDULED", "Frozen")
    assert datetime.fromisoformat(state["state_details"]["scheduled_time"]) == end.until
    assert state["message"].startswith(f"frozen until {end.end}")
    assert state["message"] == run.told
    assert not body["force"]


def test_the_older_ones_that_wait_are_superseded(fake: FakeApi) -> None:
    prefect(fake, told(OLDER, "SCHEDULED", "Frozen"))
    with pytest.raises(Pause):
        wait(Run(freeze=ALWAYS))
    (body,) = fake.bodies(f"POST /flow_runs/{OLDER}/set_state")
    assert (body["state"]["type"], body["state"]["name"]) == ("CANCELLED", "Superseded")
    assert OWN in body["state"]["message"]


def test_it_gives_way_to_a_newer_one_that_waits(fake: FakeApi) -> None:
    prefect(fake, told(NEWER, "SCHEDULED", "Frozen"), told(OLDER, "SCHEDULED", "Frozen"))
    with pytest.raises(EndsEarly) as early:
        wait(Run(freeze=ALWAYS))
    assert early.value.outcome is Outcome.SUPERSEDED
    assert NEWER in early.value.why
    assert not fake.bodies(f"POST /flow_runs/{OWN}/set_state")


def test_a_run_that_prefect_does_not_put_off_releases_nothing(fake: FakeApi) -> None:
    prefect(fake)
    fake.answers[f"POST /flow_runs/{OWN}/set_state"] = lambda _: (
        200,
        {"state": None, "status": "ABORT", "details": {"reason": "no"}},
    )
    with pytest.raises(PrefectFailed, match="did not put off"):
        wait(Run(freeze=ALWAYS))


@pytest.mark.parametrize(("name", "gives_way"), [("Released", True), ("Rolled back", False)])
def test_after_the_freeze_it_gives_way_to_what_was_released_meanwhile(
    fake: FakeApi, name: str, *, gives_way: bool
) -> None:
    """A person has broken the freeze with a newer commit: the older one must not come back."""
    state = "COMPLETED" if gives_way else "FAILED"
    prefect(fake, told(NEWER, state, name), waited=True)
    if not gives_way:
        wait(Run(freeze=NEVER))
        return
    with pytest.raises(EndsEarly) as early:
        wait(Run(freeze=NEVER))
    assert early.value.outcome is Outcome.SUPERSEDED


def test_a_run_that_has_not_waited_gives_way_to_nobody(fake: FakeApi) -> None:
    prefect(fake, told(NEWER, "COMPLETED", "Released"))
    wait(Run(freeze=NEVER))
    wait(Run())


def test_breaking_it_is_written_down_once(fake: FakeApi) -> None:
    run = Run(freeze=ALWAYS, break_glass="alice: no orders come in")
    wait(run)
    wait(run)
    (broken,) = run.book.happenings
    assert broken.who == "alice: no orders come in"  # type: ignore[union-attr]
    assert broken.frozen.startswith("frozen until")  # type: ignore[union-attr]


@contextmanager
def no_deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(leaving, "can_be_started_anew", lambda: False)
    monkeypatch.setattr(freezing, "in_prefect", lambda: False)
    yield


def test_a_program_of_ones_own_is_told_and_nothing_is_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no deployment that Prefect could start anew."""
    with no_deployment(monkeypatch):
        found = world.release(freeze=ALWAYS)
    assert found.outcome is Outcome.FROZEN
    assert found.cause.startswith("frozen until")
    assert world.taken == LOOK_UP


def test_in_a_freeze_that_is_broken_all_goes_its_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with no_deployment(monkeypatch):
        found = world.release(freeze=ALWAYS, break_glass="alice: no orders come in")
    assert found.outcome is Outcome.RELEASED
    assert found.broke_glass.startswith("alice: no orders come in, though frozen until")
    before = [*LOOK_UP, *WAIT, *CHOOSE]
    assert world.taken[: len(before)] == before


def test_a_rollback_is_never_frozen(world: World) -> None:
    assert world.rollback().outcome is Outcome.RELEASED
