"""Several files of JUnit's XML, as one report."""

import io
import tarfile
from pathlib import Path

import pytest

from spotkiln.bake.junit import REPORT_BYTES, Failure, TestReport, TestsFailed
from spotkiln.bake.reports import ONE, SEVERAL, read_reports


def suite(*cases: str) -> str:
    return f"<testsuite name='s'>{''.join(cases)}</testsuite>"


def case(name: str, inside: str = "", seconds: float = 1.0) -> str:
    return f"<testcase classname='c' name='{name}' time='{seconds}'>{inside}</testcase>"


RED, SKIPPED = "<failure message='red'/>", "<skipped/>"


def read(folder: Path, **files: str) -> TestReport:
    with tarfile.open(folder / SEVERAL, "w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"{name}.xml")
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    (folder / ONE).touch()
    return read_reports(folder)


def test_counts_of_several_files_are_added(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        models=suite(case("a"), case("b", RED)),
        requests=suite(case("c", SKIPPED), case("d")),
    )
    assert found == TestReport(
        tests=4,
        skipped=1,
        failures=(Failure(name="c b", message="red"),),
        seconds=4.0,
        notes=("in 2 files",),
    )
    assert str(found) == "4 tests, 1 failed, 1 skipped (in 2 files)"


def test_a_summary_beside_its_parts_counts_once(tmp_path: Path) -> None:
    parts = {"one": suite(case("a"), case("b")), "two": suite(case("c", RED))}
    found = read(tmp_path, **parts, whole=suite(case("a"), case("b"), case("c", RED)))
    assert (found.tests, found.failed, found.seconds) == (3, 1, 3.0)
    assert found.notes == ("in 3 files", "3 told of twice, each counts once")


def test_what_failed_in_one_of_them_has_failed(tmp_path: Path) -> None:
    found = read(tmp_path, one=suite(case("a")), two=suite(case("a", RED)), three=suite(case("a")))
    assert (found.tests, [one.name for one in found.failures]) == (1, ["c a"])


def test_equal_names_within_one_file_are_several_tests(tmp_path: Path) -> None:
    found = read(tmp_path, one=suite(case("a"), case("a", RED)), two=suite(case("b")))
    assert (found.tests, found.failed) == (3, 1)


def test_the_same_name_in_another_file_of_the_tests_is_another_test(tmp_path: Path) -> None:
    named = "<testcase file='{}' classname='c' name='a'/>"
    found = read(tmp_path, one=suite(named.format("a.rb")), two=suite(named.format("b.rb")))
    assert (found.tests, found.notes) == (2, ("in 2 files",))


def test_empty_files_and_other_xml_are_passed_over_in_words(tmp_path: Path) -> None:
    found = read(
        tmp_path, one=suite(case("a")), coverage="<coverage/>", two="", three="", four="", five=""
    )
    assert found.tests == 1
    assert found.notes == (
        "in 2 files",
        "empty: two.xml, three.xml, four.xml and 1 more",
        "without a test: coverage.xml",
    )


def test_nothing_but_empty_files_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(TestsFailed, match="or a folder of them, found none"):
        read(tmp_path, one="", two="")


def test_one_that_is_cut_off_is_named(tmp_path: Path) -> None:
    with pytest.raises(TestsFailed, match=r"report two\.xml is not XML"):
        read(tmp_path, one=suite(case("a")), two="<testsuite><testcase")


def test_too_much_in_all_is_refused(tmp_path: Path) -> None:
    with (tmp_path / SEVERAL).open("wb") as file:
        file.truncate(REPORT_BYTES + 1)
    with pytest.raises(TestsFailed, match="larger than 32 MiB"):
        read_reports(tmp_path)


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / SEVERAL).write_text("no archive at all")
    with pytest.raises(TestsFailed, match="the tests' reports cannot be read"):
        read_reports(tmp_path)


def test_a_single_file_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / ONE).write_text(suite(case("a")))
    assert str(read_reports(tmp_path)) == "1 tests, 0 failed"
    (tmp_path / SEVERAL).touch()
    assert read_reports(tmp_path).tests == 1
