"""What is in the wheel, and that it works where there is no clone."""

import json
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from rehearsal.prefect_local import ROOT
from spotkiln import __version__
from spotkiln.bake.base import BaseSpec, fingerprint_of
from spotkiln.bake.recipe import ROOT as PACKAGE
from tests.wheel.conftest import Installed

# Where the folders at the top are inside the package.
INSIDE = {
    "spotkiln": "spotkiln",
    **{one: f"spotkiln/{one}" for one in ("flows", "tasks", "packer", "systemd")},
    **{one: f"spotkiln/programs/{one}" for one in ("sandbox", "rehearsal")},
    # What messages point to (`spotkiln docs`).
    "docs": "spotkiln/docs",
    # A new repository begins with it.
    "examples/dice": "spotkiln/template/applications/dice",
}


def tracked(folder: str) -> set[str]:
    """All files that git has of it, as they are called in the wheel; a link is what it leads to."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", folder], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = [one for one in listed.stdout.split("\0") if one and not (ROOT / one).is_dir()]
    if folder == "docs":
        names = [one for one in names if one.endswith(".md")]
    return {one.replace(folder, INSIDE[folder], 1) for one in names}


def in_wheel(installed: Installed) -> set[str]:
    with zipfile.ZipFile(installed.wheel) as opened:
        return {one.filename for one in opened.infolist() if not one.is_dir()}


def test_the_wheel_has_all_of_the_product_and_nothing_else(installed: Installed) -> None:
    found = {one for one in in_wheel(installed) if ".dist-info/" not in one}
    assert found == {one for folder in INSIDE for one in tracked(folder)}


def test_the_source_distribution_has_what_the_wheel_is_built_from(installed: Installed) -> None:
    with tarfile.open(installed.sdist) as opened:
        names = {one.name.partition("/")[2] for one in opened if one.isfile()}
        assert not [one.name for one in opened if one.islnk() or one.issym()]
    assert names >= {one for one in in_wheel(installed) if ".dist-info/" not in one}
    assert {one.partition("/")[0] for one in names}.isdisjoint({"tests", "examples", "benchmarks"})


def test_it_brings_one_package_into_an_environment(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as opened:
        (named,) = [one for one in opened.namelist() if one.endswith("top_level.txt")]
        assert opened.read(named).decode().split() == ["spotkiln"]


def test_what_is_run_may_be_run(installed: Installed) -> None:
    """The modes of the files: the stand-in for Packer is a program."""
    with zipfile.ZipFile(installed.wheel) as opened:
        for one in opened.infolist():
            if one.filename.startswith("spotkiln/programs/"):
                file = PACKAGE / one.filename.removeprefix("spotkiln/")
                assert (one.external_attr >> 16) & 0o111 == file.stat().st_mode & 0o111, file


def test_the_command_works(installed: Installed, empty: Path) -> None:
    assert installed.run("spotkiln", "--version", cwd=empty).stdout.strip() == __version__
    help_ = installed.run("spotkiln", "--help", cwd=empty)
    assert help_.returncode == 0
    assert "Usage: spotkiln COMMAND" in help_.stdout


def test_an_application_is_described_and_checked(installed: Installed, empty: Path) -> None:
    package = {"scripts": {"start": "node server.js", "test": "node --test"}}
    (empty / "package.json").write_text(json.dumps(package))
    (empty / "server.js").touch()
    made = installed.run("spotkiln", "init", cwd=empty)
    assert made.returncode == 0, made.stderr
    schema = (empty / "spotkiln.yaml").read_text().splitlines()[0].partition("$schema=")[2]
    assert json.loads(Path(schema).read_text())["properties"]
    checked = installed.run("spotkiln", "check", cwd=empty)
    assert checked.returncode == 0, checked.stderr
    assert "start    node server.js" in checked.stdout


@pytest.mark.parametrize("program", ["sandbox", "rehearsal"])
def test_what_lies_beside_the_command_is_its_own(
    installed: Installed, empty: Path, program: str
) -> None:
    where = (
        "import sys; from spotkiln.cli.programs import PROGRAMS; sys.path.insert(0, str(PROGRAMS));"
        f"import {program}; print({program}.__file__)"
    )
    said = installed.run("python", "-P", "-c", where, cwd=empty)
    assert said.stdout.startswith(str(installed.bin.parent)), said.stderr


def test_images_are_the_same_as_a_clones(installed: Installed, empty: Path) -> None:
    """Their recipe is: whoever goes from a clone to the wheel bakes nothing anew for it."""
    asked = "from spotkiln.bake.base import *; print(fingerprint_of('a=1', BaseSpec()).inputs)"
    said = installed.run("python", "-P", "-c", asked, cwd=empty)
    assert said.stdout.strip() == str(fingerprint_of("a=1", BaseSpec()).inputs), said.stderr
