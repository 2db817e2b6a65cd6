"""A real `git push` to a bare repository, whose hook tells a running receiver."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.receiver.deliveries import SECRET
from tests.receiver.service import Server, Service, commits

HOOK = Path(__file__).parent / "post_receive.py"


class Working:
    """A clone, and the bare repository that it pushes to."""

    def __init__(self, home: Path, receiver: Service) -> None:
        self.home = home
        self.bare = home / "shop.git"
        self.clone = home / "clone"
        self.git("init", "--quiet", "--bare", str(self.bare), where=home)
        self.git("init", "--quiet", "--initial-branch=main", str(self.clone), where=home)
        self.git("remote", "add", "origin", str(self.bare))
        (home / "secret").write_text(SECRET)
        for name, value in (
            ("url", f"http://127.0.0.1:{receiver.port}/push/github"),
            ("secretfile", str(home / "secret")),
            ("repository", str(self.bare)),
        ):
            self.git("config", f"hook.{name}", value, where=self.bare)
        hook = self.bare / "hooks" / "post-receive"
        hook.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HOOK}"\n')
        hook.chmod(0o755)

    def git(self, *arguments: str, where: Path | None = None) -> str:
        identity = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.com"))
        }
        done = subprocess.run(
            ["git", *arguments],
            cwd=where or self.clone,
            env={**os.environ, **identity},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout.strip() + done.stderr.strip()

    def commit(self, text: str) -> str:
        (self.clone / "file").write_text(text)
        self.git("add", "file")
        self.git("commit", "--quiet", "-m", text)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def working(tmp_path: Path, receiver: Service) -> Working:
    return Working(tmp_path, receiver)


def test_pushes_as_people_make_them(server: Server, working: Working) -> None:
    deployment = server.deploy("pushed", str(working.bare), "push:branch=main", "push:tag=v*")
    first = working.commit("one")
    assert "202 " in working.git("push", "origin", "main")
    # Two commits at once: what the branch names afterwards is released.
    working.commit("two")
    third = working.commit("three")
    said = working.git("push", "origin", "main")
    assert "202 " in said
    assert "/runs/flow-run/" in said
    # A branch that nobody listens to, then gone.
    working.git("checkout", "--quiet", "-b", "try")
    working.commit("a try")
    assert "does not listen to branch try" in working.git("push", "origin", "try")
    assert "was deleted" in working.git("push", "origin", ":try")
    # An annotated tag of another commit; one that nobody listens to.
    fourth = working.commit("four")
    working.git("tag", "-a", "-m", "Version 1", "v1")
    assert "202 " in working.git("push", "origin", "v1")
    working.git("tag", "note")
    assert "does not listen to tag note" in working.git("push", "origin", "note")
    # Amended and forced.
    working.git("checkout", "--quiet", "main")
    working.git("commit", "--quiet", "--amend", "-m", "three, better")
    fifth = working.git("rev-parse", "HEAD")
    assert "202 " in working.git("push", "--force", "origin", "main")

    runs = server.runs(deployment)
    assert commits(runs) == [first, third, fourth, fifth]
    assert [run["state"]["name"] for run in runs] == [
        *("Superseded", "Superseded", "Scheduled", "Scheduled")
    ]


def test_several_branches_in_one_push(server: Server, working: Working) -> None:
    deployment = server.deploy("several", str(working.bare), "push:branch=*")
    pushed = {}
    for name in ("main", "blue", "green"):
        working.git("checkout", "--quiet", "-B", name)
        pushed[name] = working.commit(name)
    said = working.git("push", "--all", "origin")
    assert said.count("202 ") == 3
    assert sorted(commits(server.runs(deployment))) == sorted(pushed.values())


def test_a_secret_that_does_not_fit(server: Server, working: Working) -> None:
    """The push itself goes through, and whoever pushed reads why nothing starts."""
    deployment = server.deploy("unsigned", str(working.bare), "push:branch=*")
    (working.home / "secret").write_text("another secret")
    working.commit("one")
    said = working.git("push", "origin", "main")
    assert '401 {"error":"the signature does not fit' in said
    assert server.runs(deployment) == []
