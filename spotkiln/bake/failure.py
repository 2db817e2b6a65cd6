"""Failure: our error for a bake or a test that failed, with why, and the application's last lines.

Packer answers 0 or 1 and nothing else: what failed is the exit code of our provisioning script.
"""

from pathlib import Path

from spotkiln.bake.app import App
from spotkiln.bake.diagnose import LINES_SHOWN, account, diagnose, last_lines
from spotkiln.bake.facts import COMMAND, LINES_KEPT, Facts, Where, facts_of
from spotkiln.bake.infra import TRAFFIC_PORT, HealthCheck
from spotkiln.bake.junit import TestReport, TestsFailed, require_green
from spotkiln.bake.packer_output import PackerRun
from spotkiln.bake.reports import read_reports
from spotkiln.bake.source import without_credentials
from spotkiln.errors import (
    BuildFailed,
    InfrastructureError,
    InputError,
    SpotkilnError,
    UnitFailed,
)
from spotkiln.markup import visible

# The exit codes of our provisioning scripts.
DEPENDENCIES, SETUP, TESTS, UNIT = 10, 11, 20, 30


def may_have_lost(run: PackerRun) -> bool:
    """Its machine: it failed, and no script of ours says why."""
    return run.exit_code != 0 and run.status not in (DEPENDENCIES, SETUP, TESTS, UNIT)


def bake_failure(run: PackerRun, name: str) -> SpotkilnError:
    """For packer/app.pkr.hcl; `name` is the application's."""
    said = run.script or run.output
    if run.status == DEPENDENCIES:
        text = _with_cause("dependencies or assets could not be built", name, Where.BUILDER, said)
        return BuildFailed(text, _end(said))
    if run.status == UNIT:
        return UnitFailed("systemd does not accept the application's units", _end(said))
    return packers_own(run)


def base_failure(run: PackerRun, name: str) -> SpotkilnError:
    """For packer/base.pkr.hcl; `name` is the line's."""
    said = run.script or run.output
    if run.status == DEPENDENCIES:
        text = f"the packages of the base image {name} could not be installed"
        return BuildFailed(text, _end(said))
    if run.status == SETUP:
        text = f"the set-up script of the base image {name} failed: mend its `base.setup`"
        return BuildFailed(text, _end(said))
    return packers_own(run)


def test_failure(run: PackerRun, report: Path, app: App, check: HealthCheck) -> SpotkilnError:
    """For packer/test.pkr.hcl, from what has come home to `report`."""
    said = _log(report / "test.log")
    if run.status == UNIT:
        return _does_not_serve(report, app, check, said)
    if run.status == DEPENDENCIES:
        text = _with_cause("the test set-up command failed", app.name, Where.TESTER, said)
        return BuildFailed(text, _end(said))
    if run.status == TESTS:
        return _red(report, app, said)
    return packers_own(run)


def green_report(report: Path) -> TestReport:
    """The report that came home, if its tests ran and none failed.

    Raises:
        TestsFailed: else; with the end of what the tests said, unless it names the red ones.
        InfrastructureError: nothing says that the tests have run to their end.
    """
    code = report / "exit-code"
    # Packer also exits with 0 when it has done nothing.
    if not code.is_file() or code.read_text().strip() != "0":
        raise InfrastructureError("Packer ended well but the tests' exit code did not come home")
    try:
        result = read_reports(report)
        require_green(result)
    except TestsFailed as error:
        if error.report:
            raise
        said = _log(report / "test.log")
        raise TestsFailed(error.message, last_lines=_end(said)) from error
    return result


def _does_not_serve(report: Path, app: App, check: HealthCheck, said: list[str]) -> SpotkilnError:
    facts = facts_of(
        _text(report / "facts"),
        _text(report / "journal.log"),
        app=app.name,
        where=Where.TESTER,
        folder=app.folder,
        port=app.port,
        health_port=0 if check.port == TRAFFIC_PORT else int(check.port),
        expected=check.matcher,
    )
    what = (
        "a page of the booted image does not work"
        if facts.broken
        else "the booted image does not serve"
    )
    text = f"{what}: {account(facts)}"
    return UnitFailed(text, last_lines(facts) or _end(said))


def _red(report: Path, app: App, said: list[str]) -> SpotkilnError:
    """The report's own words where there are any: the failing tests by name."""
    try:
        require_green(read_reports(report))
    except TestsFailed as error:
        if error.report:
            return error
    return TestsFailed(
        _with_cause("the tests failed", app.name, Where.TESTER, said), last_lines=_end(said)
    )


def packers_own(run: PackerRun) -> SpotkilnError:
    """For what is nobody's fault but Packer's, or that of what it needs. What would end another
    machine in the same way is not tried again."""
    kind = InputError if run.ended and run.ended.lasting else InfrastructureError
    return kind(f"Packer failed (exit code {run.exit_code}): {run.why}")


def _with_cause(text: str, name: str, where: Where, said: list[str]) -> str:
    """With the known cause that a command's own words show, if they show one."""
    lines = tuple((COMMAND, line) for line in said[-LINES_KEPT:])
    found = diagnose(Facts(app=name, where=where, lines=lines))
    return f"{text}. Cause: {found}" if found else text


def _end(said: list[str]) -> str:
    return "\n".join(said[-LINES_SHOWN:])


def _log(path: Path) -> list[str]:
    text = without_credentials(visible(_text(path)))
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""
