"""Beside: what an application runs beside its web process, as its Procfile tells."""

import re
from collections.abc import Mapping

from spotkiln.bake.detect.detected import Finding
from spotkiln.bake.processes import Process, why_no_name
from spotkiln.bake.shell import why_not_one_command

# The web process itself, and what runs once for a release.
OTHERS = {"web", "release"}
# What would do its work twice on two servers.
ON_ONE_SERVER = re.compile(r"^(clock|scheduler|beat|cron)$|\bcelery\b.*\sbeat\b|\bclockwork\b")


def runs_on_one_server(name: str, command: str) -> bool:
    return bool(ON_ONE_SERVER.search(name) or ON_ONE_SERVER.search(command))


def _name(line: str) -> str:
    return line.lower().replace("_", "-")


def _why_not(name: str, command: str) -> str:
    if why := why_no_name(_name(name)):
        return why
    why = why_not_one_command(command)
    return f"it is no single command, {why}" if why else ""


def by_procfile(said: Mapping[str, str]) -> Finding | None:
    """Its other lines, as processes. What cannot be one is told in the reason."""
    found, left, one_server = {}, [], []
    for line, command in said.items():
        if line in OTHERS:
            continue
        if why := _why_not(line, command):
            left.append(f"{line} is left out: {why}")
            continue
        once = runs_on_one_server(_name(line), command)
        one_server += [_name(line)] if once else []
        process = {"start": command, **({"once": True} if once else {})}
        found[_name(line)] = Process.model_validate(process)
    if not found and not left:
        return None
    parts = [f"Procfile has {', '.join(found)}"] if found else ["Procfile"]
    if one_server:
        parts.append(f"{', '.join(one_server)} is for one server only, by its name or command")
    return Finding(key="processes", value=found, why="; ".join([*parts, *left]))
