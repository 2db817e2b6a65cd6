"""Reads a JUnit report: how many tests, which failed and with what."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

from spotkiln.errors import VerdictError
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
    sum over all tests. `notes` say in words how several files were counted."""

    __test__ = False  # pytest would collect a class of this name

    tests: int
    skipped: int
    failures: tuple[Failure, ...] = ()
    more_failures: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> int:
        return len(self.failures) + self.more_failures

    def __str__(self) -> str:
        text = f"{self.tests} tests, {self.failed} failed"
        text += f", {self.skipped} skipped" if self.skipped else ""
        return f"{text} ({'; '.join(self.notes)})" if self.notes else text


class Case(Noun):
    """One test: `key` tells it from others, `failure` is None if it did not fail."""

    key: str
    skipped: bool
    seconds: float
    failure: Failure | None = None


class TestsFailed(VerdictError):
    """Tests are red, or the report holds none; `report` is what there was of it."""

    __test__ = False  # pytest would collect a class of this name

    def __init__(
        self, message: str, report: TestReport | None = None, last_lines: str = ""
    ) -> None:
        self.report = report
        super().__init__(message, last_lines)


def no_report() -> TestsFailed:
    return TestsFailed(
        "the tests left no report: expected a JUnit file at $JUNIT, or a folder of them, found "
        "none; make the test command write one"
    )


def require_size(path: Path) -> None:
    """
    Raises:
        TestsFailed: there is nothing, or too much.
    """
    size = path.stat().st_size if path.is_file() else 0
    if not size:
        raise no_report()
    if size > REPORT_BYTES:
        raise TestsFailed(
            f"the tests' report is larger than {REPORT_BYTES // 1024**2} MiB: expected results, "
            "not output; keep what the tests print out of the JUnit file"
        )


def read_cases(file: IO[bytes], called: str = "") -> Iterator[Case]:
    """The tests of a JUnit file, read piece by piece; Python's reader of XML fetches no other file
    and stops when entities grow (expat 2.4.1 and newer). `called`: its name among several.

    Raises:
        TestsFailed: it is not JUnit's XML.
    """
    try:
        for _, case in ElementTree.iterparse(file, events=("end",)):  # noqa: S314 - see above
            if case.tag == "testcase":
                yield _case(case)
                # Nothing of it is needed any more.
                case.clear()
    # An unknown encoding is a LookupError, one that is not the file's a ValueError.
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise TestsFailed(
            f"the tests' report {called}".rstrip()
            + f" is not XML ({error}): expected a JUnit file; "
            "did the test command end in the middle?"
        ) from error


def _case(case: ElementTree.Element) -> Case:
    bad = next((part for part in case if part.tag in {"failure", "error"}), None)
    return Case(
        key="\n".join(case.get(one, "") for one in ("file", "classname", "name")),
        skipped=case.find("skipped") is not None,
        seconds=_seconds(case),
        failure=None if bad is None else _failure(case, bad),
    )


class Tally:
    """Counts tests; of failures it keeps the first."""

    def __init__(self) -> None:
        self.tests = self.skipped = self.failed = 0
        self._seconds = 0.0
        self._failures: list[Failure] = []

    def add(self, case: Case) -> None:
        self.tests += 1
        self.skipped += case.skipped
        self._seconds += case.seconds
        self.fail(case.failure)

    def fail(self, failure: Failure | None) -> None:
        """Of a test that is counted already."""
        if failure is not None:
            self.failed += 1
            if self.failed <= FAILURES_KEPT:
                self._failures.append(failure)

    def report(self, notes: Iterable[str] = ()) -> TestReport:
        return TestReport(
            tests=self.tests,
            skipped=self.skipped,
            failures=tuple(self._failures),
            more_failures=self.failed - len(self._failures),
            seconds=self._seconds,
            notes=tuple(notes),
        )


def read_report(path: Path) -> TestReport:
    """Source: the one file that the test command wrote to $JUNIT.

    Raises:
        TestsFailed: there is no report, it is too large, or it is not JUnit's XML.
    """
    require_size(path)
    tally = Tally()
    with path.open("rb") as file:
        for case in read_cases(file):
            tally.add(case)
    return tally.report()


def _failure(case: ElementTree.Element, bad: ElementTree.Element) -> Failure:
    message, text = (bad.get("message") or "").strip(), (bad.text or "").strip()
    # Go's word for every failure is `Failed`: what it was stands in the text.
    lines = (text if text and " " not in message else message).splitlines()
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
