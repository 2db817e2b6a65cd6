"""Tests run in a copy of the application which has the places of the original: what names its own
place by an absolute path leads to the copy. The script's own functions, on this machine."""

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.nouns import ROOT

SCRIPT = ROOT / "packer" / "scripts" / "test.sh"


def can_mount() -> bool:
    made = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    return os.geteuid() == 0 and made.returncode == 0


pytestmark = pytest.mark.skipif(not can_mount(), reason="mounts need root")


class Built:
    """An application as its build left it, and what tests of it see."""

    def __init__(self, report: Path) -> None:
        name = f"copy-test-{os.getpid()}"
        self._report, self._name = report, name
        self.folder, self.home = Path("/srv") / name, Path("/var/lib") / name

    def make(self) -> None:
        """With what is common in a built folder: an environment of Python's with a path file and a
        program whose first line names it, links by absolute path, and a setting in HOME."""
        own, site = self.folder, self.folder / ".venv" / "lib" / "site"
        for folder in (own / "lib", own / ".venv" / "bin", site, self.home / "tool"):
            folder.mkdir(parents=True)
        (own / "lib" / "value.py").write_text("VALUE = 'original'\n")
        (own / ".venv" / "bin" / "python").symlink_to(shutil.which("python3") or "")
        (site / "app.pth").write_text(f"{own}/lib\n")
        program = own / ".venv" / "bin" / "tell"
        program.write_text(
            f"#!{own}/.venv/bin/python\nimport site\nsite.addsitedir('{site}')\n"
            "import value\nprint(value.VALUE, value.__file__)\n"
        )
        program.chmod(0o755)
        (own / "current").symlink_to(own / "lib")
        (self.home / "tool" / "setting").write_text(f"{self.home}/tool/data\n")
        (self.home / "tool" / "data").write_text("original\n")

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)

    def test(self, command: str, set_up: str = "true", environment: str = "") -> str:
        """What the tests say; CalledProcessError if they fail."""
        functions, ran, _ = SCRIPT.read_text().partition("\nprepare_report\n")
        assert ran
        functions = functions.replace("/var/tmp/spotkiln-test", str(self._report / "copy"))
        texts = {"TEST": command, "SETUP": set_up, "ENVIRONMENT": environment}
        coded = {
            f"SPOTKILN_{name}_BASE64": base64.b64encode(text.encode()).decode()
            for name, text in texts.items()
        }
        done = subprocess.run(
            ["bash", "-c", f"{functions}\nprepare_report\nrun_tests"],
            env={
                "PATH": os.environ["PATH"],
                "SPOTKILN_PARTS": str(SCRIPT.with_suffix("")),
                "SPOTKILN_APP": self._name,
                "SPOTKILN_USER": "root",
                "SPOTKILN_FOLDER": "",
                "SPOTKILN_PROCESSES": "",
                "SPOTKILN_TEST_SERVICES": "",
                "SPOTKILN_TEST_SECONDS": "30",
                "SPOTKILN_REPORT": str(self._report / "report"),
                **coded,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture
def built(tmp_path: Path) -> Iterator[Built]:
    made = Built(tmp_path)
    try:
        made.make()
        yield made
    finally:
        made.remove()


CHANGE = 'echo "VALUE = \'copy\'" >lib/value.py; echo copy >"$HOME/tool/data"'


def test_absolute_paths_of_the_copy_lead_to_the_copy(built: Built) -> None:
    tell = '.venv/bin/tell; cat current/value.py; cat "$(cat "$HOME/tool/setting")"; pwd'
    assert built.test(tell, set_up=CHANGE).splitlines() == [
        f"copy {built.folder}/lib/value.py",
        "VALUE = 'copy'",
        "copy",
        str(built.folder),
    ]


def test_the_original_is_as_it_was_and_nothing_stays_mounted(built: Built) -> None:
    built.test("rm -rf lib; ls", set_up=CHANGE)
    assert (built.folder / "lib" / "value.py").read_text() == "VALUE = 'original'\n"
    assert (built.home / "tool" / "data").read_text() == "original\n"
    assert str(built.folder) not in Path("/proc/self/mounts").read_text()


def test_a_report_may_be_a_file_or_a_folder(built: Built, tmp_path: Path) -> None:
    built.test('echo "<testsuite/>" >"$JUNIT"')
    assert (tmp_path / "report" / "junit" / "junit.xml").is_file()
    built.test('mkdir "$JUNIT"; echo "<testsuite/>" >"$JUNIT/a.xml"')
    assert (tmp_path / "report" / "junit" / "junit.xml" / "a.xml").is_file()


def test_variables_come_from_the_tests_environment_alone(built: Built) -> None:
    said = built.test("env | sort", environment="RAILS_ENV=test\n")
    names = {line.partition("=")[0] for line in said.splitlines()}
    assert names == {"HOME", "JUNIT", "LANG", "PATH", "PWD", "RAILS_ENV", "SHLVL", "_"}
