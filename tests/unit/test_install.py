"""Behind a proxy that looks into TLS, uv and pip take the system's certificates."""

import os
import re
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.unit.nouns import ROOT

SYSTEM = "/etc/ssl/certs/ca-certificates.crt"
# Stands for Python: it has a pip of some version, and writes down what that was called with.
PYTHON = """#!/bin/sh
case "$*" in
  -c*) PYTHONPATH=$PWD/stand-in exec python3 "$@" ;;
  *) echo "pip cert=$PIP_CERT" >>calls ;;
esac
"""
SUCCEEDS = "#!/bin/sh\n"
UV = """#!/bin/sh
echo "uv system=$UV_SYSTEM_CERTS $2 $3" >>calls
"""

pytestmark = pytest.mark.skipif(not Path(SYSTEM).is_file(), reason="no certificates of the system")


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def calls(tmp_path: Path, pip: str, **given: str) -> list[str]:
    """What it calls, in a tree where all programs are stand-ins."""
    program(tmp_path / "scripts" / "install.sh", (ROOT / "scripts" / "install.sh").read_text())
    program(tmp_path / ".venv" / "bin" / "python", PYTHON)
    program(tmp_path / "stand-in" / "pip" / "__init__.py", f'__version__ = "{pip}"\n')
    program(tmp_path / ".venv" / "bin" / "uv", UV)
    subprocess.run(
        [str(tmp_path / "scripts" / "install.sh")],
        env={"PATH": os.environ["PATH"], **given},
        check=True,
        timeout=30,
    )
    return (tmp_path / "calls").read_text().splitlines()


def test_an_older_python_is_told_in_a_sentence(tmp_path: Path) -> None:
    program(tmp_path / "scripts" / "install.sh", (ROOT / "scripts" / "install.sh").read_text())
    old = (
        '#!/bin/sh\ncase "$1" in -c) exit 1 ;; --version) echo Python 3.9.2 ;; *) exit 9 ;; esac\n'
    )
    program(tmp_path / "bin" / "python3", old)
    done = subprocess.run(
        [str(tmp_path / "scripts" / "install.sh")],
        env={"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        "Spotkiln needs Python 3.11 or newer, and python3 here is Python 3.9.2\n"
    )


def test_the_environment_is_made_with_the_python_that_was_named(tmp_path: Path) -> None:
    program(tmp_path / "scripts" / "install.sh", (ROOT / "scripts" / "install.sh").read_text())
    program(tmp_path / "made" / "bin" / "python", SUCCEEDS)
    program(tmp_path / "made" / "bin" / "uv", SUCCEEDS)
    for name, where in (("python3", tmp_path / "bin"), ("another", tmp_path / "elsewhere")):
        makes = f'[ "$1" = -c ] || {{ echo "{name} $*" >>calls; cp -r made .venv; }}\n'
        program(where / name, f"#!/bin/sh\n{makes}")
    for named, made in (("", "python3"), (str(tmp_path / "elsewhere" / "another"), "another")):
        subprocess.run(
            [str(tmp_path / "scripts" / "install.sh")],
            env={"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "BASE_PYTHON": named},
            check=True,
            timeout=30,
        )
        shutil.rmtree(tmp_path / ".venv")
        assert (tmp_path / "calls").read_text().splitlines()[-1] == f"{made} -m venv .venv"


UVS = ["uv system=true install -q", "uv system=true install -q"]


def test_an_old_pip_is_told_where_they_are(tmp_path: Path) -> None:
    assert calls(tmp_path, "23.0.1") == [f"pip cert={SYSTEM}", *UVS]


def test_another_prefect_is_installed_over_the_locked_one_in_an_environment_of_its_own(
    tmp_path: Path,
) -> None:
    program(tmp_path / "scripts" / "install.sh", (ROOT / "scripts" / "install.sh").read_text())
    own = tmp_path / "build" / "prefect-3.9.1" / "bin"
    program(own / "python", PYTHON)
    program(tmp_path / "stand-in" / "pip" / "__init__.py", '__version__ = "25.0"\n')
    program(own / "uv", '#!/bin/sh\necho "uv $*" >>calls\n')
    subprocess.run(
        [str(tmp_path / "scripts" / "install.sh"), "build/prefect-3.9.1", "3.9.1"],
        env={"PATH": os.environ["PATH"]},
        check=True,
        timeout=30,
    )
    into = "uv pip install -q --python build/prefect-3.9.1/bin/python"
    assert (tmp_path / "calls").read_text().splitlines()[-2:] == [
        f"{into} --compile-bytecode --require-hashes -r requirements.lock",
        # Without --no-deps: what pyproject.toml excludes is refused.
        f"{into} --compile-bytecode --no-build-isolation -e . prefect==3.9.1",
    ]
    assert not (tmp_path / ".venv").exists()


def test_the_oldest_prefect_is_locked_and_the_newest_is_the_one_that_contributors_try() -> None:
    """No version is promised on which nobody runs the suite."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    (asked,) = [one for one in wanted if one.startswith("prefect>")]
    found = re.fullmatch(r"prefect>=([0-9.]+),<=([0-9.]+)", asked)
    assert found
    oldest, newest = found.groups()
    assert f"\nprefect=={oldest} \\\n" in (ROOT / "requirements.lock").read_text()
    assert f"make test PREFECT={newest}" in (ROOT / "CONTRIBUTING.md").read_text()
    told = (ROOT / "docs" / "getting-started-aws.md").read_text()
    assert f"Prefect {oldest} and {newest}" in told


def test_a_new_pip_finds_them_itself(tmp_path: Path) -> None:
    assert calls(tmp_path, "24.2") == ["pip cert=", *UVS]


def test_what_the_user_has_set_comes_first(tmp_path: Path) -> None:
    assert calls(tmp_path, "23.0.1", PIP_CERT="/mine.pem", UV_SYSTEM_CERTS="false") == [
        "pip cert=/mine.pem",
        *["uv system=false install -q"] * 2,
    ]
    (tmp_path / "calls").unlink()
    assert calls(tmp_path, "23.0.1", REQUESTS_CA_BUNDLE="/mine.pem")[0] == "pip cert="
