"""Whether a release migrates, and what is told of it."""

from typing import Any

import pytest

from spotkiln.bake.migrations import Between, Migrations
from spotkiln.bake.reuse import Reuse
from spotkiln.keep.versions import lie_between
from spotkiln.markup import plain
from spotkiln.release import summary
from spotkiln.release.happening import Ended, Happening, Migrated, MigrationChosen, VersionTaken
from spotkiln.release.migration import EACH, ONCE, Migration, choose_migration, plan_migration
from spotkiln.release.release import Outcome, Timing
from spotkiln.release.result import Result
from spotkiln.show.page import release_page
from tests.unit import nouns
from tests.unit.release.books import BAKED, GONE_BACK, LAUNCHED, book, way_back

FIRST, SECOND = "db/migrate/1_first", "db/migrate/2_second"
SERVED = {"spotkiln:served/website": "2024-05-01T10:00:00+00:00 2024-05-01T11:00:00+00:00"}


def image(*names: str, **tags: str) -> Any:
    told = Migrations.of(names).to_tags()
    return nouns.image("ami-9").with_tags(**{**told, **tags})


def chosen(image: Any, *, force: bool = False, **app: Any) -> Migration:
    return choose_migration(nouns.settled(**app), image, SERVING, "website", force=force)


SERVING = image(FIRST)
NEW = Between(names=(SECOND,))


def test_a_new_image_migrates_once_unless_it_is_told_otherwise() -> None:
    assert chosen(image(FIRST, SECOND)) == Migration(once=True, why=ONCE, new=NEW)
    assert chosen(image(FIRST, SECOND), migrate_on="each") == Migration(why=EACH, new=NEW)
    assert chosen(image(FIRST, SECOND), migrate="") == Migration()
    assert str(chosen(image(FIRST, SECOND))) == f"{ONCE}; new: {SECOND}"


def test_a_rebuild_of_the_same_commit_migrates_too() -> None:
    """Its command may do more than what the files tell."""
    assert chosen(image(FIRST)) == Migration(once=True, why=ONCE, new=Between())
    assert str(chosen(image(FIRST))) == f"{ONCE}; new: none"


def test_what_has_served_there_before_is_migrated_already() -> None:
    back = image(FIRST, SECOND, **SERVED)
    assert chosen(back) == Migration(why="not migrated: ami-9 has served website before", new=NEW)
    assert chosen(back, force=True).once
    elsewhere = {key.replace("website", "staging"): value for key, value in SERVED.items()}
    assert chosen(image(FIRST, **elsewhere)).once


def test_an_image_that_does_not_name_its_migrations() -> None:
    found = chosen(nouns.image("ami-9"))
    assert (found.once, found.new) == (True, Between(known=False))
    assert str(found) == (
        f"{ONCE}; new: which ones cannot be told, for one of both images does not name its own"
    )


def test_where_nothing_serves_all_are_new() -> None:
    both = Between(names=(FIRST, SECOND))
    found = choose_migration(nouns.settled(), image(FIRST, SECOND), None, "website", force=False)
    assert found == Migration(once=True, why=ONCE, new=both)
    untold = choose_migration(nouns.settled(), nouns.image("ami-9"), None, "website", force=False)
    assert untold == Migration(once=True, why=ONCE)
    anew = Reuse(image=None, why="")
    names = (FIRST, SECOND)
    planned = plan_migration(nouns.settled(), names, anew, "website", force=False)
    assert planned.new == both


def test_a_plan_says_what_the_release_would_do() -> None:
    anew = Reuse(image=None, why="", serving=SERVING)
    asked: dict[str, Any] = {"group": "website", "force": False}
    names = (FIRST, SECOND)
    assert plan_migration(nouns.settled(), names, anew, **asked) == Migration(
        once=True, why=ONCE, new=NEW
    )
    each = nouns.settled(migrate_on="each")
    assert plan_migration(each, names, anew, **asked).once is False
    assert plan_migration(nouns.settled(migrate=""), (), anew, **asked) == Migration()
    there = anew.model_copy(update={"image": image(FIRST, SECOND, **SERVED)})
    assert plan_migration(nouns.settled(), names, there, **asked).once is False


CHOSEN = MigrationChosen(migration=Migration(once=True, why=ONCE, new=NEW))
BEGUN = Timing(name="migrate", seconds=9.0, failed=True)


@pytest.mark.parametrize(
    ("happened", "said"),
    [
        ((*BAKED,), ""),
        (
            (*BAKED, MigrationChosen(migration=Migration(why=EACH, new=NEW))),
            f"{EACH}; new: {SECOND}",
        ),
        (
            (*BAKED, CHOSEN, Ended(outcome=Outcome.FAILED)),
            "not migrated: the release ended before its migration began",
        ),
        (
            (*BAKED, CHOSEN, BEGUN, Ended(outcome=Outcome.FAILED)),
            f"the migration did not end well, and may have done a part: {ONCE}; new: {SECOND}",
        ),
        (
            (*LAUNCHED, CHOSEN, Migrated(), Ended(outcome=Outcome.RELEASED)),
            f"migrated {ONCE}; new: {SECOND}",
        ),
        (
            (*LAUNCHED, CHOSEN, Migrated(), Ended(outcome=Outcome.ROLLED_BACK)),
            f"migrated {ONCE}; new: {SECOND}. It is not migrated back: what serves runs with it",
        ),
    ],
)
def test_what_a_release_tells_of_the_database(happened: tuple[Happening, ...], said: str) -> None:
    told = summary.summary(book(*happened), nouns.START)
    assert told.database == said
    assert Result.of(told).database == said
    rows = [x for x in release_page(told).splitlines() if x.startswith("- **database**")]
    assert rows == ([f"- **database**: {plain(said)}"] if said else [])


def test_a_rollback_names_what_lies_between() -> None:
    def told(between: Between | None) -> str:
        way = way_back().model_copy(update={"migrations": between})
        happened = (*GONE_BACK, VersionTaken(way=way), Ended(outcome=Outcome.RELEASED))
        return summary.summary(book(*happened), nouns.START).database

    assert told(None) == ""
    assert told(Between()) == "not migrated back: no migration lies between"
    assert told(NEW) == (
        f"not migrated back: the database keeps what this version does not know: {SECOND}"
    )


def test_between_what_serves_and_the_version_gone_back_to() -> None:
    serves = nouns.fleet(tags={**nouns.TAGS, "spotkiln:image": "ami-9"})
    back = nouns.image("ami-1").with_tags(**Migrations.of([FIRST]).to_tags())
    untold = nouns.image("ami-1")
    # What serves is one of several.
    assert lie_between([untold, image(FIRST, SECOND)], serves, back) == NEW
    assert lie_between([image(FIRST, SECOND)], serves, untold) == Between(known=False)
    assert lie_between([nouns.image("ami-9")], serves, untold) is None
    assert lie_between([image(FIRST, SECOND)], None, back) is None
