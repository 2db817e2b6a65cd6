"""The night's book: what follows from what happened."""

from datetime import UTC, datetime, timedelta

import pytest

from spotkiln.bake.recipe import Recipe
from spotkiln.errors import InfrastructureError, RebuildFailed
from spotkiln.start.night import NightOutcome, NightSpec, Rebuilt
from spotkiln.start.nightbook import NightBook
from tests.unit.nouns import START, image

# Noon, and midnight.
DAY, NIGHT = datetime(2024, 5, 1, 12, tzinfo=UTC), datetime(2024, 5, 1, 0, tzinfo=UTC)
PACKAGES = Recipe.model_validate({"inputs": {"packages": "a"}})


def book(**spec: object) -> NightBook:
    return NightBook(
        id="base-0123456789ab",
        run="r-1",
        spec=NightSpec.model_validate({"switch": "nightly", **spec}),
        started=START,
    )


def rebuilt(application: str, outcome: str) -> Rebuilt:
    return Rebuilt(application=application, outcome=outcome, cause="why", run="r", url="http://ui")


def test_a_new_book_tells_no_end() -> None:
    assert book().outcome is None
    assert not book().releases
    # Whoever looks at it now sees a night that did not come to its end.
    assert book().night(START).outcome is NightOutcome.FAILED


def test_the_switch() -> None:
    assert book().switched(on=True) == book()
    off = book().switched(on=False)
    assert (off.outcome, off.releases) == (NightOutcome.OFF, False)
    assert off.why == "the Prefect variable nightly is off: nothing was done"


def test_quiet_hours() -> None:
    assert book().at(NIGHT, "nothing was done") == book()
    quiet = book(quiet_hours="22:00-06:00 UTC")
    assert quiet.at(DAY, "nothing was done") == quiet
    ended = quiet.at(NIGHT, "the new base is discarded")
    assert (ended.outcome, ended.releases) == (NightOutcome.QUIET, False)
    assert ended.why == "quiet hours 22:00-06:00 UTC: the new base is discarded"


def test_a_base_that_holds_the_same_is_no_new_one() -> None:
    current = image("ami-old", fingerprint=PACKAGES.digest)
    same = book().baked(PACKAGES, current)
    assert (same.outcome, same.base, same.changed) == (NightOutcome.UNCHANGED, current, "")
    assert same.why == "the new base image holds what ami-old holds, and was discarded"
    assert not same.releases
    wanted = book(even_if_unchanged=True).baked(PACKAGES, current)
    assert wanted.outcome is NightOutcome.UNCHANGED
    assert wanted.releases
    assert wanted.all_rebuilt().outcome is NightOutcome.REBUILT
    assert wanted.all_rebuilt().why == f"{same.why}; the applications were to be released"


def test_a_base_that_differs_is_promoted() -> None:
    first = book().baked(PACKAGES, None)
    assert (first.outcome, first.changed) == (None, "there was no base image")
    other = book().baked(PACKAGES, image("ami-old"))
    assert (other.outcome, other.changed) == (None, "ami-old has no fingerprint")
    promoted = other.promoted(image("ami-new"))
    assert (promoted.outcome, promoted.releases) == (NightOutcome.REBUILT, True)
    assert promoted.base and promoted.base.id == "ami-new"
    assert promoted.why == "ami-new is the base image from now on"


def test_what_came_of_the_applications() -> None:
    done = book().promoted(image("ami-new")).rebuilt(rebuilt("shop", "released"))
    assert done.all_rebuilt() == done
    held = done.rebuilt(rebuilt("blog", "held")).all_rebuilt()
    assert held.outcome is NightOutcome.REBUILT
    assert held.why == f"{done.why}; held since a rollback, left alone: blog"
    held.require_all()
    late = book(quiet_hours="22:00-06:00 UTC").rebuilt(rebuilt("api", "quiet")).all_rebuilt()
    assert late.outcome is NightOutcome.QUIET
    assert late.why == "quiet hours 22:00-06:00 UTC: not started any more: api"
    late.require_all()


def test_one_that_failed_is_told_when_all_have_been_tried() -> None:
    found = book().rebuilt(rebuilt("shop", "released")).rebuilt(rebuilt("blog", "failed"))
    with pytest.raises(RebuildFailed, match=r"^1 of 2 applications .* blog: failed, why \(http"):
        found.require_all()


def test_an_error_ends_the_night_in_its_own_words() -> None:
    ours = book().promoted(image()).failed(InfrastructureError("AWS is away"))
    assert (ours.outcome, ours.why) == (NightOutcome.FAILED, "AWS is away")
    assert book().failed(KeyError("x")).why == "KeyError: 'x'"


def test_a_night_that_was_cancelled_has_not_failed() -> None:
    ended = book().promoted(image()).failed(KeyboardInterrupt(), cancelled=True)
    assert (ended.outcome, ended.why) == (NightOutcome.CANCELLED, "somebody cancelled the run")
    assert book().failed(KeyboardInterrupt(), cancelled=False).why == (
        "the run's host told it to end"
    )
    unknown = book().failed(KeyboardInterrupt()).why
    assert unknown == "the run was cancelled, or its host told it to end"


def test_the_night_as_the_book_tells_it() -> None:
    ended = START + timedelta(minutes=3)
    found = (
        book()
        .promoted(image("ami-new"))
        .rebuilt(rebuilt("shop", "released"))
        .with_pruned(["ami-1"])
        .with_pruned(["snap-1"])
        .night(ended)
    )
    assert (found.id, found.run, found.outcome) == (book().id, "r-1", NightOutcome.REBUILT)
    assert (found.started, found.ended, found.pruned) == (START, ended, ("ami-1", "snap-1"))
    assert [one.application for one in found.applications] == ["shop"]
