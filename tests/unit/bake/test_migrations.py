"""Which migrations an image has, and which lie between two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkiln.bake.migrations import Between, Migrations, between, find_migrations

pytestmark = pytest.mark.programs

A, B, C = (f"db/migrate/2024010{number}000000_{number}" for number in range(1, 4))


def of(*names: str) -> Migrations:
    return Migrations.of(names)


def told(*names: str) -> Migrations:
    """As an image tells it."""
    found = Migrations.from_tags(of(*names).to_tags())
    assert found
    return found


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("db/migrate/20240101000000_create_notes.rb", "db/migrate/20240101000000_create_notes"),
        ("db/queue_migrate/1_jobs.rb", "db/queue_migrate/1_jobs"),
        ("shop/migrations/0001_initial.py", "shop/migrations/0001_initial"),
        ("alembic/versions/ae1027a6acf_add.py", "alembic/versions/ae1027a6acf_add"),
        ("migrations/versions/1_x.py", "migrations/versions/1_x"),
        ("prisma/migrations/20240101_init/migration.sql", "prisma/migrations/20240101_init"),
        ("migrations/0002_b.up.sql", "migrations/0002_b"),
        ("src/db/migration/V1__a b.sql", "src/db/migration/V1__a_b"),
        ("migrations/20240101-users.js", "migrations/20240101-users"),
    ],
)
def test_what_is_a_migration(path: str, name: str) -> None:
    assert find_migrations([path, "app/models/note.rb", "README.md"]) == (name,)


@pytest.mark.parametrize(
    "path",
    [
        "shop/migrations/__init__.py",
        "shop/tests/migrations/0001_initial.py",
        "node_modules/knex/migrations/1.js",
        "app/migrate/1_x.rb",
        "docs/migrations.md",
    ],
)
def test_what_is_none(path: str) -> None:
    assert find_migrations([path]) == ()


def test_up_and_down_are_one() -> None:
    assert find_migrations(["migrations/1_a.up.sql", "migrations/1_a.down.sql"]) == (
        "migrations/1_a",
    )


def test_tags_begin_with_the_newest_of_each_folder() -> None:
    tags = of("a/migrations/0001", "a/migrations/0002", "b/migrations/0001").to_tags()
    assert tags.keys() == {"spotkiln:migrations"}
    count, _, *names = tags["spotkiln:migrations"].split()
    assert (count, names) == (
        "3",
        ["a/migrations/0002", "b/migrations/0001", "a/migrations/0001"],
    )


def test_what_lies_between() -> None:
    assert between(told(A), told(A, B, C)) == Between(names=(B, C))
    assert str(between(told(A), told(A, B, C))) == f"{B}, {C}"
    assert between(told(A, B), told(A)) == Between()
    assert str(between(told(), told())) == ""


MANY = tuple(f"db/migrate/{20230101000000 + n}_change_number_{n}" for n in range(400))


def test_of_many_the_newest_are_named_and_the_others_counted() -> None:
    earlier, later = told(*MANY[:-2]), told(*MANY)
    assert len(later.newest) < 40
    assert between(earlier, later) == Between(names=MANY[-2:])
    far = between(told(*MANY[:300]), later)
    assert (len(far.names) + far.more, far.names[-1]) == (100, MANY[-1])
    assert str(far).endswith(f"{MANY[-1]} and {far.more} more")


def test_one_that_was_merged_late_is_counted() -> None:
    """Its name sorts before those that both name: it may have been there all the time."""
    late = "db/migrate/20220101000000_late"
    found = between(told(*MANY), told(late, *MANY))
    assert found == Between(more=1)
    assert str(found) == "1, whose names are not known"


@pytest.mark.parametrize("tags", [{}, {"spotkiln:migrations": ""}, {"spotkiln:migrations": "x y"}])
def test_an_image_that_does_not_tell(tags: dict[str, str]) -> None:
    assert Migrations.from_tags(tags) is None


NAMES = st.sets(st.from_regex(r"\A[a-z]{1,9}/migrations/[0-9]{4}_[a-z]{1,300}\Z"), max_size=60)


@given(NAMES)
def test_tags_are_as_ec2_takes_them(names: set[str]) -> None:
    tags = Migrations.of(names).to_tags()
    assert 1 <= len(tags) <= 4
    assert all(len(value) <= 256 for value in tags.values())
    found = Migrations.from_tags(tags)
    assert found
    assert found.count == len(names)
    assert set(found.newest) <= names


@given(NAMES, NAMES)
def test_nothing_is_named_that_does_not_lie_between(earlier: set[str], more: set[str]) -> None:
    found = between(told(*earlier), told(*earlier | more))
    assert set(found.names) <= more - earlier
    assert len(found.names) + found.more == len(more - earlier)
