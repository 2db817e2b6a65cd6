"""The parts in which `make quick` runs the tests, and what it says."""

import sys
from pathlib import Path

import pytest

from tests.quick import SECONDS, UNIT, Job, end_of, files_below, shares, summary


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_each_test_is_in_one_share(number: int) -> None:
    found = [file for share in shares(UNIT, number) for one in share for file in files_below(one)]
    assert sorted(found) == sorted(UNIT.rglob("test_*.py"))


def test_shares_take_about_equally_long(tmp_path: Path) -> None:
    for name, size in {"a": 50, "b": 30, "c": 30, "d": 10}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "test_it.py").write_text("#" * size)
    (tmp_path / "helper.py").touch()
    found = [{one.name for one in share} for share in shares(tmp_path, 2)]
    assert found == [{"a", "d"}, {"b", "c"}]


def test_what_takes_longer_than_its_size_says_is_there() -> None:
    assert [name for name in SECONDS if not (UNIT / name).is_dir()] == []


def test_nobody_is_left_without_tests(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("# it")
    assert shares(tmp_path, 3) == [[tmp_path / "test_it.py"]]


def test_the_summary_is_pytests_whatever_is_said_after_it() -> None:
    assert summary("....\n4 passed in 1.00s\nLogging error") == "4 passed in 1.00s"
    assert summary("Success: no issues found") == "Success: no issues found"
    assert summary("") == "ok"


@pytest.mark.programs
def test_what_failed_is_told_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    two_lines = "print('first'); print('last'); exit({})"
    jobs = [
        Job("good", sys.executable, "-c", two_lines.format(0)),
        Job("bad", sys.executable, "-c", two_lines.format(1)),
        Job("silent", sys.executable, "-c", ""),
    ]
    assert end_of(jobs) == 1
    said = capsys.readouterr().out
    assert "good: last\n" in said
    assert "first\nlast\n" in said
    assert said.count("first") == 1
    assert "silent: ok\n" in said
