"""Files that templates download: the report of tests, the list of packages. Nothing was run for
them."""

from pathlib import Path
from typing import Any

DEPENDENCIES, TESTS, UNIT = 10, 20, 30

# What a machine has, unless the rules say something else.
PACKAGES = ("ruby=1:3.1", "stand-in=1")
_EXAMPLES = ("Note is valid with a text", "Notes page shows its revision", "Health check answers")


def write(folder: Path, properties: dict[str, Any]) -> int:
    """Write junit.xml, test.log, journal.log, packages and exit-code, as packer/scripts/test.sh
    does. Returns the exit code.

    `tests` is "green" (the default), "red" or "dependencies". `unit` is "failed" if the
    application does not answer in the booted image.
    """
    tests, unit = properties.get("tests", "green"), properties.get("unit", "ok")
    log = ["[stand-in] nothing was run: this machine is simulated"]
    code, junit = 0, ""
    if unit == "failed":
        code = UNIT
        log.append("[stand-in] .sandbox.json says that the unit does not answer")
    elif tests == "dependencies":
        code = DEPENDENCIES
        log.append("[stand-in] .sandbox.json says that the tests' dependencies are missing")
    else:
        code = TESTS if tests == "red" else 0
        junit = _junit(failing=tests == "red")
        log.append(f"[stand-in] .sandbox.json says that the tests are {tests}")
        log += [f"  {name}" for name in _EXAMPLES]
    (folder / "junit.xml").write_text(junit)
    (folder / "test.log").write_text("\n".join(log) + "\n")
    (folder / "journal.log").write_text("[stand-in] no journal: this machine is simulated\n")
    (folder / "packages").write_text(_machine_packages(properties))
    (folder / "exit-code").write_text(f"{code}\n")
    return code


def _machine_packages(properties: dict[str, Any]) -> str:
    """Each package is one of Debian 12's, and its own source."""
    rows = ["os\tdebian\t12\tbookworm"]
    for one in properties.get("packages", PACKAGES):
        name, _, version = one.partition("=")
        if " " in name:  # an interpreter, or a gem
            continue
        rows.append(f"deb\t{name}\t{version}\tamd64\t{name}\t{version}")
    return "".join(f"{row}\n" for row in rows)


def task_output(properties: dict[str, Any], command: Path) -> list[str]:
    """What a command says on a machine that is for it alone: `task_output` (lines), else itself."""
    said = [str(one) for one in properties.get("task_output", [])]
    return said or [f"[stand-in] {command.read_text().strip()}"]


def write_task(folder: Path, properties: dict[str, Any], output: list[str], app: str) -> None:
    """Write output, journal.log and facts, as packer/scripts/task.sh does. `task_status` is the
    command's exit status, 0 unless it is given."""
    status = int(properties.get("task_status", 0))
    ended = "failed\nSubState=failed\nResult=exit-code" if status else "active\nResult=success"
    (folder / "output").write_text("".join(f"{line}\n" for line in output))
    (folder / "journal.log").write_text("[stand-in] no journal: this machine is simulated\n")
    (folder / "facts").write_text(
        f"[units]\nId={app}-role.service\nActiveState=active\nResult=success\n\n"
        f"Id={app}-task.service\nType=oneshot\nActiveState={ended}\n"
        f"ExecMainCode=1\nExecMainStatus={status}\n"
    )


def write_packages(file: Path, properties: dict[str, Any]) -> None:
    """Write the list that packer/scripts/base.sh makes. `packages` is a list of `name=version`.
    It comes from the rules for the source image, so that a test can change it between two bakes."""
    packages = properties.get("packages", PACKAGES)
    file.write_text("".join(f"{one}\n" for one in packages))


def _junit(*, failing: bool) -> str:
    cases = []
    for number, name in enumerate(_EXAMPLES):
        body = ""
        if failing and number == 0:
            body = (
                '<failure message="expected it not to be valid" '
                'type="RSpec::Expectations::ExpectationNotMetError">'
                "[stand-in] spec/models/note_spec.rb:5: expected it not to be valid</failure>"
            )
        cases.append(
            f'  <testcase classname="spec.models.note_spec" name="{name}" '
            f'file="./spec/models/note_spec.rb" time="0.010000">{body}</testcase>'
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuite name="rspec (stand-in)" tests="{len(cases)}" skipped="0" '
        f'failures="{int(failing)}" errors="0" time="0.030000">\n'
        + "\n".join(cases)
        + "\n</testsuite>\n"
    )
