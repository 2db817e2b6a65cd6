"""What `make test` does with the tests that failed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import once_more
from tests.once_more import MOST, told, worth

ONE, OTHER = "tests/cli/test_run.py::test_ctrl_c", "tests/aws/test_own.py::test_pages"


def test_a_few_are_run_again() -> None:
    assert worth([ONE, OTHER])
    assert worth([ONE] * MOST)


@pytest.mark.parametrize("tests", [[], [ONE] * (MOST + 1), [ONE, "tests/cli/test_run.py"]])
def test_many_and_files_that_cannot_be_read_are_not(tests: list[str]) -> None:
    assert not worth(tests)


def test_each_that_failed_is_named() -> None:
    assert told([ONE, OTHER], [OTHER]) == [
        "1 of the tests that failed passed when they ran alone. Look at them:",
        ONE,
        f"failed twice: {OTHER}",
    ]
    assert told([OTHER], [OTHER]) == [f"failed twice: {OTHER}"]


@pytest.mark.programs
@pytest.mark.parametrize(
    ("last", "code", "said"),
    [
        ("assert True", 0, "1 of the tests"),
        ("assert False", 1, "failed twice: test_it.py::test_it"),
    ],
)
def test_what_fails_alone_too_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    last: str, code: int, said: str,
) -> None:  # fmt: skip
    """With pytest's own record of what has failed."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    test = tmp_path / "test_it.py"
    first = "def test_it():\n    "
    test.write_text(f"{first}assert False\n")
    pytest_here = [sys.executable, "-m", "pytest", "-q", "test_it.py"]
    assert subprocess.run(pytest_here, cwd=tmp_path, capture_output=True).returncode == 1
    test.write_text(f"{first}{last}\n")
    monkeypatch.setattr(once_more, "ROOT", tmp_path)
    monkeypatch.setattr(once_more, "FAILED", tmp_path / ".pytest_cache/v/cache/lastfailed")
    assert once_more.main() == code
    assert said in capsys.readouterr().out


def test_nothing_failed_is_not_taken_for_a_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pytest has failed and told of no test: it could not run them."""
    monkeypatch.setattr(once_more, "FAILED", tmp_path / "none")
    assert once_more.main() == 1
