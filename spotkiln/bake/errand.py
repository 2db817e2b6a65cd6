"""Errand: one command of an application on a machine of its own: the migration, or what a person
asks for. The machine has the servers' rights, networks and configuration, and serves nothing."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from spotkiln.bake.app import App
from spotkiln.bake.builder import BOOT_SECONDS, Builder, Machine
from spotkiln.bake.diagnose import LINES_SHOWN, diagnose
from spotkiln.bake.facts import COMMAND, LINES_KEPT, SUCCESS, Facts, Unit, Where, facts_of
from spotkiln.bake.packer_output import SCRIPT
from spotkiln.bake.source import without_credentials
from spotkiln.errors import GateFailed, MigrationFailed, UnitFailed
from spotkiln.markup import visible
from spotkiln.noun import Noun

# What packer/scripts/task.sh prints before and after the command's own output.
BEGINS, HAS_ENDED = "task: it begins", "task: it has ended"
# As a shell tells them: a limit that was reached, and a signal.
TIMED_OUT, SIGNAL = 124, 128


class Errand(Noun):
    """`owner` is the id that owns what is made, a release's or a run's, and `tags` are what that
    carries, the machine its role among them. `script` is the command, in bash. `groups` are ids of
    the servers' security groups, `profile` the name of their instance profile, empty for none.
    `login` is whom the image lets in. `configuration` are the lines that tell servers where their
    settings are, and what is mounted.
    """

    owner: str
    app: str
    image: str
    login: str
    script: str
    seconds: int
    tags: dict[str, str]
    builder: Builder
    region: str
    vpc: str
    subnets: tuple[str, ...]
    groups: tuple[str, ...]
    profile: str = ""
    configuration: str = ""
    folder: Path

    @property
    def timeout_seconds(self) -> int:
        """For all of it, from the launch to the end of the machine."""
        return self.seconds + BOOT_SECONDS


class Ended(Noun):
    """How the command ended: `code` as a shell tells it. `last_lines` are its own."""

    code: int
    why: str = ""
    last_lines: str = ""


def profile_name(arn: str) -> str:
    """Of an instance profile's ARN, whose name may stand behind a path; empty for none."""
    return arn.rpartition("/")[2]


def script_of(arguments: Sequence[str]) -> str:
    """A line of bash that becomes this very program with these very arguments."""
    return f"exec {shlex.join(arguments)}\n"


def trial_script(command: str, url: str) -> str:
    """The application's own trial of new servers that answer there."""
    return f"export URL={shlex.quote(url)}\n{command}\n"


def errand_variables(
    machine: Machine, errand: Errand, command: Path, report: Path
) -> dict[str, Any]:
    """Variables of packer/task.pkr.hcl. `command` is the file with the script, `report` the folder
    that the report comes home to."""
    common = machine.variables
    for name in ("security_group_id", "ssh_source_cidrs", "spot_types"):
        del common[name]
    return {
        **common,
        "security_group_ids": [machine.access.security_group, *errand.groups],
        "iam_instance_profile": errand.profile,
        "source_ami": errand.image,
        "run_tags": errand.tags,
        "app_name": errand.app,
        "configuration": errand.configuration,
        "command_file": str(command),
        "seconds": errand.seconds,
        "report_dir": str(report),
    }


class Listener:
    """Hears what Packer says, and passes it on: the command's own lines to `own`, others to
    `others`."""

    def __init__(self, own: Callable[[str], None], others: Callable[[str], None]) -> None:
        self._tell_own, self._tell_others = own, others
        self._own = False
        self.begun = False

    def hear(self, text: str) -> None:
        found = SCRIPT.match(text)
        line = found[1] if found else text
        if found and line == HAS_ENDED:
            self._own = False
        elif found and self._own:
            self._tell_own(line)
        elif found and line == BEGINS:
            self._own = self.begun = True
        else:
            self._tell_others(text)


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""


def _said(report: Path) -> list[str]:
    text = without_credentials(visible(_text(report / "output")))
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def read_end(report: Path, errand: Errand) -> Ended | None:
    """From what has come home; None if that says nothing of the command's end.

    Raises:
        UnitFailed: the machine could not be prepared: a unit failed before the command's.
    """
    facts = facts_of(
        _text(report / "facts"),
        _text(report / "journal.log"),
        app=errand.app,
        where=Where.TASK,
        port=0,
        expected="",
    )
    unit = next((one for one in facts.units if one.name == f"{errand.app}-task.service"), None)
    if unit and (unit.ending or unit.bad):
        return _ended(unit, _said(report), errand)
    if failed := next((one for one in facts.units if one.bad), None):
        raise UnitFailed(_with_cause(f"nothing was carried out: {failed}", facts), _last(facts))
    return None


def _ended(unit: Unit, said: list[str], errand: Errand) -> Ended:
    lines = tuple((COMMAND, line) for line in said[-LINES_KEPT:])
    facts = Facts(app=errand.app, where=Where.TASK, units=(unit,), lines=lines)
    last = "\n".join(said[-LINES_SHOWN:])
    if unit.result == "timeout":
        why = f"it took longer than its limit of {errand.seconds} s, and was ended"
        return Ended(code=TIMED_OUT, why=why, last_lines=last)
    if unit.result == SUCCESS and unit.ending == "exited" and unit.status == 0:
        return Ended(code=0, last_lines=last)
    if unit.ending == "exited":
        why = _with_cause(f"it ended with exit status {unit.status}", facts)
        return Ended(code=unit.status or 1, why=why, last_lines=last)
    if unit.ending:
        why = _with_cause(f"signal {unit.status} ended it", facts)
        return Ended(code=SIGNAL + unit.status, why=why, last_lines=last)
    return Ended(code=1, why=_with_cause(str(unit), facts), last_lines=last)


def _with_cause(text: str, facts: Facts) -> str:
    found = diagnose(facts)
    return f"{text}. Cause: {found}" if found else text


def _last(facts: Facts) -> str:
    return "\n".join(text for _, text in facts.lines[-LINES_SHOWN:])


def require_smoke_passed(ended: Ended, command: str) -> None:
    """
    Raises:
        GateFailed: it did not end well.
    """
    if ended.code:
        limit = " (`traffic.smoke_seconds`)" if ended.code == TIMED_OUT else ""
        raise GateFailed(
            f"the smoke test did not end well: {ended.why}{limit}. No request was given to the new "
            f"servers. It ran once, as `{command}`",
            cause="smoke",
            last_lines=ended.last_lines,
        )


def require_check_passed(ended: Ended, command: str) -> None:
    """
    Raises:
        GateFailed: it did not end well.
    """
    if ended.code:
        limit = " (`traffic.check_seconds`)" if ended.code == TIMED_OUT else ""
        raise GateFailed(
            f"the check did not end well: {ended.why}{limit}, as `{command}`",
            cause="check",
            last_lines=ended.last_lines,
        )


def require_migrated(ended: Ended, app: App) -> None:
    """
    Raises:
        MigrationFailed: it did not end well.
    """
    if ended.code == 0:
        return
    limit = " (`migrate_seconds`)" if ended.code == TIMED_OUT else ""
    raise MigrationFailed(
        f"the migration did not end well: {ended.why}{limit}. Nothing was launched, and what "
        f"serves was left alone. It ran once, as `{app.migrate}`; mend what it names, and release "
        "again",
        ended.last_lines,
    )
