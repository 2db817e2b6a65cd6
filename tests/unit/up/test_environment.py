"""What another terminal reads: it works in each shell, and is undone without a trace."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from examples.up.environment import IN_SANDBOX, OTHERS, script, write, write_commands
from tests.unit.nouns import ROOT

pytestmark = pytest.mark.programs

SHELLS = [one for one in ("sh", "bash", "dash", "zsh") if shutil.which(one)]
QUOTES = 'it\'s "$HOME" `x` \\ and\nmore'
GIVEN = {"AWS_ENDPOINT_URL": "http://127.0.0.1:5000", "WORDS": QUOTES}
DUMP = f"{sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'"


def run(shell: str, text: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [shell, "-c", f"set -eu\n{text}"],
        env={"PATH": os.environ["PATH"], "HOME": "/nowhere", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


def seen(line: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(line)
    # What a shell itself sets.
    return {k: v for k, v in found.items() if k not in {"_", "SHLVL", "PWD", "OLDPWD"}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_commands(tmp_path / "bin", Path(sys.executable), ROOT, sandbox=True)
    write(tmp_path / "environment", script(GIVEN, tmp_path / "bin", OTHERS))
    return tmp_path / "environment"


@pytest.mark.parametrize("shell", SHELLS)
def test_it_is_read_and_undone(shell: str, file: Path) -> None:
    mine = {"AWS_PROFILE": "mine", "AWS_ENDPOINT_URL": "", "AWS_SESSION_TOKEN": "a token"}
    steps = f"{DUMP}\n. {file}\n{DUMP}\nspotkiln_deactivate\n{DUMP}\n"
    gone = "if command -v spotkiln_deactivate; then exit 9; fi"
    before, within, after = map(seen, run(shell, steps + gone, **mine))
    assert within == {
        **{name: value for name, value in before.items() if name not in OTHERS},
        **GIVEN,
        "PATH": f"{file.parent / 'bin'}:{before['PATH']}",
    }
    assert after == before


@pytest.mark.parametrize("shell", SHELLS)
def test_nothing_of_it_is_left_in_the_shell(shell: str, file: Path) -> None:
    names = "set | sed -n 's/^\\(_SPOTKILN[A-Z_]*\\).*/\\1/p'"
    assert run(shell, f". {file}\nspotkiln_deactivate\n{names}", AWS_PROFILE="mine") == []


@pytest.mark.parametrize("shell", SHELLS)
def test_another_one_takes_the_place_of_the_first(shell: str, file: Path, tmp_path: Path) -> None:
    """From the sandbox to an account: no credentials of the sandbox stay."""
    other = tmp_path / "account"
    write(other, script({"PREFECT_API_URL": "http://other/api"}, tmp_path / "bin"))
    steps = f"{DUMP}\n. {file}\n. {file}\n. {other}\n{DUMP}\nspotkiln_deactivate\n{DUMP}"
    before, within, after = map(seen, run(shell, steps, AWS_PROFILE="mine"))
    assert "AWS_ENDPOINT_URL" not in within
    assert within["AWS_PROFILE"] == "mine"
    assert within["PREFECT_API_URL"] == "http://other/api"
    assert after == before


@pytest.mark.parametrize("shell", SHELLS)
def test_the_projects_commands_are_found(shell: str, file: Path) -> None:
    steps = f". {file}\ncd /\nspotkiln --version\ncommand -v prefect\nsandbox --help"
    said = run(shell, steps)
    assert re.fullmatch(r"\d+\.\d+\.\d+", said[0])
    assert said[1] == str(file.parent / "bin" / "prefect")
    assert said[2].startswith("usage: python -m sandbox")
    # No other program of this Python comes before the user's own.
    names = {one.name for one in (file.parent / "bin").iterdir()}
    assert names == {"spotkiln", "spotkiln-receiver", "prefect", *IN_SANDBOX}


def test_nobody_else_reads_it(file: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
