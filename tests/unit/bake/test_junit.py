"""The report of the tests."""

import os
import tracemalloc
from pathlib import Path

import pytest

from spotkiln.bake import junit
from spotkiln.bake.junit import Failure, TestReport, TestsFailed, read_report, require_green

# As RspecJunitFormatter writes it.
RSPEC = """<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="rspec" tests="4" skipped="1" failures="1" errors="0" time="0.75" hostname="h">
<properties><property name="seed" value="1"/></properties>
<testcase classname="spec.models.post_spec" name="Post is valid" time="0.25"></testcase>
<testcase classname="spec.requests.up_spec" name="GET /up answers" time="0.5">
<failure message="expected: 200
     got: 500" type="RSpec::Expectations::ExpectationNotMetError">
  Failure/Error: expect(response)</failure>
</testcase>
<testcase classname="spec.a" name="pending" time="0"><skipped/></testcase>
<testcase classname="spec.b" name="fine" time="0.0"></testcase>
</testsuite>
"""
# As pytest writes it: suites in suites, and an error that is no failure.
PYTEST = """<testsuites><testsuite name="a"><testcase name="one" time="1.5"/></testsuite>
<testsuite name="b"><testsuite name="c"><testcase classname="c" name="two"><error>
E   ImportError: nothing
</error></testcase></testsuite></testsuite></testsuites>"""


def report_of(folder: Path, text: str) -> TestReport:
    file = folder / "junit.xml"
    file.write_text(text)
    return read_report(file)


def test_rspec(tmp_path: Path) -> None:
    report = report_of(tmp_path, RSPEC)
    assert report == TestReport(
        tests=4,
        skipped=1,
        failures=(
            Failure(
                name="spec.requests.up_spec GET /up answers",
                message="expected: 200 got: 500",
            ),
        ),
        seconds=0.75,
    )
    assert str(report) == "4 tests, 1 failed, 1 skipped"


def test_nested_suites_and_errors(tmp_path: Path) -> None:
    report = report_of(tmp_path, PYTEST)
    assert report.tests == 2
    assert report.failures == (Failure(name="c two", message="E ImportError: nothing"),)
    assert str(report) == "2 tests, 1 failed"


@pytest.mark.parametrize(
    ("time", "seconds"), [("1,234.5", 1236.5), ("", 2), ("fast", 2), ("NaN", 2), ("inf", 2)]
)
def test_an_odd_time_is_no_reason_to_fail(tmp_path: Path, time: str, seconds: float) -> None:
    text = f'<testsuite><testcase name="a" time="{time}"/><testcase name="b" time="2"/></testsuite>'
    report = report_of(tmp_path, text)
    assert (report.tests, report.seconds) == (2, seconds)


def test_a_long_message_is_cut(tmp_path: Path) -> None:
    text = f'<testsuite><testcase name="a"><failure message="{"x" * 9999}"/></testcase></testsuite>'
    assert len(report_of(tmp_path, text).failures[0].message) == 300


def test_no_report_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(TestsFailed, match=r"left no report: expected a JUnit file at \$JUNIT"):
        read_report(tmp_path / "junit.xml")
    with pytest.raises(TestsFailed, match="left no report"):
        report_of(tmp_path, "")


@pytest.mark.parametrize(
    "text",
    [
        RSPEC[:300],
        "4 examples, 0 failures",
        "<a>\0</a>",
        '<?xml version="1.0" encoding="no-such"?><testsuite/>',
    ],
)
def test_a_report_that_is_no_xml_is_a_failure(tmp_path: Path, text: str) -> None:
    with pytest.raises(TestsFailed, match="report is not XML"):
        report_of(tmp_path, text)


def test_a_report_that_is_too_large_is_refused_for_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "junit.xml"
    file.touch()
    os.truncate(file, junit.REPORT_BYTES + 1)
    with pytest.raises(TestsFailed, match="report is larger than 32 MiB: expected results"):
        read_report(file)
    monkeypatch.setattr(junit, "REPORT_BYTES", len(PYTEST))
    assert report_of(tmp_path, PYTEST).tests == 2


def test_a_report_is_not_held_in_memory(tmp_path: Path) -> None:
    """30 MB of what the tests printed, as some write it into their report."""
    file = tmp_path / "junit.xml"
    case = f'<testcase name="a"><system-out>{"x" * 30_000}</system-out></testcase>'
    file.write_text(f"<testsuite>{case * 1000}</testsuite>")
    tracemalloc.start()
    report = read_report(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.tests == 1000
    assert peak < 5_000_000


BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    "entities",
    [f'<!ENTITY e0 "ha">{BOMB}', '<!ENTITY e11 SYSTEM "file:///etc/passwd">'],
    ids=["grows", "fetches"],
)
def test_entities_neither_grow_nor_fetch(tmp_path: Path, entities: str) -> None:
    text = f"<!DOCTYPE a [{entities}]><testsuite><testcase name='&e11;'/>&e11;</testsuite>"
    with pytest.raises(TestsFailed, match="report is not XML"):
        report_of(tmp_path, text)


def test_of_very_many_failures_the_first_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    cases = "".join(f'<testcase name="{n} {"x" * 999}"><failure/></testcase>' for n in range(1000))
    report = report_of(tmp_path, f"<testsuite>{cases}</testsuite>")
    assert [one.name[:3] for one in report.failures[:2]] == ["0 x", "1 x"]
    assert (len(report.failures), report.failed, report.tests) == (200, 1000, 1000)
    assert max(len(one.name) for one in report.failures) == 300
    assert str(report) == "1000 tests, 1000 failed"
    with pytest.raises(TestsFailed, match=r"^1000 of 1000 tests failed: .* and 995 more$"):
        require_green(report)


def test_green_passes_and_the_same_with_one_red_example_does_not() -> None:
    green = TestReport(tests=2, skipped=1)
    require_green(green)
    red = green.model_copy(update={"failures": (Failure(name="a", message="no"),)})
    with pytest.raises(TestsFailed, match=r"^1 of 2 tests failed: a: no$"):
        require_green(red)


@pytest.mark.parametrize(("tests", "skipped"), [(0, 0), (3, 3)])
def test_no_test_ran_is_a_failure(tests: int, skipped: int) -> None:
    with pytest.raises(TestsFailed, match="no test ran"):
        require_green(TestReport(tests=tests, skipped=skipped))


def test_any_xml_without_tests_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(TestsFailed, match="no test ran"):
        require_green(report_of(tmp_path, "<html><body/></html>"))


def test_five_are_all_told() -> None:
    failures = tuple(Failure(name=f"spec {n}", message="no") for n in range(5))
    with pytest.raises(TestsFailed, match=r"spec 4: no$"):
        require_green(TestReport(tests=9, skipped=0, failures=failures))


def test_red_names_the_failing() -> None:
    failures = tuple(Failure(name=f"spec {n}", message="no") for n in range(7))
    with pytest.raises(TestsFailed) as caught:
        require_green(TestReport(tests=9, skipped=0, failures=failures))
    assert caught.value.report is not None
    failures = caught.value.report.failures
    assert [one.name for one in failures] == [f"spec {n}" for n in range(7)]
    assert str(caught.value) == (
        "7 of 9 tests failed: spec 0: no; spec 1: no; spec 2: no; spec 3: no; spec 4: no and 2 more"
    )
