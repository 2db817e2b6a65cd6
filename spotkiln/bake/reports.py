"""Reports: all that the tests left of JUnit's XML, a file or several, as one report."""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from spotkiln.bake.junit import (
    Case,
    Tally,
    TestReport,
    TestsFailed,
    no_report,
    read_cases,
    read_report,
    require_size,
)

# As packer/scripts/test/report.sh leaves them: one report in the first, several in the second.
ONE, SEVERAL = "junit.xml", "junit.tar"


class _Merged:
    """Tests of several files. One that an earlier file has told of, as of a summary beside its
    parts, counts once; it has failed if it failed in one of them."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.doubled = 0
        self.without: list[str] = []
        self._failed: dict[str, bool] = {}

    def add(self, name: str, cases: Iterator[Case]) -> None:
        here: dict[str, bool] = {}
        for case in cases:
            if case.key in self._failed:
                self._again(case)
            else:
                self.tally.add(case)
            here[case.key] = here.get(case.key, False) or case.failure is not None
        if not here:
            self.without.append(name)
        for key, failed in here.items():
            self._failed[key] = failed or self._failed.get(key, False)

    def _again(self, case: Case) -> None:
        self.doubled += 1
        if case.failure and not self._failed[case.key]:
            self.tally.fail(case.failure)
            self._failed[case.key] = True

    def notes(self, files: int, empty: list[str]) -> Iterator[str]:
        if files > 1:
            yield f"in {files} files"
        if empty:
            yield f"empty: {_listed(empty)}"
        if self.without:
            yield f"without a test: {_listed(self.without)}"
        if self.doubled:
            yield f"{self.doubled} told of twice, each counts once"


def _listed(names: list[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _files(archive: tarfile.TarFile) -> Iterator[tuple[str, int, IO[bytes]]]:
    for member in archive:
        file = archive.extractfile(member) if member.isfile() else None
        if file is not None:
            with file:
                yield member.name, member.size, file


def _several(path: Path) -> TestReport:
    require_size(path)
    merged, empty, files = _Merged(), list[str](), 0
    try:
        with tarfile.open(path, "r:") as archive:
            for name, size, file in _files(archive):
                if not size:
                    empty.append(name)
                    continue
                files += 1
                merged.add(name, read_cases(file, name))
    except (tarfile.TarError, OSError) as error:
        raise TestsFailed(f"the tests' reports cannot be read ({error}): try again") from error
    if not files:
        raise no_report()
    return merged.tally.report(merged.notes(files, empty))


def read_reports(folder: Path) -> TestReport:
    """What came home to `folder`.

    Raises:
        TestsFailed: there is no report, they are too large, or one is not JUnit's XML.
    """
    several = folder / SEVERAL
    if several.is_file() and several.stat().st_size:
        return _several(several)
    return read_report(folder / ONE)
