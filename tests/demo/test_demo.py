"""The demo itself, as `make demo` runs it: its report, its exit code, and what it leaves."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.process.directory import Directory

ROOT = Path(__file__).resolve().parent.parent.parent
DEADLINE_SECONDS = 1200
CLEAN_UP_SECONDS = 60


def docker_answers() -> bool:
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def containers(build: Path) -> set[str]:
    """Of the demo in that folder."""
    name = Directory(build / "demo" / "sandbox").default_name
    done = subprocess.run(
        ["docker", "ps", "--all", "--format", "{{.Names}}", "--filter", f"name={name}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stdout.split())


def perform(machines: str, build: Path) -> dict[str, Any]:
    """Run it to its end in a folder of its own; its report."""
    demo = subprocess.Popen(
        [sys.executable, "-m", "examples.demo", "--machines", machines, "--leave", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "SPOTKILN_BUILD": str(build)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Ctrl-C reaches it through us, and it has the time to clean up.
        start_new_session=True,
    )
    try:
        said, complained = demo.communicate(timeout=DEADLINE_SECONDS)
    finally:
        demo.terminate()
        demo.wait(CLEAN_UP_SECONDS)
    assert demo.returncode == 0, said + complained
    assert "as expected" in said
    return dict(json.loads((build / "demo.json").read_text()))


def as_promised(report: dict[str, Any]) -> None:
    rows = [(one["ref"], one["outcome"]) for one in report["releases"]]
    assert rows == [
        ("v1", "released"),
        ("v2", "released"),
        ("v2", "unchanged"),
        ("red", "failed"),
        ("sick", "rolled back"),
    ]
    v1, v2, again, red, sick = report["releases"]
    assert v1["image"] != v2["image"] == again["image"]
    assert v1["fleet"] != v2["fleet"] == again["fleet"]
    assert again["seconds"] < v2["seconds"] / 3
    assert "Note" in red["cause"]
    assert re.search(r"\b500\b", sick["cause"])
    load = report["load"]
    assert load["failed"] == 0
    assert load["sent"] / load["seconds"] >= 50
    assert len(load["revisions_seen"]) == 2
    assert set(report["left_behind"].values()) == {0}
    assert report["serving"] == {"ref": "v2", "healthy": 2}


@pytest.mark.docker
@pytest.mark.alone
@pytest.mark.prefect
@pytest.mark.timeout(DEADLINE_SECONDS + 60)
@pytest.mark.skipif(not docker_answers(), reason="Docker does not answer: no real machines here")
def test_with_real_machines(tmp_path: Path) -> None:
    as_promised(perform("docker", tmp_path))
    assert containers(tmp_path) == set()


@pytest.mark.sandbox
@pytest.mark.prefect
@pytest.mark.timeout(DEADLINE_SECONDS + 60)
def test_with_simulated_machines(tmp_path: Path) -> None:
    as_promised(perform("simulated", tmp_path))
