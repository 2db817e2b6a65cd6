"""Reads a JUnit report: how many tests, which failed and with what."""

import math
from pathlib import Path
from xml.etree import ElementTree

from spotkiln.errors import TestsFailed
from spotkiln.noun import Noun

# The junitparser package was tried on the same reports: it stops at a time that is no number, and
# holds all of a report in memory. What is needed of the format is this file.
REPORT_BYTES = 32 * 1024 * 1024
FAILURES_KEPT = 200


class Failure(Noun):
    name: str
    message: str = ""


class TestReport(Noun):
    """`failures` are the first ones, `more_failures` how many others there are; `seconds` is the
    sum over all tests."""

    __test__ = False  # pytest would collect a class of this name

    tests: int
    skipped: int
    failures: tuple[Failure, ...] = ()
    more_failures: int = 0
    seconds: float = 0.0

    @property
    def failed(self) -> int:
        return len(self.failures) + self.more_failures

    def __str__(self) -> str:
        text = f"{self.tests} tests, {self.failed} failed"
        return f"{text}, {self.skipped} skipped" if self.skipped else text


def read_report(path: Path) -> TestReport:
    """Source: the file that the test command wrote to $JUNIT. It is read piece by piece; Python's
    reader of XML fetches no other file and stops when entities grow (expat 2.4.1 and newer).

    Raises:
        TestsFailed: there is no report, it is too large, or it is not JUnit's XML.
    """
    size = path.stat().st_size if path.is_file() else 0
    if not size:
        raise TestsFailed(
            "the tests left no report: expected a JUnit file at $JUNIT, found none; "
            "make the test command write one"
        )
    if size > REPORT_BYTES:
        raise TestsFailed(
            f"the tests' report is larger than {REPORT_BYTES // 1024**2} MiB: expected results, "
            "not output; keep what the tests print out of the JUnit file"
        )
    try:
        return _read(path)
    # An unknown encoding is a LookupError, one that is not the file's a ValueError.
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise TestsFailed(
            f"the tests' report is not XML ({error}): expected a JUnit file; "
            "did the test command end in the middle?"
        ) from error


def _read(path: Path) -> TestReport:
    tests = skipped = failed = 0
    seconds = 0.0
    failures: list[Failure] = []
    for _, case in ElementTree.iterparse(path, events=("end",)):  # noqa: S314 - see read_report
        if case.tag != "testcase":
            continue
        tests += 1
        skipped += case.find("skipped") is not None
        seconds += _seconds(case)
        bad = next((part for part in case if part.tag in {"failure", "error"}), None)
        if bad is not None:
            failed += 1
            if failed <= FAILURES_KEPT:
                failures.append(_failure(case, bad))
        # Nothing of it is needed any more.
        case.clear()
    return TestReport(
        tests=tests,
        skipped=skipped,
        failures=tuple(failures),
        more_failures=failed - len(failures),
        seconds=seconds,
    )


def _failure(case: ElementTree.Element, bad: ElementTree.Element) -> Failure:
    lines = (bad.get("message") or bad.text or "").strip().splitlines()
    name = " ".join(filter(None, [case.get("classname"), case.get("name")]))
    message = " ".join(" ".join(lines[:3]).split())
    return Failure(name=" ".join(name.split())[:300], message=message[:300])


def _seconds(case: ElementTree.Element) -> float:
    """Some write `1,234.5`; whatever cannot be read is no reason to fail."""
    try:
        seconds = float((case.get("time") or "0").replace(",", ""))
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) else 0.0


def require_green(report: TestReport) -> None:
    """Raises TestsFailed when a test failed, or when none ran."""
    if report.tests - report.skipped <= 0:
        raise TestsFailed(
            f"no test ran ({report}): an image without tests is not promoted; "
            "check the test command"
        )
    if report.failures:
        number = report.failed
        shown = "; ".join(f"{f.name}: {f.message}" for f in report.failures[:5])
        more = f" and {number - 5} more" if number > 5 else ""
        raise TestsFailed(f"{number} of {report.tests} tests failed: {shown}{more}", report)
