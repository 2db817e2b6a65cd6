"""Created = kept + destroyed + left behind."""

import pytest

from spotkiln.bake.packer import made
from spotkiln.release.ledger import Book, Made, fates, left_behind
from spotkiln.release.release import Entry, Fate


def test_what_is_part_of_something_kept_is_kept_and_says_why() -> None:
    found = [
        Made(kind="spot-fleet-request", id="sfr-1", exists=True),
        Made(kind="instance", id="i-1", exists=True, owner="sfr-1"),
        Made(kind="instance", id="i-2", exists=True),
        Made(kind="instance", id="i-3", exists=False, owner="sfr-1"),
        Made(kind="image", id="ami-1", exists=True),
        Made(kind="snapshot", id="snap-1", exists=True, owner="ami-2"),
    ]
    entries = fates(found, {"sfr-1": "serves", "ami-1": "a version"})
    assert entries == (
        Entry(kind="image", id="ami-1", fate=Fate.KEPT, why="a version"),
        Entry(kind="instance", id="i-1", fate=Fate.KEPT, why="part of sfr-1"),
        Entry(kind="instance", id="i-2", fate=Fate.LEFT_BEHIND),
        Entry(kind="instance", id="i-3", fate=Fate.DESTROYED),
        Entry(kind="snapshot", id="snap-1", fate=Fate.LEFT_BEHIND),
        Entry(kind="spot-fleet-request", id="sfr-1", fate=Fate.KEPT, why="serves"),
    )
    assert left_behind(entries) == ["instance i-2", "snapshot snap-1"]
    assert fates([], {}) == ()


def test_a_book_keeps_releases_apart_and_each_thing_once() -> None:
    book = Book()
    for release in ("a", "b"):
        book.note(release, "key-pair", f"key-{release}")
    book.note("a", "key-pair", "key-a")
    assert book.asked("a") == [("key-pair", "key-a")]
    book.close("a")
    assert book.asked("a") == []
    assert book.asked("b") == [("key-pair", "key-b")]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("    amazon-ebs.app: Instance ID: i-0a1b2c", ("instance", "i-0a1b2c")),
        (
            "==> amazon-ebs.app: Waiting for instance (i-0a1b2c) to become ready...",
            ("instance", "i-0a1b2c"),
        ),
        ("    amazon-ebs.app: AMI: ami-0a1b2c", ("image", "ami-0a1b2c")),
        ("    amazon-ebs.app: Found Image ID: ami-0a1b2c", None),
        ("==> amazon-ebs.app: Creating AMI demo from instance i-0a1b2c", None),
        ("", None),
    ],
)
def test_what_packer_says_it_has_asked_for(said: str, found: tuple[str, str] | None) -> None:
    assert made(said) == found
