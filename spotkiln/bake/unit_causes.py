"""Causes that the state of a unit shows."""

import re

from spotkiln.bake.diagnosis import DETAIL_CHARACTERS, Diagnosis
from spotkiln.bake.facts import SUCCESS, Facts, Unit, Where, process_of
from spotkiln.bake.remedies import MEMORY

# Of bash and of systemd's own set-up of a process (systemd.exec(5)).
NOT_EXECUTABLE, NOT_FOUND, NO_EXEC = 126, 127, 203
SIGKILL = 9
# The units before its own that no limit of the application's is for.
NOT_ITS_OWN = tuple(f"-{part}.service" for part in ("role", "services", "config", "folders"))
# What systemd/load-balancer.sh says.
NOT_TO_BE_ASKED = re.compile(r"DescribeTargetHealth failed|tag spotkiln:target-group-arn")
_MAY_END = ". If it is done when it has ended, say `{}: on-failure`"


def app_unit(facts: Facts) -> Unit | None:
    return next((one for one in facts.units if one.name == f"{facts.app}.service"), None)


def failing_process(facts: Facts) -> str:
    """The process beside the web process that keeps it from serving; empty if none does."""
    return process_of(facts.app, facts.unit.name) if facts.unit else ""


def _key(facts: Facts, name: str) -> str:
    """As spotkiln.yaml calls a setting of what keeps it from serving."""
    process = failing_process(facts)
    return f"processes.{process}.{name}" if process else name


def out_of_memory(facts: Facts) -> Diagnosis | None:
    unit = facts.unit
    if unit is None:
        return None
    # systemd kills at its own limits, too: then the result names the limit.
    killed = unit.ending == "killed" and unit.status == SIGKILL
    if unit.result != "oom-kill" and not (killed and unit.result in {SUCCESS, "signal"}):
        return None
    return Diagnosis(
        summary="the machine has too little memory for it",
        resolution=MEMORY[facts.where],
    )


def never_told(facts: Facts) -> Diagnosis | None:
    unit = app_unit(facts)
    if not unit or unit.kind != "notify" or unit.state == "active":
        return None
    if not facts.answer.status and unit.result != "protocol":
        return None
    # One that ended by itself may have told before.
    if unit.result not in {SUCCESS, "timeout", "protocol"}:
        return None
    return Diagnosis(
        summary="it serves, but does not tell systemd that it is ready",
        resolution="Set `notify: false`, or let it tell (puma 5.1 and newer do by themselves)",
    )


def too_slow(facts: Facts) -> Diagnosis | None:
    unit = facts.unit
    # The application has no part in what these units do: they ask the metadata service for the
    # machine's role, read its settings, and make its folders.
    if unit is None or unit.name.endswith(NOT_ITS_OWN):
        return None
    starts = (unit.state, unit.sub) == ("activating", "start") and not unit.bad
    if unit.result != "timeout" and not (starts and facts.where is Where.TESTER):
        return None
    migrates = unit.name.endswith("-migrate.service")
    limit = "migrate_seconds" if migrates else _key(facts, "start_seconds")
    if failing_process(facts) and unit.kind == "notify":
        return Diagnosis(
            summary="it has not told systemd within its limit that it is ready",
            resolution=f"If it cannot tell, take `{_key(facts, 'notify')}` away; else make "
            f"`{limit}` longer than its slowest start, or find what it waits for",
        )
    return Diagnosis(
        summary=f"{'the migration' if migrates else 'its start'} takes longer than its limit",
        resolution=f"Make `{limit}` longer than the slowest one, or find what it waits for",
    )


def nobody_in_charge(facts: Facts) -> Diagnosis | None:
    """systemd/watch-processes.sh lets nothing serve then."""
    said = facts.said_by(f"{facts.app}-processes")
    if facts.unit is None or facts.unit.name != f"{facts.app}-processes.service":
        return None
    refused = next((x for x in reversed(said) if NOT_TO_BE_ASKED.search(x)), "")
    if not refused:
        return None
    return Diagnosis(
        summary="it cannot be asked which server is to run what runs on one server only",
        detail=refused[:DETAIL_CHARACTERS],
        resolution="Give the servers' role (`infra.instance_profile`) the right to "
        "elasticloadbalancing:DescribeTargetHealth, or take `once` away",
    )


def ended(facts: Facts) -> Diagnosis | None:
    unit = facts.unit if failing_process(facts) else app_unit(facts)
    if unit is None or unit.ending != "exited":
        return None
    if unit.status in {NOT_FOUND, NOT_EXECUTABLE, NO_EXEC}:
        return Diagnosis(
            summary="the start command's program is not there, or cannot be run",
            resolution=f"Name in `{_key(facts, 'start')}` one that is in the image: by its path, "
            "or through `bundle exec`, `npx`, `.venv/bin/`",
        )
    has_ended = not unit.bad and unit.state in {"inactive", "deactivating"}
    if unit.status == 0 and (has_ended or (failing_process(facts) and unit.restarts)):
        return Diagnosis(
            summary="the start command has ended, without an error",
            resolution="It must stay in the foreground until SIGTERM: take away its option for "
            "the background (--daemon, -d), and do not end with `&`"
            + (_MAY_END.format(_key(facts, "restart")) if failing_process(facts) else ""),
        )
    return None
