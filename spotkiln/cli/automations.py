"""Automations in Prefect as a file tells them: made, or brought up to date, by their names.

The file is that of `prefect automation create --from-file`, which makes another one each time. An
action may name a block (`block: slack-webhook/releases`) where Prefect wants its id; an automation
whose block is not there is left out.
"""

from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound
from pydantic import ValidationError

from spotkiln.cli.deployment import prefect
from spotkiln.cli.output import columns
from spotkiln.errors import InputError
from spotkiln.noun import Noun


class Done(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    LEFT_OUT = "left out"


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
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"cannot read automations from {file}: {error}") from error
    listed = found.get("automations") if isinstance(found, dict) else None
    if not listed or not all(isinstance(one, dict) and one.get("name") for one in listed):
        raise InputError(f"expected a list `automations`, each with a name, in {file}")
    return list(listed)


def missing_block(client: SyncPrefectClient, action: dict[str, Any]) -> str:
    """Put the id in the place of a block's name; the name, if there is no such block."""
    name = str(action.pop("block", ""))
    if not name:
        return ""
    kind, _, own = name.partition("/")
    try:
        found = client.read_block_document_by_name(own, kind, include_secrets=False)
    except ObjectNotFound:
        return name
    action["block_document_id"] = str(found.id)
    return ""


def _without_ids(value: Any) -> Any:
    """Prefect gives each trigger an id of its own each time."""
    if isinstance(value, dict):
        return {key: _without_ids(one) for key, one in value.items() if key != "id"}
    if isinstance(value, list):
        return [_without_ids(one) for one in value]
    return value


def _same(one: AutomationCore, other: AutomationCore) -> bool:
    fields = set(AutomationCore.model_fields)
    first, second = (x.model_dump(include=fields) for x in (one, other))
    return bool(_without_ids(first) == _without_ids(second))


def _put(client: SyncPrefectClient, wanted: AutomationCore) -> Applied:
    known = client.read_automations_by_name(wanted.name)
    # More than one: somebody created it twice, and each would act.
    for double in known[1:]:
        client.delete_automation(double.id)
    if not known:
        client.create_automation(wanted)
        return Applied(name=wanted.name, done=Done.CREATED)
    # An update would forget which runs it is waiting for.
    if _same(known[0], wanted):
        return Applied(name=wanted.name, done=Done.UNCHANGED)
    client.update_automation(known[0].id, wanted)
    return Applied(name=wanted.name, done=Done.UPDATED)


def apply(file: Path) -> list[Applied]:
    """Make Prefect's automations those of the file; others are left alone. Safe to repeat."""
    applied = []
    with prefect() as client:
        for told in read(file):
            actions = told.get("actions") or []
            missing = [name for one in actions if (name := missing_block(client, one))]
            if missing:
                why = f"no block {', '.join(missing)}: make it in Prefect (Blocks), and repeat this"
                applied.append(Applied(name=told["name"], done=Done.LEFT_OUT, why=why))
                continue
            try:
                wanted = AutomationCore.model_validate(told)
            except ValidationError as error:
                raise InputError(f"{file}: automation {told['name']!r}: {error}") from error
            applied.append(_put(client, wanted))
    return applied


def text(applied: list[Applied]) -> str:
    rows = ((one.name, one.done, one.why) for one in applied)
    return columns(["AUTOMATION", "IS", "WHY"], rows)
