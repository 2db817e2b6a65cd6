"""What is told of a release is derived from its book."""

from datetime import timedelta

import pytest

from spotkiln import tags as t
from spotkiln.bake.junit import Failure, TestReport, TestsFailed
from spotkiln.errors import (
    BuildFailed,
    CapacityError,
    GateFailed,
    GaveWay,
    ImageRejected,
    UnitFailed,
    VerdictError,
)
from spotkiln.release.approval import Answer, Decision
from spotkiln.release.book import Book
from spotkiln.release.happening import (
    Answered,
    CommitTaken,
    Ended,
    Happening,
    ImageBaked,
    ImageReused,
    LedgerUnread,
    ServingSeen,
    TestsRan,
    Undone,
)
from spotkiln.release.release import (
    EndsEarly,
    Fate,
    LedgerEntry,
    Outcome,
    Release,
    ReleaseSpec,
    Timing,
)
from spotkiln.release.summary import (
    ending,
    fleet_tags,
    kept,
    name_of_image,
    ref,
    release_id,
    summary,
    tags,
    why_held,
)
from spotkiln.release.trigger import Trigger
from spotkiln.serve.foreign import in_words
from spotkiln.serve.price import Cost
from tests.unit import nouns
from tests.unit.nouns import COMMIT, RELEASE, START
from tests.unit.release.books import (
    BAKED,
    FOREIGN,
    GONE_BACK,
    GREEN,
    LAUNCHED,
    LOOKED_UP,
    NEW,
    OLD,
    PROMOTED,
    RELEASED,
    VERSION,
    book,
    heading,
)

NOW = START + timedelta(seconds=100)


def ended(book: Book, error: BaseException) -> Book:
    for happening in ending(book, error):
        book = book.plus(happening)
    return book


def test_all_of_a_release_that_went_well() -> None:
    assert summary(book(*RELEASED), NOW) == Release(
        id=RELEASE,
        app="demo-web-app",
        ref="v1",
        commit=COMMIT,
        subject="Say hello",
        commit_url="",
        trigger=Trigger(kind="push", by="alice"),
        run="01234567-89ab-cdef-0123-456789abcdef",
        url="http://prefect/runs/1",
        outcome=Outcome.RELEASED,
        started=START,
        ended=NOW,
        target_group="website",
        region="eu-west-1",
        address="website.example",
        served=OLD.commit,
        image=nouns.image(),
        tests=GREEN,
        fleet=NEW.model_copy(update={"state": "active"}),
        size="2 of t3.micro, t3a.micro, t3.small: the deployment's",
        foreign=tuple(in_words(FOREIGN, adopt=False)),
        servers=(nouns.server("i-1"), nouns.server("i-2")),
        cost=Cost(per_hour=0.02),
        versions=(VERSION,),
        retired=(OLD,),
        ledger=(LedgerEntry(kind="image", id="ami-1", fate=Fate.KEPT, why="a version"),),
        timings=(
            Timing(name="look up", seconds=1),
            Timing(name="bake", seconds=40),
            Timing(name="test", seconds=20),
            Timing(name="launch", seconds=2),
            Timing(name="gate", seconds=30),
            Timing(name="retire", seconds=5),
        ),
    )


def test_before_anything_is_known() -> None:
    found = summary(book(), NOW)
    # A run that is killed now has failed.
    assert (found.outcome, found.commit, found.ref) == (Outcome.FAILED, "", "v1")
    assert (found.image, found.fleet, found.ledger) == (None, None, ())


def test_the_rest_of_what_can_be_told() -> None:
    told = summary(
        book(
            *LOOKED_UP,
            Answered(answer=Answer(decision=Decision.APPROVE, by="bob")),
            ImageReused(image=nouns.image(), why="the same recipe"),
            Undone(what="cancel fleet"),
            Undone(what="discard image"),
            LedgerUnread(why="EC2 is away"),
            spec=ReleaseSpec(app=nouns.app(repository="https://github.com/a/b")),
        ),
        NOW,
    )
    assert told.approval == "approved by bob"
    assert told.reused == "the same recipe"
    assert told.undone == ("cancel fleet", "discard image")
    assert told.ledger_unread == "EC2 is away"
    assert told.commit_url == f"https://github.com/a/b/commit/{COMMIT}"


def test_nobody_answered() -> None:
    assert summary(book(Answered(answer=None)), NOW).approval == ""


def test_a_rollback_is_told_by_its_version() -> None:
    told = summary(book(*GONE_BACK), NOW)
    assert (told.ref, told.commit, told.subject) == (COMMIT[:12], COMMIT, "")
    assert told.back_to == "2024-05-01 03:00:00 UTC"
    assert ref(book()) == "v1"


# -- how it ends --


@pytest.mark.parametrize("outcome", [Outcome.HELD, Outcome.DECLINED, Outcome.SUPERSEDED])
def test_a_release_that_ends_early(outcome: Outcome) -> None:
    told = summary(ended(book(*LOOKED_UP), EndsEarly(outcome, "because")), NOW)
    assert (told.outcome, told.cause, told.fleet) == (outcome, "because", None)


def test_unchanged_tells_what_serves() -> None:
    told = summary(ended(book(*LOOKED_UP), EndsEarly(Outcome.UNCHANGED)), NOW)
    assert (told.outcome, told.cause, told.fleet) == (Outcome.UNCHANGED, "", OLD)


def test_one_that_gave_way_is_superseded() -> None:
    told = summary(ended(book(*BAKED), GaveWay("gave way to r-2")), NOW)
    assert (told.outcome, told.cause) == (Outcome.SUPERSEDED, "gave way to r-2")


RETIRING = (*PROMOTED, Timing(name="retire", seconds=5, failed=True))


@pytest.mark.parametrize(
    ("happened", "outcome"),
    [
        ((), Outcome.FAILED),
        (LOOKED_UP, Outcome.FAILED),
        (BAKED, Outcome.FAILED),
        (LAUNCHED, Outcome.ROLLED_BACK),
        (PROMOTED, Outcome.ROLLED_BACK),
        # The new fleet serves already: what is left of the old ones is finished later.
        (RETIRING, Outcome.RELEASED),
    ],
)
def test_how_far_it_came_decides_what_a_failure_is_called(
    happened: tuple[Happening, ...], outcome: Outcome
) -> None:
    told = summary(ended(book(*happened), CapacityError("no machines")), NOW)
    assert (told.outcome, told.cause) == (outcome, "no machines")


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (BuildFailed("no such gem"), "no such gem"),
        # A stranger's message alone would not say what it is.
        (KeyError("x"), "KeyError: 'x'"),
        (KeyboardInterrupt(), "the run was cancelled, or its host told it to end"),
    ],
)
def test_the_cause_in_words(error: BaseException, cause: str) -> None:
    assert summary(ended(book(), error), NOW).cause == cause


def test_red_tests_are_told() -> None:
    red = TestReport(tests=1, skipped=0, failures=(Failure(name="a", message="b"),))
    assert summary(ended(book(*LOOKED_UP), TestsFailed("1 of 1", red)), NOW).tests == red
    # Without a report nothing takes the place of what is known.
    before = book(*LOOKED_UP, TestsRan(report=GREEN))
    assert summary(ended(before, TestsFailed("none ran")), NOW).tests == GREEN


@pytest.mark.parametrize("kind", [GateFailed, ImageRejected])
def test_last_lines_of_a_server_that_failed(kind: type[GateFailed]) -> None:
    told = summary(ended(book(*LAUNCHED), kind("no", "unhealthy", "Killed")), NOW)
    assert (told.cause, told.last_lines) == ("no", "Killed")


@pytest.mark.parametrize(
    "error",
    [
        BuildFailed("no", "Killed"),
        UnitFailed("no", "Killed"),
        TestsFailed("no", last_lines="Killed"),
    ],
)
def test_last_lines_of_what_never_served(error: VerdictError) -> None:
    """The error itself has both: a log shows it alone."""
    told = summary(ended(book(*LOOKED_UP), error), NOW)
    assert (told.cause, told.last_lines) == ("no", "Killed")
    assert str(error) == "no\nKilled"


# -- what stays --


def test_what_serves_stays_and_its_image_is_a_version() -> None:
    assert kept(book(*RELEASED)) == {
        "lt-1": "of sfr-new, which serves",
        "sfr-new": "serves",
        "ami-1": "a version to go back to",
    }


def test_nothing_else_stays() -> None:
    assert kept(book(*LAUNCHED)) == {}
    assert kept(ended(book(*LAUNCHED), GateFailed("no", "unhealthy"))) == {}
    assert kept(ended(book(*LOOKED_UP), EndsEarly(Outcome.UNCHANGED))) == {}


def test_an_image_that_shall_be_looked_at_stays() -> None:
    spec = ReleaseSpec(app=nouns.app(), keep_rejected=True)
    failed = ended(book(*LAUNCHED, spec=spec), GateFailed("no", "unhealthy"))
    assert kept(failed) == {"ami-1": "kept to be looked at"}
    assert kept(book(*LOOKED_UP, Ended(outcome=Outcome.FAILED), spec=spec)) == {}


# -- what is written on what it makes --


def test_ids_names_and_tags() -> None:
    run = heading().run
    assert release_id("shop", run) == "shop-0123456789ab"
    known = book(CommitTaken(source=nouns.source()), ImageBaked(image=nouns.image()))
    assert tags(known) == {**nouns.TAGS, t.RUN: run}
    assert name_of_image(known).endswith(f"/{COMMIT[:12]}/{RELEASE}")


def test_a_fleet_tells_what_it_holds() -> None:
    assert fleet_tags(book(*GONE_BACK)) == {**tags(book(*GONE_BACK)), t.HELD: "badc0ffee000"}
    serves = OLD.model_copy(update={"tags": {**nouns.TAGS, t.HELD: f"badc0ffee000 {COMMIT[:12]}"}})
    again = book(CommitTaken(source=nouns.source()), ServingSeen(fleet=serves))
    assert fleet_tags(again)[t.HELD] == "badc0ffee000"
    newer = book(CommitTaken(source=nouns.source(commit="dad" * 13 + "0")), again.happenings[1])
    assert t.HELD not in fleet_tags(newer)


def test_a_held_commit_is_not_released_unasked() -> None:
    serves = OLD.model_copy(update={"tags": {**OLD.tags, t.HELD: COMMIT[:12]}})
    happened = (CommitTaken(source=nouns.source()), ServingSeen(fleet=serves))
    assert f"commit {COMMIT[:12]} is held" in why_held(book(*happened))
    assert why_held(book(happened[0], ServingSeen(fleet=OLD))) == ""
    assert why_held(book(happened[0], ServingSeen(fleet=None))) == ""
    spec = ReleaseSpec(app=nouns.app(), even_if_held=True)
    assert why_held(book(*happened, spec=spec)) == ""
