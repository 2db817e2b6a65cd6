"""Reports as the runners of docs/tests.md wrote them: one test that is green, one that is red, one
that is skipped."""

import tarfile
from pathlib import Path

import pytest

from spotkiln.bake.detect.node import JEST, NODE_TEST, RUNNERS
from spotkiln.bake.junit import read_report
from spotkiln.bake.reports import ONE, SEVERAL, read_reports
from tests.unit.nouns import ROOT

RECORDED = Path(__file__).parent / "recorded"
PAGE = (ROOT / "docs" / "tests.md").read_text()


@pytest.mark.parametrize(
    ("name", "red", "why"),
    [
        ("pytest", "test_a test_red", "AssertionError: sums are wrong"),
        ("node", "test red", "sums are wrong"),
        ("mocha", "sums red", "sums are wrong"),
        ("jest", "sums red sums red", "expect(received).toBe(expected)"),
        ("vitest", "a.test.js sums > red", "expected 2 to be 3"),
        ("rspec", "a_spec sums is red", "expected: 3 got: 2"),
        ("minitest", "SumsTest test_red", "SumsTest#test_red [a_test.rb:4]"),
        ("rails", "SumsTest test_is_red", "SumsTest#test_is_red [test/models/sums_test.rb:4]"),
    ],
)
def test_what_a_runner_reports(name: str, red: str, why: str) -> None:
    found = read_report(RECORDED / f"{name}.xml")
    assert (found.tests, found.failed, found.skipped) == (3, 1, 1)
    (failure,) = found.failures
    assert failure.name == red
    assert why in failure.message


def test_go_counts_a_subtest_and_the_test_around_it() -> None:
    found = read_report(RECORDED / "go.xml")
    assert (found.tests, found.failed, found.skipped) == (4, 2, 1)
    assert [one.name for one in found.failures] == [
        "example.com/sums TestRed/deep",
        "example.com/sums TestRed",
    ]
    assert "a_test.go:4: sums are wrong" in found.failures[0].message


@pytest.mark.parametrize(
    ("folder", "counts", "red", "why"),
    [
        ("django", (4, 1, 1), "shop.tests.Sums test_red", "2 != 3 : sums are wrong"),
        ("minitest-reporters", (3, 1, 1), "SumsTest test_red", "sums are wrong"),
    ],
)
def test_runners_that_write_a_folder(
    folder: str, counts: tuple[int, int, int], red: str, why: str, tmp_path: Path
) -> None:
    files = sorted((RECORDED / folder).glob("*.xml"))
    if len(files) > 1:
        with tarfile.open(tmp_path / SEVERAL, "w") as archive:
            for file in files:
                archive.add(file, file.name)
    else:
        (tmp_path / ONE).write_bytes(files[0].read_bytes())
    found = read_reports(tmp_path)
    assert (found.tests, found.failed, found.skipped) == counts
    (failure,) = found.failures
    assert (failure.name, why in failure.message) == (red, True)


def test_the_page_has_the_commands_that_are_detected() -> None:
    for command in (NODE_TEST, JEST, *(command for _, command in RUNNERS.values())):
        assert command in PAGE
