"""Packer as a process: how it is started, listened to and stopped, whatever happens to us."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from spotkiln.bake.packer import artifact_of, packer_command, run_packer
from spotkiln.bake.packer_output import KEEP_CHARACTERS, KEEP_LINES, PackerRun
from spotkiln.errors import InfrastructureError
from tests.unit.nouns import ROOT

pytestmark = pytest.mark.programs

# Removes its builder when it is told to stop, which takes a moment.
CLEAN = """trap 'sleep 0.3; echo removing the builder; echo done > cleaned; exit 1' TERM
echo $$ > pid
# From here on it listens.
echo begin
while :; do sleep 0.05; done
"""
# Does not listen, and has a child that does not either.
STUBBORN = """trap '' TERM
sleep 60 &
echo $! > child
echo $$ > pid
while :; do sleep 0.05; done
"""


def script(folder: Path, text: str) -> list[str]:
    """A command that behaves like Packer."""
    path = folder / "fake-packer"
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return [str(path)]


def run(
    folder: Path, text: str, say: Callable[[str], None] = lambda _: None, patience: float = 5
) -> PackerRun:
    return run_packer(
        script(folder, text), folder=folder, say=say, timeout_seconds=20, patience_seconds=patience
    )


def running(pid: int) -> bool:
    """Whether a process is there and is more than a zombie that nobody has collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def number_in(path: Path) -> int:
    wait_until(lambda: path.is_file() and path.read_text().strip())
    return int(path.read_text())


# What it says.


def test_events_and_other_output(tmp_path: Path) -> None:
    said: list[str] = []
    found = run(
        tmp_path,
        """cat <<'EOF'
1,,ui,say,==> amazon-ebs.app: one%!(PACKER_COMMA) two
1,,ui,message,    amazon-ebs.app: three\\n    amazon-ebs.app: four
1,,ui,error,==> amazon-ebs.app: to the script's standard error
1,,ui,say,
1,amazon-ebs.app,artifact,0,id,eu-west-1:ami-1
1,,ui,error,Build 'amazon-ebs.app' errored: boom
1,amazon-ebs.app,error,boom
1,,error-count,1
not an event
EOF
echo to standard error >&2
exit 1
""",
        said.append,
    )
    assert found == PackerRun(
        exit_code=1,
        causes=["boom"],
        errors=[
            "==> amazon-ebs.app: to the script's standard error",
            "Build 'amazon-ebs.app' errored: boom",
        ],
        artifacts=["eu-west-1:ami-1"],
        output=[
            "==> amazon-ebs.app: one, two",
            "    amazon-ebs.app: three",
            "    amazon-ebs.app: four",
            "==> amazon-ebs.app: to the script's standard error",
            "Build 'amazon-ebs.app' errored: boom",
            "not an event",
            "to standard error",
        ],
        script=["three", "four", "to the script's standard error"],
    )
    assert said == found.output


def test_each_line_comes_when_it_is_said(tmp_path: Path) -> None:
    """The script goes on only after its first line was heard."""

    def say(text: str) -> None:
        (tmp_path / f"heard-{text}").touch()

    waits = "n=0; until [ -e heard-one ]; do sleep 0.02; n=$((n+1)); [ $n -lt 400 ] || exit 3; done"
    assert run(tmp_path, f"echo one\n{waits}\necho two\n", say).exit_code == 0


def test_a_last_line_without_an_end_is_heard(tmp_path: Path) -> None:
    assert run(tmp_path, "echo one\nprintf 'panic: two'").output == ["one", "panic: two"]


def test_a_flood_without_line_ends_neither_drowns_nor_blocks_us(tmp_path: Path) -> None:
    lengths: list[int] = []
    found = run(
        tmp_path,
        "head -c 8000000 /dev/zero | tr '\\0' x\nprintf '\\nlast'\n",
        lambda text: lengths.append(len(text)),
    )
    assert sum(lengths) == 8_000_004
    assert max(lengths) <= 2 * 64 * 1024
    assert found.output[-1] == "last"
    assert sum(map(len, found.output)) < 1_000_000


def test_of_a_flood_of_lines_only_the_end_is_kept(tmp_path: Path) -> None:
    count = 0

    def say(_: str) -> None:
        nonlocal count
        count += 1

    found = run(tmp_path, "seq 1 30000\n", say)
    assert count == 30000
    assert found.output == [str(n) for n in range(30001 - KEEP_LINES, 30001)]


def test_of_a_flood_of_errors_only_the_end_is_told(tmp_path: Path) -> None:
    """A script's standard error comes as Packer's errors."""
    line = "1,,ui,error,%d " + "x" * 5000
    found = run(tmp_path, f"for n in $(seq 300); do printf '{line}\\n' $n; done; exit 1")
    assert len(found.errors) == KEEP_LINES
    assert found.errors[-1].startswith("300 x")
    assert len(found.why) < 6 * KEEP_CHARACTERS


def test_bytes_that_are_no_text_are_heard_somehow(tmp_path: Path) -> None:
    assert run(tmp_path, "printf 'caf\\351\\n'").output == ["caf\N{REPLACEMENT CHARACTER}"]


def test_control_characters_of_a_test_run_reach_no_log(tmp_path: Path) -> None:
    """Postgres, below Prefect, refuses a whole batch of lines for one NUL."""
    heard: list[str] = []
    found = run(tmp_path, "printf 'a\\0b\\033[31mred\\033[0m\\r 1 %%\\r 2 %%\\n'", heard.append)
    assert found.output == heard == ["abred", " 1 %", " 2 %"]


def test_a_password_in_an_address_reaches_no_log(tmp_path: Path) -> None:
    heard: list[str] = []
    found = run(tmp_path, "echo 'npm error 401 https://ann:hush@npm.example/x'", heard.append)
    assert found.output == heard == ["npm error 401 https://npm.example/x"]


# How it is started.


def test_it_runs_apart_from_us(tmp_path: Path) -> None:
    """In its own session, so that a Ctrl-C at our terminal is ours to pass on; without input."""
    found = run(tmp_path, "cut -d' ' -f6 /proc/self/stat; pwd; cat; echo $CHECKPOINT_DISABLE\n")
    session, folder, checkpoint = found.output
    assert int(session) != os.getsid(0)
    assert Path(folder) == tmp_path.resolve()
    assert checkpoint == "1"


def test_its_environment_is_ours_and_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "ours")
    found = run_packer(
        script(tmp_path, "echo $AWS_PROFILE $AWS_POLL_DELAY_SECONDS\n"),
        folder=tmp_path,
        say=lambda _: None,
        environment={"AWS_POLL_DELAY_SECONDS": "1"},
    )
    assert found.output == ["ours 1"]


# How it is stopped.


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143), ValueError("a bug")])
def test_whatever_happens_to_us_it_may_clean_up(tmp_path: Path, error: BaseException) -> None:
    def say(text: str) -> None:
        if text == "begin":
            raise error

    with pytest.raises(type(error)):
        run(tmp_path, CLEAN, say)
    assert (tmp_path / "cleaned").read_text() == "done\n"
    assert not running(number_in(tmp_path / "pid"))


def test_what_does_not_listen_is_killed_with_all_its_children(tmp_path: Path) -> None:
    def say(text: str) -> None:
        number_in(tmp_path / "pid")
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, f"echo begin\n{STUBBORN}", say, patience=0.5)
    assert 0.5 <= time.monotonic() - start < 10
    assert not running(number_in(tmp_path / "pid"))
    wait_until(lambda: not running(number_in(tmp_path / "child")))


def test_it_has_a_deadline(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError) as caught:
        run_packer(
            script(tmp_path, CLEAN),
            folder=tmp_path,
            say=lambda _: None,
            timeout_seconds=1,
            patience_seconds=5,
        )
    assert str(caught.value) == ("Packer did not end in 1 s; the last it said: begin")
    assert (tmp_path / "cleaned").exists()


PARENT = """
import sys
from pathlib import Path
from spotkiln.bake.packer import run_packer
folder = Path(sys.argv[1])
run_packer([str(folder / "fake-packer")], folder=folder, say=print)
"""


def test_it_cleans_up_even_when_we_are_killed(tmp_path: Path) -> None:
    """Nobody reads its output any more: a pipe would have killed it before it had cleaned up."""
    script(tmp_path, CLEAN)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        packer = number_in(tmp_path / "pid")
        assert running(packer)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait(10)
    wait_until(lambda: not running(packer))
    assert (tmp_path / "cleaned").read_text() == "done\n"
    assert "removing the builder" in (tmp_path / "packer.log").read_text()


# The real one.

needs_packer = pytest.mark.skipif(shutil.which("packer") is None, reason="there is no Packer here")
TEMPLATE = """
variable "code" { type = string }
source "null" "x" { communicator = "none" }
build {
  sources = ["source.null.x"]
  provisioner "shell-local" { inline = ["echo 'one, two'; exit ${var.code}"] }
  post-processor "manifest" { output = "manifest.json" }
}
"""


def real_packer(folder: Path, code: int) -> PackerRun:
    (folder / "t.pkr.hcl").write_text(TEMPLATE)
    (folder / "v.json").write_text(f'{{"code": "{code}"}}')
    command = packer_command("packer", folder / "t.pkr.hcl", folder / "v.json")
    return run_packer(command, folder=folder, say=lambda _: None, timeout_seconds=60)


@needs_packer
def test_real_packers_success(tmp_path: Path) -> None:
    found = real_packer(tmp_path, 0)
    assert found.exit_code == 0
    assert found.errors == found.causes == []
    assert "    null.x: one, two" in found.output
    assert artifact_of(tmp_path / "manifest.json") == "Null"


@needs_packer
def test_real_packers_failure(tmp_path: Path) -> None:
    found = real_packer(tmp_path, 20)
    assert found.exit_code == 1
    assert [text.partition(".")[0] for text in found.causes] == [
        "Script exited with non-zero exit status: 20"
    ]
    assert found.status == 20
    assert found.script == ["one, two"]
    assert artifact_of(tmp_path / "manifest.json") is None
