"""Created = kept + destroyed + left behind."""

import pytest

from spotkiln.bake.packer_output import made
from spotkiln.errors import LeftBehind
from spotkiln.release.ledger import Made, Requested, fates, left_behind, require_nothing_left
from spotkiln.release.release import Fate, LedgerEntry


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
        LedgerEntry(kind="image", id="ami-1", fate=Fate.KEPT, why="a version"),
        LedgerEntry(kind="instance", id="i-1", fate=Fate.KEPT, why="part of sfr-1"),
        LedgerEntry(kind="instance", id="i-2", fate=Fate.LEFT_BEHIND),
        LedgerEntry(kind="instance", id="i-3", fate=Fate.DESTROYED),
        LedgerEntry(kind="snapshot", id="snap-1", fate=Fate.LEFT_BEHIND),
        LedgerEntry(kind="spot-fleet-request", id="sfr-1", fate=Fate.KEPT, why="serves"),
    )
    assert left_behind(entries) == ["instance i-2", "snapshot snap-1"]
    assert fates([], {}) == ()


def test_what_was_requested_keeps_releases_apart_and_each_thing_once() -> None:
    requested = Requested()
    for release in ("a", "b"):
        requested.note(release, "key-pair", f"key-{release}")
    requested.note("a", "key-pair", "key-a")
    assert requested.of("a") == [("key-pair", "key-a")]
    requested.forget("a")
    assert requested.of("a") == []
    assert requested.of("b") == [("key-pair", "key-b")]


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


def test_a_release_that_left_something_behind_says_what() -> None:
    gone = LedgerEntry(kind="image", id="ami-1", fate=Fate.DESTROYED)
    stays = LedgerEntry(kind="spot-fleet-request", id="sfr-1", fate=Fate.KEPT)
    lost = LedgerEntry(kind="instance", id="i-2", fate=Fate.LEFT_BEHIND)
    require_nothing_left("demo-1", [gone, stays])
    with pytest.raises(LeftBehind, match=r"^demo-1 left behind: instance i-2; run reconcile$"):
        require_nothing_left("demo-1", [gone, stays, lost])
