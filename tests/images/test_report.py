"""What comes home from a test is bounded, whatever the tests write: the script's own functions."""

import os
import re
import subprocess
import tarfile
import time
from pathlib import Path

from spotkiln.bake.junit import REPORT_BYTES
from tests.unit.nouns import ROOT

SCRIPT = ROOT / "packer" / "scripts" / "test.sh"
PARTS = SCRIPT.with_suffix("")
LOG_BYTES = 8 * 1024 * 1024


def bash(report: Path, script: str) -> str:
    """Runs `script` with the functions of test.sh, before that does anything; what it said."""
    functions, ran, _ = SCRIPT.read_text().partition("\nprepare_report\n")
    assert ran
    functions = functions.replace("/var/tmp/spotkiln-test", str(report / "copy"))
    # A machine has it from its image.
    assert 'bash /usr/local/lib/spotkiln/hide-settings "$app"' in (PARTS / "report.sh").read_text()
    hides = f'hide_settings() {{ bash {ROOT}/systemd/hide-settings.sh "$app"; }}'
    done = subprocess.run(
        ["bash", "-c", f"{functions}\n{hides}\n{script}"],
        env={
            "PATH": os.environ["PATH"],
            "SPOTKILN_PARTS": str(PARTS),
            "SPOTKILN_APP": "demo",
            "SPOTKILN_USER": "demo",
            "SPOTKILN_REPORT": str(report),
            "SPOTKILN_PROCESSES": "",
            "SPOTKILN_TEST_SERVICES": "",
            "SPOTKILN_SETTINGS": str(report / "settings"),
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def fill(report: Path, *, junit: int, log: int) -> None:
    (report / "junit").mkdir()
    (report / "junit" / "junit.xml").write_bytes(b"x" * junit)
    (report / "test.log").write_bytes(b"x" * log + b"the end\n")


def test_both_sides_mean_the_same_size() -> None:
    found = re.search(r"REPORT_BYTES=\$\(\(([\d *]+)\)\)", (PARTS / "report.sh").read_text())
    assert found
    product = 1
    for factor in found[1].split("*"):
        product *= int(factor)
    assert product == REPORT_BYTES


def test_what_is_small_comes_home_as_it_is(tmp_path: Path) -> None:
    fill(tmp_path, junit=1000, log=2000)
    bash(tmp_path, "bring_home 20")
    assert (tmp_path / "junit.xml").read_bytes() == b"x" * 1000
    assert (tmp_path / "test.log").read_bytes() == b"x" * 2000 + b"the end\n"
    assert (tmp_path / "exit-code").read_text() == "20\n"
    assert (tmp_path / "journal.log").exists()


def test_what_is_large_is_cut(tmp_path: Path) -> None:
    fill(tmp_path, junit=REPORT_BYTES + 5000, log=LOG_BYTES + 5000)
    bash(tmp_path, "bring_home 0")
    # A byte too many: it is refused as too large, and not as broken.
    assert (tmp_path / "junit.xml").stat().st_size == REPORT_BYTES + 1
    assert (tmp_path / "test.log").stat().st_size == LOG_BYTES
    assert (tmp_path / "test.log").read_bytes().endswith(b"xthe end\n")
    assert not (tmp_path / "test.log.end").exists()


def test_several_reports_come_home_together(tmp_path: Path) -> None:
    """A runner may make a folder of $JUNIT, or files beside it."""
    fill(tmp_path, junit=10, log=0)
    (tmp_path / "junit" / "more.xml").mkdir()
    (tmp_path / "junit" / "more.xml" / "a b.xml").write_text("<testsuite/>")
    (tmp_path / "junit" / "output.txt").write_text("no report")
    (tmp_path / "junit" / "link.xml").symlink_to("/etc/shadow")
    bash(tmp_path, "bring_home 0")
    assert (tmp_path / "junit.xml").read_bytes() == b""
    with tarfile.open(tmp_path / "junit.tar") as found:
        assert found.getnames() == ["junit.xml", "more.xml/a b.xml"]


def test_a_folder_with_one_report_is_that_report(tmp_path: Path) -> None:
    (tmp_path / "junit" / "junit.xml").mkdir(parents=True)
    (tmp_path / "junit" / "junit.xml" / "TEST-all.xml").write_text("<testsuite/>")
    (tmp_path / "test.log").touch()
    bash(tmp_path, "bring_home 0")
    assert (tmp_path / "junit.xml").read_text() == "<testsuite/>"
    assert (tmp_path / "junit.tar").read_bytes() == b""


def test_several_that_are_too_large_together_are_cut(tmp_path: Path) -> None:
    fill(tmp_path, junit=REPORT_BYTES, log=0)
    (tmp_path / "junit" / "more.xml").write_bytes(b"x" * REPORT_BYTES)
    bash(tmp_path, "bring_home 0")
    assert (tmp_path / "junit.xml").stat().st_size == REPORT_BYTES + 1
    assert (tmp_path / "junit.tar").stat().st_size == 0
    assert (tmp_path / "exit-code").read_text() == "0\n"


def test_a_report_without_a_byte_hides_nothing_else(tmp_path: Path) -> None:
    """A runner that writes its report to standard output leaves such a file when it breaks off."""
    fill(tmp_path, junit=0, log=2000)
    bash(tmp_path, "bring_home 20")
    assert (tmp_path / "junit.xml").read_bytes() == b""
    assert (tmp_path / "exit-code").read_text() == "20\n"
    assert not (tmp_path / "junit").exists()


def test_tests_that_flood_are_heard_at_first_and_run_on(tmp_path: Path) -> None:
    said = bash(
        tmp_path,
        f'{{ head --bytes={LOG_BYTES + 3_000_000} /dev/zero | tr "\\0" y; touch "$report/ended"; }}'
        " | beginning",
    )
    assert (tmp_path / "ended").exists()
    assert said.startswith("y" * 100)
    assert said[LOG_BYTES:] == (
        f"\ntest: the tests have said more than {LOG_BYTES} bytes; the rest is not shown\n"
    )
    assert bash(tmp_path, "echo short | beginning") == "short\n"


def test_what_the_tests_leave_running_is_not_waited_for(tmp_path: Path) -> None:
    """A browser or a database that a test started, and that still has the test's output open."""
    start = time.monotonic()
    said = bash(
        tmp_path,
        'prepare() { echo one; (trap "" HUP; sleep 40) & echo two >&2; false; echo never; }\n'
        '>"$report/test.log"; shown prepare; echo "code $code"',
    )
    assert said == "one\ntwo\ncode 1\n"
    assert (tmp_path / "test.log").read_text() == "one\ntwo\n"
    assert time.monotonic() - start < 20


def test_a_limit_that_ends_the_tests_is_told(tmp_path: Path) -> None:
    """Their own last lines do not tell it."""
    stand_in = """
        SPOTKILN_ENVIRONMENT_BASE64="" SPOTKILN_SETUP_BASE64=""
        SPOTKILN_TEST_BASE64=$(base64 <<<test)
        install() { mkdir --parents "$copy"; }
        cp() { :; }
        in_copy() { [[ -z $1 ]] || { sleep "$pause"; false; }; }
    """
    run = 'run_tests || echo "code $?"'
    failed = "test: the tests failed\ncode 20\n"
    assert bash(tmp_path, f"{stand_in}\nSPOTKILN_TEST_SECONDS=60 pause=0\n{run}") == failed
    assert bash(tmp_path, f"{stand_in}\nSPOTKILN_TEST_SECONDS=1 pause=1.2\n{run}") == (
        f"test: the limit of 1 s (test_seconds) has ended them\n{failed}"
    )


def test_what_the_settings_hold_stays_on_the_machine(tmp_path: Path) -> None:
    """Whatever says it: the application, its tests, or their report."""
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "TOKEN").write_text('s3cr3t<"&')
    for name in ("one.xml", "two.xml"):
        (tmp_path / "junit").mkdir(exist_ok=True)
        (tmp_path / "junit" / name).write_text("<failure>got s3cr3t&lt;&quot;&amp;</failure>")
    (tmp_path / "facts").write_text('location=/?token=s3cr3t<"&')
    speak = """say() { echo 'it is s3cr3t<"&'; }"""
    said = bash(tmp_path, f'{speak}\n>"$report/test.log"; shown say; bring_home "$code"')
    assert said == "it is [TOKEN]\n"
    assert (tmp_path / "test.log").read_text() == "it is [TOKEN]\n"
    with tarfile.open(tmp_path / "junit.tar") as found:
        texts = [file.read() for one in found if (file := found.extractfile(one))]
    assert texts == [b"<failure>got [TOKEN]</failure>"] * 2
    assert (tmp_path / "facts").read_text() == "location=/?token=[TOKEN]"


def test_no_rest_of_a_value_is_left_where_a_log_is_cut(tmp_path: Path) -> None:
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "KEY").write_text("hunter2hunter2")
    fill(tmp_path, junit=10, log=0)
    (tmp_path / "test.log").write_text("hunter2hunter2" + "x" * (LOG_BYTES - 7) + "y")
    bash(tmp_path, "bring_home 0")
    assert (tmp_path / "test.log").read_text() == "[KEY]" + "x" * (LOG_BYTES - 7) + "y"
