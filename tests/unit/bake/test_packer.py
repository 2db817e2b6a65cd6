"""What Packer is told, and what its words mean."""

import json
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from spotkiln.bake import packer
from spotkiln.bake.packer import (
    artifact_of,
    find_packer,
    packer_command,
    write_variables,
)
from spotkiln.bake.packer_output import PackerEvent, parse_line, reached
from spotkiln.errors import InputError

Program = Callable[[str], Path]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Puts a shell script named packer first on PATH."""

    def write(script: str) -> Path:
        path = tmp_path / "bin" / "packer"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
        return path

    return write


def test_the_command() -> None:
    assert packer_command("/bin/packer", Path("app.pkr.hcl"), Path("/run/v.json")) == [
        "/bin/packer",
        "build",
        "-color=false",
        "-machine-readable",
        "-on-error=cleanup",
        "-var-file=/run/v.json",
        "app.pkr.hcl",
    ]


# Which Packer.


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ("Packer v1.6.6", (1, 6, 6)),
        (
            "Packer v1.11.2\n\nYour version of Packer is out of date! The latest is 1.16.0.",
            (1, 11, 2),
        ),
        ("Packer v2.0.0-dev (abc)", (2, 0, 0)),
    ],
)
def test_the_program_and_its_version(
    program: Program, says: str, version: tuple[int, int, int]
) -> None:
    path = program(f"cat <<'EOF'\n{says}\nEOF")
    assert find_packer() == (str(path), version)


def test_it_is_asked_once_and_again_when_it_has_changed(program: Program, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    path = program(f"echo >> '{asked}'; echo Packer v1.6.6")
    assert find_packer() == find_packer() == (str(path), (1, 6, 6))
    assert asked.read_text() == "\n"
    path.write_text("#!/bin/sh\necho Packer v1.16.0\n")
    os.utime(path, (1, 1))
    assert find_packer() == (str(path), (1, 16, 0))


def test_none_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError) as caught:
        find_packer()
    assert str(caught.value) == (
        "expected Packer 1.6.6 or newer on PATH, found none; Debian 12 has a package (apt-get "
        "install packer), elsewhere it comes from HashiCorp "
        "(developer.hashicorp.com/packer/install): put it on PATH, or PACKER=/path/to/packer"
    )


def test_one_that_is_named_comes_before_path(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program("echo Packer v1.6.6")
    named = path.with_name("packer-1.16")
    named.write_text("#!/bin/sh\necho Packer v1.16.0\n")
    named.chmod(0o755)
    monkeypatch.setenv("PACKER", str(named))
    assert find_packer() == (str(named), (1, 16, 0))
    monkeypatch.setenv("PACKER", "packer-1.16")
    assert find_packer() == (str(named), (1, 16, 0))
    monkeypatch.setenv("PACKER", "")
    assert find_packer() == (str(path), (1, 6, 6))


def test_one_that_is_named_and_not_there(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one would be a surprise."""
    program("echo Packer v1.6.6")
    monkeypatch.setenv("PACKER", "/opt/packer")
    with pytest.raises(InputError, match="in the variable PACKER, /opt/packer is no program"):
        find_packer()


def test_one_that_is_named_and_is_another_program(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACKER", str(program("echo 12 words")))
    with pytest.raises(InputError, match=r"is another program: name Packer's$"):
        find_packer()


def test_one_too_old(program: Program) -> None:
    program("echo Packer v1.5.9")
    with pytest.raises(InputError, match=r"packer is 1\.5\.9; install a newer"):
        find_packer()


@pytest.mark.parametrize("script", ["cat; echo 12 words", "exit 1", "echo Packer"])
def test_another_program_of_that_name(program: Program, script: str) -> None:
    """cracklib's reads words from its standard input."""
    program(script)
    with pytest.raises(InputError, match="is another program of that name"):
        find_packer()


def test_one_that_does_not_run(program: Program) -> None:
    program("").write_bytes(b"\x7fELF, but not really")
    with pytest.raises(InputError, match="packer does not run: "):
        find_packer()


def test_one_that_hangs_is_ended_with_its_children(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packer, "VERSION_SECONDS", 0.5)
    beat = tmp_path / "beat"
    program(f"(while :; do date +%N >{beat}; sleep 0.05; done) & wait")
    with pytest.raises(InputError, match="packer does not run: "):
        find_packer()
    last = beat.read_text()
    time.sleep(0.3)
    assert beat.read_text() == last


# Its words.


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (
            "1795454751,,ui,message,    null.x: a%!(PACKER_COMMA) b\n",
            PackerEvent("", "ui", ("message", "    null.x: a, b")),
        ),
        (
            "1795454751,,ui,say,\\n==> Builds finished.\r\n",
            PackerEvent("", "ui", ("say", "\n==> Builds finished.")),
        ),
        ("1795454751,amazon-ebs.app,error,boom", PackerEvent("amazon-ebs.app", "error", ("boom",))),
        ("1795454751,x,artifact,0,end", PackerEvent("x", "artifact", ("0", "end"))),
        ("1795454751,,error-count", PackerEvent("", "error-count", ())),
        ("panic: runtime error, index, out of range", None),
        ("2024/05/01 12:00:00 [INFO] a, b, c", None),
        ("1795454751,,", PackerEvent("", "", ())),
        ("1795454751,x", None),
        ("", None),
    ],
)
def test_lines(line: str, event: PackerEvent | None) -> None:
    assert parse_line(line) == event


# Its files.


def test_variables_are_for_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    write_variables(path, {"b": ["x"], "a": 'quotes " and ${vars}'})
    assert json.loads(path.read_text()) == {"a": 'quotes " and ${vars}', "b": ["x"]}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def manifest(folder: Path, last: str, *builds: tuple[str, str]) -> Path:
    content = {
        "builds": [{"packer_run_uuid": run, "artifact_id": image} for run, image in builds],
        "last_run_uuid": last,
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps(content))
    return path


def test_the_artifact_is_the_newest_runs(tmp_path: Path) -> None:
    path = manifest(
        tmp_path, "run-2", ("run-1", "eu-west-1:ami-old"), ("run-2", "eu-west-1:ami-new")
    )
    assert artifact_of(path) == "ami-new"


def test_the_first_of_several_regions(tmp_path: Path) -> None:
    path = manifest(tmp_path, "run-1", ("run-1", "eu-west-1:ami-1,us-east-1:ami-2"))
    assert artifact_of(path) == "ami-1"


def test_an_earlier_runs_artifact_is_none_of_ours(tmp_path: Path) -> None:
    assert artifact_of(manifest(tmp_path, "run-2", ("run-1", "eu-west-1:ami-old"))) is None
    assert artifact_of(manifest(tmp_path, "run-2", ("run-2", ""))) is None
    assert artifact_of(tmp_path / "none.json") is None


def test_how_far_a_build_is() -> None:
    said = [
        "==> amazon-ebs.app: Launching a source AWS instance...",
        "==> amazon-ebs.app: Waiting for SSH to become available...",
        "==> amazon-ebs.app: Connected to SSH!",
        "==> amazon-ebs.app: Provisioning with shell script: packer/scripts/app.sh",
        "==> amazon-ebs.app: Waiting for AMI to become ready...",
    ]
    percents = [one.percent for one in map(reached, said) if one]
    assert len(percents) == len(said)
    assert percents == sorted(percents)
    assert 0 < percents[0] < percents[-1] < 100
    assert reached("    amazon-ebs.app: Fetching rack 3.1") is None
