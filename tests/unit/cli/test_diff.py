"""What `spotkiln diff` says of two versions."""

from datetime import UTC, datetime
from typing import Any

import pytest

from spotkiln.bake.changes import Changes, Commit, Dependency
from spotkiln.bake.contents import Contents, of_base
from spotkiln.cli import diff
from spotkiln.cli.diff import Difference, text, with_packages
from spotkiln.keep.versions import Version

OLD = Version(
    image="ami-1", commit="a" * 40, released=datetime(2026, 11, 1, 8, tzinfo=UTC),
    until=datetime(2026, 11, 2, 8, tzinfo=UTC),
)  # fmt: skip
NEW = Version(
    image="ami-2", commit="b" * 40, released=datetime(2026, 11, 2, 8, tzinfo=UTC), serving=True
)
SSL = Dependency(name="openssl", before="3.0.14", now="3.0.15", file="")
CHANGES = Changes(
    since="a" * 40,
    commits=(Commit(commit="b" * 40, subject="Add a cart"),),
    more=2,
    dependencies=(Dependency(name="rack", before="3.1.7", now="3.1.8", file="Gemfile.lock"),),
    url="https://git.example/compare",
)
ALL = """\
before: ami-1 of commit aaaaaaaaaaaa, released 2026-11-01 08:00:00 UTC
now: ami-2 of commit bbbbbbbbbbbb, released 2026-11-02 08:00:00 UTC, serving

commits: 3
  bbbbbbbbbbbb Add a cart
  and 2 more
  https://git.example/compare

dependencies: 1
  rack 3.1.7 → 3.1.8 (Gemfile.lock)

Debian packages: 1
  openssl 3.0.14 → 3.0.15"""
REBUILT = """\
before: ami-1 of commit bbbbbbbbbbbb, released 2026-11-01 08:00:00 UTC
now: ami-2 of commit bbbbbbbbbbbb, released 2026-11-02 08:00:00 UTC, serving

commits: the same commit

Debian packages: the same"""


def test_all_that_differs() -> None:
    found = Difference(before=OLD, now=NEW, changes=CHANGES, packages=(SSL,))
    assert text(found) == ALL


def test_the_same_commit_once_more() -> None:
    old = OLD.model_copy(update={"commit": NEW.commit})
    assert text(Difference(before=old, now=NEW)) == REBUILT
    assert text(Difference(before=NEW, now=NEW)).endswith("\nthe same image")


def test_commits_that_are_on_a_branch_of_their_own() -> None:
    apart = Changes(since="a" * 40, apart=True)
    said = text(Difference(before=OLD, now=NEW, changes=apart))
    assert "commits: aaaaaaaaaaaa is not among the commits before the other\n" in said


def test_without_an_sbom_it_says_what_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, Contents] = {"ami-2": of_base("ami-2", "openssl=3.0.15")}

    def read(_: Any, image: str) -> Contents | None:
        return kept.get(image)

    monkeypatch.setattr(diff, "ask", read)
    found = with_packages(Difference(before=OLD, now=NEW))
    assert found.packages == ()
    (unknown,) = found.unknown
    assert unknown.startswith("no SBOM of ami-1 is kept: ")
    assert text(found).endswith(f"\n\nunknown: {unknown}")
    kept["ami-1"] = of_base("ami-1", "openssl=3.0.14")
    assert with_packages(Difference(before=OLD, now=NEW)).packages == (SSL,)
