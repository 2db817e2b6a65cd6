"""Automations in Prefect as a file tells them: made, or brought up to date, by their names.

The file is that of `prefect automation create --from-file`, which makes another one each time. An
action may name a block (`block: slack-webhook/releases`) where Prefect wants its id; an automation
whose block is not there is left out.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from rich.table import Table

from spotkiln.cli.output import columns
from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.prefect_api import automation
from spotkiln.prefect_api.automation import Done
from spotkiln.prefect_api.connection import Api, Connection, connected


class Applied(Noun):
    """What became of one automation; `why` it was left out, and what to do."""

    name: str
    done: Done
    why: str = ""


def read(file: Path) -> list[dict[str, Any]]:
    """The automations of a file.

    Raises:
        InputError: no such file, or not what it should hold.
    """
    try:
        found = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"cannot read automations from {file}: {error}") from error
    listed = found.get("automations") if isinstance(found, dict) else None
    if not listed or not all(isinstance(one, dict) and one.get("name") for one in listed):
        raise InputError(f"expected a list `automations`, each with a name, in {file}")
    for one in listed:
        actions = one.get("actions")
        if actions and not (
            isinstance(actions, list) and all(isinstance(x, dict) for x in actions)
        ):
            raise InputError(
                f"{file}: automation {one['name']!r}: expected `actions` as a list, each with its "
                "type"
            )
    return list(listed)


def missing_block(prefect: Connection, action: dict[str, Any]) -> str:
    """Put the id in the place of a block's name; the name, if there is no such block."""
    name = str(action.pop("block", ""))
    if not name:
        return ""
    found = prefect.ask(automation.block_id, name)
    if found is None:
        return name
    action["block_document_id"] = found
    return ""


def apply(file: Path) -> list[Applied]:
    """Make Prefect's automations those of the file; others are left alone. Safe to repeat."""
    return _each(file, automation.put)


def look(file: Path) -> list[Applied]:
    """What `apply` would do. Changes nothing."""
    return _each(file, automation.would_put)


def _each(file: Path, act: Callable[[Api, dict[str, Any]], Awaitable[Done]]) -> list[Applied]:
    applied, listed = [], read(file)
    with connected() as prefect:
        for told in listed:
            name = told["name"]
            missing = [x for one in told.get("actions") or [] if (x := missing_block(prefect, one))]
            if missing:
                why = f"no block {', '.join(missing)}: make it in Prefect (Blocks), and repeat this"
                applied.append(Applied(name=name, done=Done.LEFT_OUT, why=why))
                continue
            try:
                done = prefect.ask(act, told)
            except ValidationError as error:
                raise InputError(f"{file}: automation {name!r}: {error}") from error
            applied.append(Applied(name=name, done=done))
    return applied


def table(applied: list[Applied]) -> Table:
    rows = ((one.name, one.done, one.why) for one in applied)
    return columns(["AUTOMATION", "IS", "WHY"], rows)
