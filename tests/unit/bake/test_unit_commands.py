"""How a start command gets into a unit."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from spotkiln.bake.shell import why_not_one_command
from spotkiln.bake.units import units
from spotkiln.errors import InputError
from tests.unit.bake.rendered import APP, read, render
from tests.unit.nouns import settled


@pytest.mark.parametrize(
    ("command", "written"),
    [
        ("bin/serve --port $PORT", "bin/serve --port $$PORT"),
        ("bin/serve --format %h", "bin/serve --format %%h"),
        ('bin/serve "two words"', r"bin/serve \"two words\""),
        (r"bin/serve a\b", r"bin/serve a\\b"),
        ("bin/serve 'a&b'", "bin/serve 'a&b'"),
    ],
)
def test_start_command_is_quoted_for_systemd(tmp_path: Path, command: str, written: str) -> None:
    render(tmp_path, start=command)
    service = read(tmp_path / "demo-web-app.service")["Service"]
    assert service["ExecStart"] == f'/bin/bash -euo pipefail -c "exec {written}"'


def run_as_systemd(unit: Path, folder: Path) -> list[str]:
    """What the start command becomes when its shell runs: the environment and the arguments of
    the program `server`, which must have replaced the shell."""
    server = folder / "server"
    server.write_text('#!/bin/bash\nprintf "%s\\n" "$$" "${MODE-}" "${OTHER-}" "$@"\n')
    server.chmod(0o755)
    line = re.fullmatch(r'/bin/bash -euo pipefail -c "(.*)"', read(unit)["Service"]["ExecStart"])
    assert line
    # What systemd makes of a quoted argument.
    text = re.sub(r"\\(.)", r"\1", line[1]).replace("$$", "$").replace("%%", "%")
    process = subprocess.Popen(
        ["/bin/bash", "-euo", "pipefail", "-c", text],
        env={"PATH": f"{folder}:/usr/bin:/bin", "PORT": "3000"},
        stdout=subprocess.PIPE,
        text=True,
    )
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    pid, *rest = said.splitlines()
    assert pid == str(process.pid)
    return rest


@pytest.mark.parametrize("part", ["", "-migrate", "-worker", "-clean"])
def test_a_value_may_stand_before_every_command(tmp_path: Path, part: str) -> None:
    """Of the application, its migration, a process and a timer: as systemd starts each."""
    say = tmp_path / "say"
    say.write_text('#!/bin/bash\nprintf "%s\\n" "${MODE-}" "$@"\n')
    say.chmod(0o755)
    command = 'MODE="a b" say 100% \'c "d"\' $HOME'
    render(
        tmp_path,
        start=command,
        migrate=command,
        processes={"worker": {"start": command}},
        timers={"clean": {"run": command, "on": "daily"}},
    )
    line = read(tmp_path / f"{APP}{part}.service")["Service"]["ExecStart"]
    # systemd's quotes are a shell's; it doubles what it would read itself.
    arguments = [one.replace("$$", "$").replace("%%", "%") for one in shlex.split(line)]
    done = subprocess.run(
        arguments,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": "/var/lib/x"},
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout.splitlines() == ["a b", "100%", 'c "d"', "/var/lib/x"]


@pytest.mark.parametrize(
    ("command", "seen"),
    [
        ("server one", ["", "", "one"]),
        ("MODE=production server", ["production", ""]),
        ("MODE='a  b' OTHER=\"c $PORT\" server d", ["a  b", "c 3000", "d"]),
        ("MODE=a\\ b OTHER= server c=d", ["a b", "", "c=d"]),
        ("MODE=$(echo 5; echo 6) OTHER=`echo 7` server", ["5", "6", "7"]),
        ("  MODE=100%  server 'MODE=x y'", ["100%", "", "MODE=x y"]),
        ("server MODE=x 2>&1 </dev/null", ["", "", "MODE=x"]),
    ],
)
def test_a_value_before_the_start_command_is_set_for_it(
    tmp_path: Path, command: str, seen: list[str]
) -> None:
    assert not why_not_one_command(command)
    render(tmp_path, start=command)
    assert run_as_systemd(tmp_path / "demo-web-app.service", tmp_path) == seen


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "Demo App"),
        ("name", "../etc"),
        ("user", "web app"),
        ("folder", "../demo-web-app"),
        ("folder", "a b"),
        ("folder", "%h"),
        ("folder", "-x"),
        ("start", " "),
        ("start", "a\nExecStartPre=b"),
        ("migrate", "a\nExecStartPre=b"),
        ("migrate", "a\rExecStartPre=b"),
        ("start", "a\0b"),
    ],
)
def test_values_that_no_unit_can_have_are_refused(key: str, value: str) -> None:
    """Whoever made the application's model: a copy of one is not checked anew."""
    app = settled().model_copy(update={key: value})
    with pytest.raises(InputError, match=f"no unit can be written of this application: {key} is"):
        units(app)
