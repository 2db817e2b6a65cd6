"""A rehearsal by the command, from its start to its page, its exit code, and what it leaves."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rehearsal.asked import home_of
from sandbox.process.directory import Directory
from tests.demo.test_demo import docker_answers
from tests.unit.nouns import ROOT

DEADLINE_SECONDS = 1500
CLEAN_UP_SECONDS = 90
SECRET = "a-secret-of-the-rehearsal-81"


def application(
    folder: Path, behaviour: str = "{}", source: Path = ROOT / "examples" / "demo-web-app"
) -> Path:
    """The demo's, in a git working tree of its own, with a setting that nobody may read."""
    shutil.copytree(source, folder)
    (folder / ".sandbox.json").write_text(behaviour)
    (folder / ".spotkiln").mkdir()
    (folder / ".spotkiln" / "rehearsal.env").write_text(f"GREETING={SECRET}\n")
    (folder / ".spotkiln" / "test.env").write_text(f"GREETING={SECRET}-of-the-tests\n")
    for arguments in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", "one"],
    ):
        subprocess.run(["git", "-C", str(folder), *arguments], check=True)
    return folder


@contextmanager
def rehearsing(app: Path, build: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "spotkiln"), "rehearse", str(app), *options],
        # From the application's own folder, as a person does it.
        cwd=app,
        env={**os.environ, "SPOTKILN_BUILD": str(build)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(CLEAN_UP_SECONDS)


def perform(app: Path, build: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, answer, what was told meanwhile."""
    with rehearsing(app, build, "--json", *options) as process:
        said, told = process.communicate(timeout=DEADLINE_SECONDS)
    assert said, told
    return process.returncode, json.loads(said), told


def leavings(build: Path) -> list[str]:
    """Processes and files of any rehearsal of that folder."""
    found = [str(one) for one in (build / "rehearsals").glob("*")]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        found += [process.name] if str(build / "rehearsals").encode() in environment else []
    return found


def containers(build: Path) -> list[str]:
    """Those of the sandbox of any rehearsal there; its name is told by where it is."""
    home = home_of(build.parent / "visits", build)
    name = Directory(home / "sandbox").default_name
    done = subprocess.run(
        ["docker", "ps", "--all", "--format", "{{.Names}}", "--filter", f"name={name}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.split()


def ends(answer: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["end"] for one in answer["scenes"]}


def no_secret(app: Path, *texts: str) -> None:
    page = (app / ".spotkiln" / "rehearsal.md").read_text()
    assert not [one for one in (page, *texts) if SECRET in one]


@pytest.mark.sandbox
@pytest.mark.prefect
@pytest.mark.timeout(DEADLINE_SECONDS + 60)
def test_with_simulated_machines(tmp_path: Path) -> None:
    # Longer than a name may be that the account's template takes.
    app, build = application(tmp_path / "notes-of-everybody-in-our-house"), tmp_path / "build"
    code, answer, told = perform(app, build, "--machines", "simulated", "--service", "redis")
    assert ends(answer) == {
        "bake, image test, first release": "well",
        "pages at rest": "well",
        "a new commit is released": "well",
        "the same commit is released again": "well",
        "a server is interrupted": "well",
        "a worker is killed": "not tried",
        "a rollback": "well",
        "redis goes away and comes back": "not tried",
    }, told
    assert code == 0
    assert all(one["traffic"]["failed"] == 0 for one in answer["scenes"] if one["traffic"])
    assert sum(one["traffic"]["sent"] for one in answer["scenes"] if one["traffic"]) > 100
    assert [one["lines"] for one in answer["advice"]] == ["config: [GREETING]"]
    page = (app / ".spotkiln" / "rehearsal.md").read_text()
    assert "config: [GREETING]" in page
    assert "simulated" in page
    no_secret(app, json.dumps(answer), told)
    status = ["git", "-C", str(app), "status", "--porcelain"]
    assert subprocess.run(status, check=True, capture_output=True).stdout == b""
    assert leavings(build) == []


@pytest.mark.docker
@pytest.mark.real
@pytest.mark.prefect
@pytest.mark.timeout(DEADLINE_SECONDS + 60)
@pytest.mark.skipif(not docker_answers(), reason="Docker does not answer: no real machines here")
def test_with_real_machines(tmp_path: Path) -> None:
    """An application that needs Redis for its page, and writes where it may not."""
    app = application(tmp_path / "visits", source=Path(__file__).with_name("visits"))
    build = tmp_path / "build"
    code, answer, told = perform(app, build, "--service", "redis")
    assert set(ends(answer).values()) == {"well"}, told
    assert "visits-worker.service was back after" in told
    assert code == 0
    lost = next(one for one in answer["scenes"] if one["name"] == "redis goes away and comes back")
    assert lost["end"] == "well"
    # While Redis is away its page fails, and that is no fault of a release's.
    assert 0 < lost["traffic"]["last"] <= lost["tolerated"]
    others = [one for one in answer["scenes"] if one["traffic"] and one != lost]
    assert [one["traffic"]["failed"] for one in others] == [0] * len(others)
    assert all(0 < one["boot"] < 120 for one in answer["lives"] if one["boot"] is not None)
    assert [one for one in answer["lives"] if one["start"] is not None]
    assert answer["stopped"] < 70
    assert 0 < answer["at_rest"]["visits.service"] < 500_000
    assert answer["under_load"]["visits.service"] >= 0
    assert answer["written"]["/var/lib/visits"]["files"] >= 1
    lines = [one["lines"] for one in answer["advice"]]
    assert "writable: [uploads]" in lines
    assert "config: [GREETING, REDIS_URL]" in lines
    assert any(0 < level < 10 for one in answer["servers"] for level in one["exposure"].values())
    no_secret(app, json.dumps(answer), told)
    assert leavings(build) == []
    assert containers(build) == []


@pytest.mark.docker
@pytest.mark.real
@pytest.mark.prefect
@pytest.mark.timeout(DEADLINE_SECONDS + 60)
@pytest.mark.skipif(not docker_answers(), reason="Docker does not answer: no real machines here")
def test_what_a_kill_left_with_real_machines_the_next_one_removes(tmp_path: Path) -> None:
    app = application(tmp_path / "visits", source=Path(__file__).with_name("visits"))
    build = tmp_path / "build"
    with rehearsing(app, build, "--service", "redis") as process:
        assert process.stdout is not None
        assert any("ready after" in line for line in process.stdout)
        process.kill()
        process.wait(CLEAN_UP_SECONDS)
    assert leavings(build)
    assert containers(build)
    # It clears up before it starts anything, and ends by Ctrl-C.
    with rehearsing(app, build) as process:
        assert process.stdout is not None
        assert "starting the sandbox" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=CLEAN_UP_SECONDS)
    assert leavings(build) == []
    assert containers(build) == []


@pytest.mark.sandbox
@pytest.mark.prefect
@pytest.mark.timeout(DEADLINE_SECONDS + 60)
def test_a_first_release_that_fails_is_the_end_of_it(tmp_path: Path) -> None:
    app, build = application(tmp_path / "notes", '{"tests": "red"}'), tmp_path / "build"
    code, answer, _ = perform(app, build, "--machines", "simulated")
    assert code == 1
    first, *others = answer["scenes"]
    assert first["end"] == "failed"
    assert "tests failed" in first["told"]
    assert {one["end"] for one in others} == {"not tried"}
    assert leavings(build) == []


@pytest.mark.sandbox
@pytest.mark.prefect
@pytest.mark.timeout(300)
@pytest.mark.parametrize("moment", ["starting the sandbox", "3 test"])
def test_ctrl_c_leaves_nothing(tmp_path: Path, moment: str) -> None:
    app, build = application(tmp_path / "notes"), tmp_path / "build"
    with rehearsing(app, build, "--machines", "simulated") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if moment in line:
                break
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=CLEAN_UP_SECONDS)
    assert process.returncode == 130
    assert leavings(build) == []
    assert not (app / ".spotkiln" / "rehearsal.md").exists()


def test_what_cannot_be_rehearsed_is_refused_before_anything_starts(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    app, build = application(tmp_path / "notes"), tmp_path / "build"
    (tmp_path / "wrong.env").write_text(f"{SECRET}\n")
    for arguments, said in (
        ((bare,), "expected a git working tree"),
        ((app, "--service", "oracle"), "there are: postgresql, redis"),
        ((app, "--env-file", tmp_path / "wrong.env"), "line 1: expected NAME=value"),
        ((app, "--rate", "0"), "expected a rate"),
    ):
        with rehearsing(arguments[0], build, *map(str, arguments[1:])) as process:
            _, told = process.communicate(timeout=60)
        assert (process.returncode, said in told, SECRET in told) == (2, True, False), told
    assert not build.exists()
