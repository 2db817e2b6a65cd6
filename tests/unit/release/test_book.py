"""The book is only appended to, and tells what was known last."""

from spotkiln.release.approval import Question
from spotkiln.release.book import Book
from spotkiln.release.happening import (
    CommitTaken,
    Ended,
    FleetRequested,
    GatePassed,
    Happening,
    ImageBaked,
    ImageBlamed,
    ImageReused,
    PlanShown,
    Resumed,
    ServingSeen,
    Undone,
    VersionTaken,
)
from spotkiln.release.release import Outcome
from tests.unit import nouns
from tests.unit.nouns import COMMIT, START
from tests.unit.release.books import NEW, OLD, PROMOTED, book, heading, way_back
from tests.unit.release.test_plan import plan


def test_a_book_is_only_appended_to() -> None:
    empty = Book(heading())
    one = empty.plus(Undone(what="cancel fleet"))
    two = one.plus(Undone(what="discard image"))
    assert (empty.happenings, len(one.happenings)) == ((), 1)
    assert two.every(Undone) == [Undone(what="cancel fleet"), Undone(what="discard image")]
    assert two.last(Undone) == Undone(what="discard image")
    assert two.last(Ended) is None


def test_nothing_is_known_at_first() -> None:
    empty = book()
    assert (empty.infra, empty.source, empty.way_back, empty.approved) == (None,) * 4
    assert (empty.serving, empty.image, empty.fleet, empty.outcome) == (None,) * 4
    assert (empty.commit, empty.started) == ("", START)


def test_the_commit_is_the_checkouts_or_the_versions() -> None:
    assert book(CommitTaken(source=nouns.source())).commit == COMMIT
    other = nouns.image("ami-0").with_tags(**{"spotkiln:commit": "0dd" * 13 + "0"})
    assert book(VersionTaken(way=way_back(other))).commit == "0dd" * 13 + "0"


def test_the_image_is_the_one_known_last() -> None:
    reused, baked = nouns.image("ami-7"), nouns.image("ami-8")
    blamed = baked.with_tags(**{"spotkiln:suspect": "it did not answer"})
    found: list[Happening] = [VersionTaken(way=way_back())]
    assert book(*found).image == nouns.image("ami-0")
    found.append(ImageReused(image=reused, why="the same recipe"))
    assert book(*found).image == reused
    found.append(ImageBaked(image=baked))
    assert book(*found).image == baked
    found += [ImageBlamed(image=blamed), Undone(what="cancel fleet")]
    assert book(*found).image == blamed


def test_the_fleet_is_the_one_that_passed_the_gate() -> None:
    requested = FleetRequested(fleet=NEW)
    assert book(requested).fleet == NEW
    other = nouns.fleet("sfr-on-demand")
    assert book(requested, GatePassed(fleet=other, servers=())).fleet == other
    promoted = book(*PROMOTED).fleet
    assert promoted is not None
    assert (promoted.id, promoted.state) == ("sfr-new", "active")


def test_the_fleet_that_serves_is_told_only_if_nothing_was_to_be_done() -> None:
    seen = ServingSeen(fleet=OLD)
    assert book(seen).fleet is None
    assert book(seen, Ended(outcome=Outcome.UNCHANGED)).fleet == OLD
    assert book(seen, Ended(outcome=Outcome.HELD, cause="held")).fleet is None


def test_what_serves_is_what_was_seen_last() -> None:
    assert book(ServingSeen(fleet=OLD), ServingSeen(fleet=None)).serving is None
    assert book(ServingSeen(fleet=None), ServingSeen(fleet=OLD)).serving == OLD


def test_a_resumed_run_began_in_its_first_process() -> None:
    begun = START.replace(hour=1)
    question = Question(plan=plan(), started=begun, asked=START)
    resumed = book(Resumed(question=question))
    assert resumed.started == begun
    # Only what a person is shown counts as what they approve.
    assert resumed.approved is None
    assert resumed.plus(PlanShown(plan=plan())).approved == plan()
