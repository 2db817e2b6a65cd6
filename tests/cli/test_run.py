"""`spotkiln run`: the command's own words on stdout, its exit code, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Command, deploy
from tests.reliability.flow_process import ROOT
from tests.reliability.world import MACHINES, STAND_IN, World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def working(world: World) -> Iterator[World]:
    deploy(world, "run", {}, name="command")
    world.prefect.start_worker()
    yield world


def test_what_it_says_and_how_it_ends(command: Command, working: World) -> None:
    code, out, err = command("run", "demo", "--", "echo", "--json", "it's  $HOME")
    assert (code, out) == (0, "[stand-in] exec echo --json 'it'\"'\"'s  $HOME'\n"), err
    assert "a t3.small is launched for it" in err
    said = {"task_status": 3, "task_output": ["first", "  indented, with commas", "last"]}
    working.box.script(**{**MACHINES, **STAND_IN, **said})
    try:
        code, out, err = command("run", "demo", "--", "false")
        assert (code, out.splitlines()) == (3, ["first", "  indented, with commas", "last"])
        assert "spotkiln: it ended with exit status 3" in err
        # Nor what Prefect makes of a run that has failed.
        assert "Traceback" not in err
        code, out, err = command("run", "demo", "--json", "--timeout", "60", "--", "false")
        answer = json.loads(out)
        assert (code, answer["code"], answer["why"]) == (3, 3, "it ended with exit status 3")
        assert "first" in err
    finally:
        working.box.clear_scripts()
        working.box.script(**MACHINES, **STAND_IN)
    assert working.settled().problems() == []


def test_mistakes_start_nothing(command: Command, working: World) -> None:
    working.box.clear_calls()
    code, _, err = command("run", "demo")
    assert (code, "expected a command, got none" in err) == (2, True)
    code, _, err = command("run", "nobody", "--", "true")
    assert (code, "no deployment release/nobody" in err) == (2, True)
    code, _, err = command("run", "demo", "--timeout", "1", "--", "true")
    assert code == 2, err
    assert not [x for x in working.box.calls() if x["mutating"]]


def test_ctrl_c_ends_the_command_and_its_machine(command: Command, working: World) -> None:
    del command  # It sets the environment that a process of its own inherits.
    working.box.script(**{**MACHINES, **STAND_IN, "task_seconds": 36_000})
    environment = {**os.environ, "PREFECT_API_URL": f"{working.prefect.address}/api"}
    process = subprocess.Popen(
        [sys.executable, "-m", "spotkiln.cli.main", "run", "demo", "--", "sleep", "9999"],
        cwd=ROOT, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout
        for line in process.stdout:
            if "exec sleep 9999" in line:
                break
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=200)[0]
    finally:
        process.kill()
        working.box.clear_scripts()
        working.box.script(**MACHINES, **STAND_IN)
    assert process.returncode == 130, said
    assert "interrupted: command and machine were ended" in said
    deadline = time.monotonic() + 60
    while problems := working.settled().problems():
        # What a worker had no time for is reconcile's.
        working.reconcile()
        assert time.monotonic() < deadline, problems
