"""After a rollback: what it left stays away until somebody or something newer comes."""

import subprocess
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


def held(world: World) -> list[str]:
    """The commits that what serves holds."""
    [fleet] = world.account.serving()
    return tags_of(fleet).get("spotkiln:held", "").split()


def test_what_rollbacks_left_stays_away_until_a_person_or_something_newer_comes(
    world: World,
) -> None:
    commit(world, "h3", "v2")
    every = [world.release(ref, keep_versions=5) for ref in ("v1", "v2", "h3")]
    assert [one["outcome"] for one in every] == ["released"] * 3, every
    first, second, third = every
    left = [last_commit(world, ref) for ref in ("h3", "v2")]

    # Two rollbacks go further back, and nothing brings back what they left.
    assert go_back(world)["image"] == second["image"]
    assert held(world) == left[:1]
    back = go_back(world)
    assert (back["outcome"], back["image"]) == ("released", first["image"])
    assert held(world) == left
    assert f"{', '.join(left)}: not released again" in page(world, "release-demo")

    world.box.clear_calls()
    # Nobody is asked about what is held.
    ask: dict[str, Any] = {"approval": {"required": True, "seconds": 10}}
    for ref, name, asked in zip(("h3", "v2"), left, (ask, {}), strict=True):
        answer = release(world, ref, **asked)
        assert answer["outcome"] == "held", answer
        assert f"commit {name} is held since a rollback" in answer["cause"]
        assert last_row(world)["outcome"] == "held"
        assert page(world, "release-demo").startswith("# demo-web-app: held: a rollback has left")
    assert made(world) == []
    assert world.settled().fleet == back["fleet"]

    # What serves may be released again, with the same settings or others, and the hold stays.
    more = release(world, "v1", fleet={"capacity": 3})
    assert (more["outcome"], more["image"]) == ("released", first["image"])
    assert held(world) == left

    # No version was lost, and by its name what was left is taken.
    forth = go_back(world, third["image"])
    assert (forth["outcome"], forth["image"]) == ("released", third["image"])
    assert held(world) == []

    # A person says otherwise.
    assert go_back(world)["image"] == first["image"]
    assert held(world) == left[:1]
    even_so = release(world, "h3", even_if_held=True)
    assert (even_so["outcome"], even_so["image"]) == ("released", third["image"])
    assert held(world) == []

    # A newer commit ends the hold.
    assert go_back(world)["image"] == first["image"]
    assert held(world) == left[:1]
    commit(world, "h4", "h3")
    assert release(world, "h4")["outcome"] == "released"
    assert held(world) == []
    assert release(world, "h3", force=False)["outcome"] == "released"


def last_commit(world: World, ref: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(world.repository), "rev-parse", ref],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()[:12]
