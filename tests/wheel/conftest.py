"""Spotkiln as people install it: a wheel, built from the source distribution, in an environment
of its own, and a folder in which there is nothing."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

import pytest

from rehearsal.prefect_local import ROOT

UV = Path(sys.executable).with_name("uv")


class Installed(NamedTuple):
    """The files that were built, and the installation's own programs."""

    sdist: Path
    wheel: Path
    bin: Path

    @property
    def environment(self) -> dict[str, str]:
        """In which nothing leads to this clone."""
        own = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
        return {**own, "PATH": os.pathsep.join([str(self.bin), os.environ["PATH"]])}

    def run(
        self, *command: str, cwd: Path, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=cwd,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )


def _uv(*arguments: str) -> None:
    """Offline: of what is locked and installed here."""
    subprocess.run([UV, "--quiet", *arguments, "--offline"], check=True, cwd=ROOT, timeout=200)


def built(folder: Path) -> tuple[Path, Path]:
    """The source distribution, and the wheel built from it."""
    _uv("build", "--no-build-isolation", "--python", sys.executable, "--out-dir", str(folder))
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="package")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """What it depends on is taken from this environment: that is locked, and installing it once
    more would take minutes."""
    home = tmp_path_factory.mktemp("wheel")
    sdist, wheel = built(home / "dist")
    venv = home / "venv"
    _uv("venv", "--python", sys.executable, str(venv))
    python = venv / "bin" / "python"
    _uv("pip", "install", "--no-deps", "--python", str(python), str(wheel))
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    prefect = venv / "bin" / "prefect"
    prefect.write_text(f"#!{python}\nfrom prefect.cli import app\napp()\n")
    prefect.chmod(0o755)
    return Installed(sdist, wheel, venv / "bin")


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    return tmp_path
