"""Reads a JUnit report: how many tests, which failed and with what."""

import math
from pathlib import Path
from xml.etree import ElementTree

from spotkiln.errors import TestsFailed
from spotkiln.noun import Noun


class Failure(Noun):
    name: str
    message: str = ""


class TestReport(Noun):
    """`seconds` is the sum over all tests."""

    __test__ = False  # pytest would collect a class of this name

    tests: int
    skipped: int
    failures: tuple[Failure, ...] = ()
    seconds: float = 0.0

    def __str__(self) -> str:
        text = f"{self.tests} tests, {len(self.failures)} failed"
        return f"{text}, {self.skipped} skipped" if self.skipped else text


def read_report(path: Path) -> TestReport:
    """Source: the file that the test command wrote to $JUNIT.

    Raises:
        TestsFailed: there is no report, or it is not JUnit's XML.
    """
    if not path.is_file() or not path.stat().st_size:
        raise TestsFailed(
            "the tests left no report: expected a JUnit file at $JUNIT, found none; "
            "make the test command write one"
        )
    try:
        root = ElementTree.parse(path).getroot()  # noqa: S314 - our own machine wrote it
    # An unknown encoding is a LookupError, one that is not the file's a ValueError.
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise TestsFailed(
            f"the tests' report is not XML ({error}): expected a JUnit file; "
            "did the test command end in the middle?"
        ) from error
    cases = list(root.iter("testcase"))
    failures = []
    for case in cases:
        bad = next((part for part in case if part.tag in {"failure", "error"}), None)
        if bad is not None:
            lines = (bad.get("message") or bad.text or "").strip().splitlines()
            name = " ".join(filter(None, [case.get("classname"), case.get("name")]))
            failures.append(Failure(name=name, message=" ".join(" ".join(lines[:3]).split())[:300]))
    return TestReport(
        tests=len(cases),
        skipped=sum(case.find("skipped") is not None for case in cases),
        failures=tuple(failures),
        seconds=sum(map(_seconds, cases)),
    )


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
        number = len(report.failures)
        shown = "; ".join(f"{f.name}: {f.message}" for f in report.failures[:5])
        more = f" and {number - 5} more" if number > 5 else ""
        raise TestsFailed(f"{number} of {report.tests} tests failed: {shown}{more}", report)
