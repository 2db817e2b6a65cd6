"""Our error for a bake or a test that failed: of which kind, with which words and lines."""

from pathlib import Path

import pytest

from spotkiln.bake.failure import bake_failure, green_report
from spotkiln.bake.failure import test_failure as failure_of_test
from spotkiln.bake.junit import TestsFailed
from spotkiln.bake.packer_output import PackerRun
from spotkiln.errors import (
    BuildFailed,
    InfrastructureError,
    SpotkilnError,
    UnitFailed,
    VerdictError,
    may_be_tried_again,
)
from tests.unit import nouns

STATUS = "Script exited with non-zero exit status: {}.Allowed exit codes are: [0]"
RED = """<testsuite><testcase name="GET /up answers"><failure message="expected 200"/></testcase>
<testcase name="fine"/></testsuite>"""
GREEN = '<testsuite><testcase name="fine"/></testsuite>'
JOURNAL = """\
2026-11-26T00:57:01+0000 ip-10-0-0 systemd[1]: Started demo-web-app-migrate.service - migration.
2026-11-26T00:57:02+0000 ip-10-0-0 demo-web-app[80]: Puma starting
2026-11-26T00:57:02+0000 ip-10-0-0 demo-web-app[80]: ArgumentError: Missing `secret_key_base` for
2026-11-26T00:57:02+0000 ip-10-0-0 systemd[1]: demo-web-app.service: Failed with result 'signal'.
"""
FACTS = """\
[units]
Id=demo-web-app-role.service
Type=oneshot
ActiveState=active
Result=success

Id=demo-web-app.service
Type=notify
ActiveState=failed
SubState=failed
Result=exit-code
ExecMainCode=1
ExecMainStatus=1
[listening]
[processes]
[answer]
url=http://10.0.0.5:3000/up
status=000
location=
trouble=Failed to connect to 10.0.0.5 port 3000
"""


# A bake.


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ([STATUS.format(10)], BuildFailed),
        ([STATUS.format(30)], UnitFailed),
        ([STATUS.format(1)], InfrastructureError),
        ([STATUS.format(2300218)], InfrastructureError),
        (["Timeout waiting for SSH."], InfrastructureError),
        (["Error launching source instance: InsufficientInstanceCapacity"], InfrastructureError),
        ([STATUS.format(1), STATUS.format(10)], BuildFailed),
        ([], InfrastructureError),
    ],
)
def test_failures_are_sorted(errors: list[str], kind: type[SpotkilnError]) -> None:
    found = bake_failure(PackerRun(exit_code=1, errors=errors, output=["one", "two"]), "shop")
    assert type(found) is kind
    assert may_be_tried_again(found) is (kind is InfrastructureError)


def test_a_bake_shows_what_the_script_said_and_not_how_packer_tidied_up() -> None:
    script = [f"line {n}" for n in range(99)]
    output = [*script, "==> amazon-ebs.app: Terminating the source AWS instance..."]
    run = PackerRun(exit_code=1, causes=[STATUS.format(10)], output=output, script=script)
    found = bake_failure(run, "shop")
    assert isinstance(found, VerdictError)
    assert found.message == "dependencies or assets could not be built"
    assert found.last_lines == "\n".join(script[-25:])
    assert str(found) == f"{found.message}\n{found.last_lines}"


def test_a_known_cause_of_a_failed_build_is_named() -> None:
    script = ["Your Ruby version is 3.1.2, but your Gemfile specified 3.3.0", "app: failed"]
    run = PackerRun(exit_code=1, causes=[STATUS.format(10)], script=script)
    assert str(bake_failure(run, "shop")).startswith(
        "dependencies or assets could not be built. Cause: the interpreter has another version "
        "than the application wants (Your Ruby version is 3.1.2, but your Gemfile specified "
        "3.3.0). Use a base image with that version (`infra.base_image`)"
    )


def test_infrastructures_failure_says_why_as_short_as_it_can() -> None:
    shown = ["Build 'x' errored after 5 minutes: Timeout waiting for SSH.", "==> Some builds ..."]
    run = PackerRun(exit_code=1, causes=["Timeout waiting for SSH."], errors=shown)
    assert str(bake_failure(run, "")) == "Packer failed (exit code 1): Timeout waiting for SSH."
    crash = PackerRun(exit_code=-9, output=["a", "b", "c", "d"])
    assert str(bake_failure(crash, "")) == "Packer failed (exit code -9): b; c; d"
    assert str(bake_failure(PackerRun(exit_code=2), "")) == "Packer failed (exit code 2): nothing"


# A test.


def failed(folder: Path, status: int | None, **files: str) -> SpotkilnError:
    """What is told when these files have come home: junit, log, journal, facts."""
    names = {"junit": "junit.xml", "log": "test.log", "journal": "journal.log", "facts": "facts"}
    for name, text in files.items():
        (folder / names[name]).write_text(text)
    causes = ["Timeout waiting for SSH."] if status is None else [STATUS.format(status)]
    run = PackerRun(exit_code=1, causes=causes, output=["==> Terminating the source AWS instance"])
    return failure_of_test(run, folder, nouns.settled(), nouns.health_check())


def test_red_tests_are_named(tmp_path: Path) -> None:
    error = failed(tmp_path, 20, junit=RED, log="the log\n")
    assert isinstance(error, TestsFailed)
    assert error.report is not None
    assert [one.name for one in error.report.failures] == ["GET /up answers"]
    assert str(error) == "1 of 2 tests failed: GET /up answers: expected 200"


@pytest.mark.parametrize("report", [None, "", GREEN, RED[:40]])
def test_without_red_tests_the_log_must_do(tmp_path: Path, report: str | None) -> None:
    """The test command failed outside of any test: a file that cannot be loaded."""
    files = {"log": "\x1b[31mthe\x1b[0m log\n\n"} | ({} if report is None else {"junit": report})
    error = failed(tmp_path, 20, **files)
    assert isinstance(error, TestsFailed)
    assert (error.message, error.last_lines) == ("the tests failed", "the log")


def test_a_known_cause_of_failed_tests_is_named(tmp_path: Path) -> None:
    error = failed(tmp_path, 20, log="ModuleNotFoundError: No module named 'pytest'\n")
    assert "its dependency pytest is not installed" in str(error)
    set_up = failed(tmp_path, 10, log="TOKEN is not set\n")
    assert isinstance(set_up, BuildFailed)
    assert str(set_up) == (
        "the test set-up command failed. Cause: the setting TOKEN is missing (TOKEN is not set). "
        "Add TOKEN to `test_environment` or the deployment's `test_configuration`, which are all "
        "that the units and the tests have on the machine that tests\nTOKEN is not set"
    )


def test_a_password_in_an_address_is_not_told(tmp_path: Path) -> None:
    log = "Looking in https://ann:hush@index.example/simple\nTOKEN is not set\n"
    error = failed(tmp_path, 10, log=log)
    assert "https://index.example/simple" in str(error)
    assert "hush" not in str(error)


def test_a_unit_that_does_not_serve_is_told_with_its_last_lines(tmp_path: Path) -> None:
    error = failed(tmp_path, 30, junit="", log="test: waited\n", journal=JOURNAL, facts=FACTS)
    assert isinstance(error, UnitFailed)
    assert error.message == (
        "the booted image does not serve: demo-web-app.service failed: its process ended with "
        "exit status 1. Cause: the setting SECRET_KEY_BASE is missing (ArgumentError: Missing "
        "`secret_key_base` for). Add SECRET_KEY_BASE to `test_environment` or the deployment's "
        "`test_configuration`, which are all that the units and the tests have on the machine that "
        "tests"
    )
    assert error.last_lines == "Puma starting\nArgumentError: Missing `secret_key_base` for"


def test_without_facts_what_the_test_said_must_do(tmp_path: Path) -> None:
    error = failed(tmp_path, 30, log="test: it does not answer\n", journal="", facts="")
    assert str(error) == (
        "the booted image does not serve: nothing was seen of it\ntest: it does not answer"
    )


def test_infrastructures_failure_stays_one(tmp_path: Path) -> None:
    assert type(failed(tmp_path, None, junit=RED)) is InfrastructureError


@pytest.mark.parametrize("code", [None, "20"])
def test_tests_that_nothing_says_have_run_are_not_green(tmp_path: Path, code: str | None) -> None:
    (tmp_path / "junit.xml").write_text(GREEN)
    if code:
        (tmp_path / "exit-code").write_text(f"{code}\n")
    with pytest.raises(InfrastructureError, match="exit code did not come home"):
        green_report(tmp_path)


def test_a_report_without_tests_has_the_end_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "exit-code").write_text("0\n")
    (tmp_path / "test.log").write_text("no tests found\n")
    with pytest.raises(TestsFailed) as caught:
        green_report(tmp_path)
    assert "left no report" in caught.value.message
    assert caught.value.last_lines == "no tests found"
    (tmp_path / "junit.xml").write_text(GREEN)
    assert green_report(tmp_path).tests == 1
