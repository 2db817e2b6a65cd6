"""A release's run: what its book tells is published however it ends, and only once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prefect.client.schemas.objects import StateType
from prefect.exceptions import Pause

from spotkiln.errors import (
    CapacityError,
    GateFailed,
    GaveWay,
    ImageRejected,
    InfrastructureError,
    LeftBehind,
)
from spotkiln.keep.versions import Version
from spotkiln.release.happening import CommitTaken, Ended, FleetRequested, InfraFound
from spotkiln.release.ledger import REQUESTED, Key, Made
from spotkiln.release.release import EndsEarly, Fate, LedgerEntry, Outcome, Release, ReleaseSpec
from spotkiln.tasks.release import run as runs
from spotkiln.tasks.release.recorded import recorded
from spotkiln.tasks.release.run import ReleaseRun
from tests.unit import nouns
from tests.unit.release.books import NEW, VERSION
from tests.unit.release.paths import result_of

SPEC = ReleaseSpec(app=nouns.app())
LOST = LedgerEntry(kind="instance", id="i-9", fate=Fate.LEFT_BEHIND)


class Outside:
    """What a run speaks to: Prefect, and AWS."""

    def __init__(self) -> None:
        self.announced: list[tuple[str, bool]] = []
        self.published: list[Release] = []
        self.named: list[str] = []
        self.ledger: tuple[LedgerEntry, ...] = ()
        self.patience: list[float] = []
        self.broken: set[str] = set()

    def _call(self, name: str) -> None:
        if name in self.broken:
            raise InfrastructureError(f"{name} is away")

    def announce(self, release: Release, *, started: bool = False) -> None:
        self._call("announce")
        self.announced.append((str(release.outcome), started))

    def publish(self, release: Release) -> None:
        self._call("publish")
        self.published.append(release)

    def read_ledger(
        self, *_: object, patience_seconds: float, **__: object
    ) -> tuple[LedgerEntry, ...]:
        self._call("read_ledger")
        self.patience.append(patience_seconds)
        return self.ledger

    def list_versions(self, *_: object) -> list[Version]:
        self._call("list_versions")
        return [VERSION]


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Outside:
    found = Outside()
    monkeypatch.setenv("SPOTKILN_HOME", str(tmp_path))
    monkeypatch.setattr(runs, "page_of", lambda _: "http://prefect/1")
    monkeypatch.setattr(runs, "rename", found.named.append)
    monkeypatch.setattr(runs, "connect", lambda _: None)
    for name in ("announce", "publish", "read_ledger", "list_versions"):
        monkeypatch.setattr(runs, name, getattr(found, name))
    return found


def begin(run: ReleaseRun) -> None:
    run.note(InfraFound(infra=nouns.infra()))
    run.begin(CommitTaken(source=nouns.source()))


@contextmanager
def failing(error: type[Exception], match: str | None = None) -> Iterator[ReleaseRun]:
    """A run that fails with this error."""
    with pytest.raises(error, match=match):
        with recorded(SPEC) as run:
            yield run
        result_of(run.state)


def test_a_release_that_went_well_is_published_with_its_ledger(outside: Outside) -> None:
    outside.ledger = (LedgerEntry(kind="image", id="ami-1", fate=Fate.KEPT),)
    with recorded(SPEC) as run:
        begin(run)
        run.note(Ended(outcome=Outcome.RELEASED))
        assert run.folder.is_dir()
    assert outside.announced == [("failed", True), ("released", False)]
    (told,) = outside.published
    assert run.release == told
    assert (told.outcome, told.ledger, told.versions) == ("released", outside.ledger, (VERSION,))
    assert told.url == "http://prefect/1"
    assert outside.named == ["demo-web-app c0ffeec unknown"]
    # AWS may go on telling of what has gone.
    assert outside.patience == [runs.SEEN_SECONDS]
    assert not run.folder.exists()


def test_what_it_left_behind_turns_a_good_end_red(outside: Outside) -> None:
    outside.ledger = (LOST,)
    said = r"left behind: instance i-9; run reconcile"
    with failing(LeftBehind, match=said) as run:
        begin(run)
        run.note(Ended(outcome=Outcome.RELEASED))
    assert [one.ledger for one in outside.published] == [(LOST,)]


def test_what_a_failed_one_left_behind_does_not_hide_the_failure(outside: Outside) -> None:
    outside.ledger = (LOST,)
    with failing(CapacityError, match="no machines") as run:
        begin(run)
        raise CapacityError("no machines")
    (told,) = outside.published
    assert (told.outcome, told.cause, told.ledger) == ("failed", "no machines", (LOST,))
    assert outside.patience == [0.0]
    assert told.versions == ()


def test_before_a_commit_is_known_there_is_nothing_to_read_back(outside: Outside) -> None:
    with failing(CapacityError) as run:
        run.note(InfraFound(infra=nouns.infra()))
        raise CapacityError("none")
    assert outside.patience == []
    assert [one.outcome for one in outside.published] == ["failed"]


def test_a_run_that_is_told_to_end_is_cancelled(outside: Outside) -> None:
    with pytest.raises(KeyboardInterrupt), recorded(SPEC) as run:
        begin(run)
        raise KeyboardInterrupt
    assert outside.announced[-1] == ("cancelled", False)
    (told,) = outside.published
    assert told.cause == "the run was cancelled, or its host told it to end"


def test_how_it_ended_is_the_name_of_the_state(outside: Outside) -> None:
    with recorded(SPEC) as run:
        begin(run)
        raise EndsEarly(Outcome.HELD, "a rollback left it")
    assert (run.state.type, run.state.name) == (StateType.COMPLETED, "Held")
    assert run.state.message == "a rollback left it"
    with recorded(SPEC) as run:
        raise CapacityError("no machines")
    assert (run.state.type, run.state.name) == (StateType.FAILED, "Failed")
    with recorded(SPEC) as run, run.timed("launch"):
        run.note(FleetRequested(fleet=NEW))
        raise GateFailed("it is sick", "Target.Timeout", "killed")
    assert (run.state.type, run.state.name) == (StateType.FAILED, "Rolled back")
    # Only the cause: what the application said is on the page.
    assert run.state.message == "it is sick"


def test_an_error_that_is_not_ours_is_told_as_it_is(outside: Outside) -> None:
    with pytest.raises(KeyError), recorded(SPEC) as run:
        begin(run)
        raise KeyError("x")
    assert [one.cause for one in outside.published] == ["KeyError: 'x'"]


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (EndsEarly(Outcome.HELD, "a rollback"), "held"),
        (EndsEarly(Outcome.UNCHANGED), "unchanged"),
        (GaveWay("a rollback took the turn"), "superseded"),
    ],
)
def test_an_early_end_is_no_failure(outside: Outside, end: Exception, outcome: str) -> None:
    with recorded(SPEC) as run:
        begin(run)
        raise end
    assert run.release.outcome == outcome
    assert [one.outcome for one in outside.published] == [outcome]
    assert outside.announced[-1] == (outcome, False)


def test_one_that_is_suspended_has_not_ended(outside: Outside) -> None:
    with pytest.raises(Pause), recorded(SPEC) as run:
        begin(run)
        raise Pause
    assert outside.published == []
    assert not run.folder.exists()


def test_after_a_verdict_on_the_image_the_versions_are_told(outside: Outside) -> None:
    for error, versions in ((ImageRejected("no", "x"), 1), (GateFailed("no", "x"), 0)):
        with failing(GateFailed) as run:
            begin(run)
            raise error
        assert len(outside.published[-1].versions) == versions


@pytest.mark.parametrize("broken", ["announce", "publish", "list_versions"])
def test_what_cannot_be_told_does_not_change_the_end(outside: Outside, broken: str) -> None:
    with recorded(SPEC) as run:
        begin(run)
        outside.broken = {broken}
        run.note(Ended(outcome=Outcome.RELEASED))
    assert run.release.outcome == "released"


def test_a_ledger_that_cannot_be_read_is_told(outside: Outside) -> None:
    outside.broken = {"read_ledger"}
    with recorded(SPEC) as run:
        begin(run)
        run.note(Ended(outcome=Outcome.RELEASED))
    assert outside.published[0].ledger_unread == "read_ledger is away"


def test_what_is_held_is_given_back_last_of_all(outside: Outside) -> None:
    said: list[str] = []

    @contextmanager
    def turn() -> Iterator[str]:
        yield "the turn"
        said.append(f"given back after {len(outside.published)} page")

    with recorded(SPEC) as run:
        assert run.hold(turn()) == "the turn"
        REQUESTED.note(run.id, "image", "ami-1")
    assert said == ["given back after 1 page"]
    assert REQUESTED.of(run.id) == []


def test_times_tell_what_failed(outside: Outside) -> None:
    with failing(CapacityError) as run:
        with run.timed("look up"):
            pass
        with run.timed("launch"):
            run.note(FleetRequested(fleet=NEW))
            raise CapacityError("none")
    (told,) = outside.published
    assert [(one.name, one.failed) for one in told.timings] == [
        ("look up", False),
        ("launch", True),
    ]
    assert told.outcome == "rolled back"
    for end in (EndsEarly(Outcome.SUPERSEDED, "a newer push"), GaveWay("a rollback took the turn")):
        with recorded(SPEC) as run, run.timed("wait"):
            raise end
        assert [one.how for one in run.release.timings] == [""]


def test_what_was_cancelled_has_not_failed(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "cancelled", lambda _: True)
    with pytest.raises(KeyboardInterrupt), recorded(SPEC) as run, run.timed("gate"):
        raise KeyboardInterrupt
    (told,) = outside.published
    assert [one.how for one in told.timings] == ["cancelled"]
    assert (told.outcome, told.cause) == ("cancelled", "somebody cancelled the run")


def test_what_is_undone_takes_its_time(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "read_back", lambda *_: [])

    def stuck() -> None:
        raise InfrastructureError("AWS is away")

    with failing(CapacityError) as run, run.undoing() as undo:
        undo.later("discard image", lambda: None)
        undo.later("cancel fleet", stuck)
        with run.timed("launch"):
            raise CapacityError("none")
    (told,) = outside.published
    assert [(one.name, one.how) for one in told.timings] == [
        ("launch", "failed"),
        ("undo: cancel fleet", "failed"),
        ("undo: discard image", ""),
    ]
    assert told.undone == ("discard image",)


def test_its_name_tells_the_environment(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "deployed_as", lambda: "demo-web-app-staging")
    with recorded(SPEC) as run:
        begin(run)
        run.note(Ended(outcome=Outcome.RELEASED))
    assert outside.named == ["demo-web-app-staging c0ffeec unknown"]
    assert outside.published[0].deployment == "demo-web-app-staging"


def test_what_is_undone_is_written_down(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(kind="image", id="ami-1", exists=True)
    monkeypatch.setattr(runs, "read_back", lambda *_: [made])
    noted: list[Key] = []
    with failing(CapacityError) as run:
        begin(run)
        with run.undoing() as undo:
            # What is there is noted before anything is undone.
            undo.later("discard image", lambda: noted.extend(REQUESTED.of(run.id)))
            undo.later("cancel fleet", lambda: 1 / 0)
            raise CapacityError("none")
    assert outside.published[0].undone == ("discard image",)
    assert noted == [("image", "ami-1")]
