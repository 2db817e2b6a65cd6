"""After a rollback: what it left stays away until somebody or something newer comes."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal.account import tags_of
from tests.release.pages import last_row, page
from tests.release.test_rollback import go_back, made
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]


def commit(world: World, ref: str, parent: str) -> str:
    """A branch with one commit more, of files of its own."""
    git = ["git", "-C", str(world.repository), "-c", "user.name=T", "-c", "user.email=t@t.example"]

    def run(*arguments: str, text: str = "") -> str:
        done = subprocess.run(
            [*git, *arguments], input=text, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    blob = run("hash-object", "-w", "--stdin", text=ref)
    entries = run("ls-tree", parent)
    tree = run("mktree", text=f"{entries}\n100644 blob {blob}\tADDED\n")
    made_ = run("commit-tree", tree, "-p", parent, "-m", f"Add {ref}")
    run("branch", "--force", ref, made_)
    return made_


def release(world: World, ref: str, **changes: Any) -> dict[str, Any]:
    """As a push, a night or a CI job starts it: nobody says that a hold does not count."""
    return world.release(ref, keep_versions=5, **{"even_if_held": False, **changes})


@pytest.fixture
def three(world: World) -> Iterator[list[dict[str, Any]]]:
    """v1, v2 and h3 were released, one after the other."""
    commit(world, "h3", "v2")
    every = [world.release(ref, keep_versions=5) for ref in ("v1", "v2", "h3")]
    assert [one["outcome"] for one in every] == ["released"] * 3, every
    world.box.clear_calls()
    yield every
    # For the tests of others: nothing is held.
    world.release("v1")


def test_two_rollbacks_go_further_back_and_nothing_brings_back_what_they_left(
    world: World, three: list[dict[str, Any]]
) -> None:
    first, second, third = three
    assert go_back(world)["image"] == second["image"]
    back = go_back(world)
    assert (back["outcome"], back["image"]) == ("released", first["image"])
    [fleet] = world.account.serving()
    commits = [last_commit(world, ref) for ref in ("h3", "v2")]
    assert tags_of(fleet)["spotkiln:held"].split() == commits
    assert f"{', '.join(commits)}: not released again" in page(world, "release-demo")

    world.box.clear_calls()
    for ref, held in zip(("h3", "v2"), commits, strict=True):
        answer = release(world, ref)
        assert answer["outcome"] == "held", answer
        assert f"commit {held} is held since a rollback" in answer["cause"]
        assert last_row(world)["outcome"] == "held"
        assert page(world, "release-demo").startswith("# demo-web-app: held: a rollback has left")
    assert made(world) == []
    assert world.settled().fleet == back["fleet"]

    # What serves may be released again, with the same settings or others, and the hold stays.
    more = release(world, "v1", fleet={"capacity": 3})
    assert (more["outcome"], more["image"]) == ("released", first["image"])
    assert release(world, "h3")["outcome"] == "held"

    # No version was lost, and by its name what was left is taken.
    forth = go_back(world, third["image"])
    assert (forth["outcome"], forth["image"]) == ("released", third["image"])
    assert "spotkiln:held" not in tags_of(world.account.serving()[0])
    assert go_back(world)["image"] == first["image"]


def last_commit(world: World, ref: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(world.repository), "rev-parse", ref],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()[:12]


def test_a_newer_commit_ends_the_hold(world: World, three: list[dict[str, Any]]) -> None:
    assert go_back(world)["image"] == three[1]["image"]
    assert release(world, "h3")["outcome"] == "held"
    commit(world, "h4", "h3")
    assert release(world, "h4")["outcome"] == "released"
    assert release(world, "h3")["outcome"] == "released"


def test_a_person_says_otherwise(world: World, three: list[dict[str, Any]]) -> None:
    assert go_back(world)["image"] == three[1]["image"]
    # Nobody is asked about what is held.
    asked = release(world, "h3", approval={"required": True, "seconds": 10})
    assert asked["outcome"] == "held", asked
    even_so = release(world, "h3", even_if_held=True)
    assert (even_so["outcome"], even_so["image"]) == ("released", three[2]["image"])
    assert release(world, "h3", force=False)["outcome"] == "unchanged"
