"""Automations in Prefect: made, or brought up to date, by their names."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from prefect.events.actions import ActionTypes
from prefect.events.schemas.automations import Automation, AutomationCore
from pydantic import TypeAdapter

from spotkiln.errors import NotInPrefect
from spotkiln.prefect_api.connection import Api


class Done(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    LEFT_OUT = "left out"


async def block_id(api: Api, name: str) -> str | None:
    """The id of a block that is named by its type and its own name, such as
    `slack-webhook/releases`; None if there is no such block."""
    kind, _, own = name.partition("/")
    try:
        found = await api.ask(
            f"find the block {name}",
            lambda client: client.read_block_document_by_name(own, kind, include_secrets=False),
        )
    except NotInPrefect:
        return None
    return str(found.id)


def _without_ids(value: Any) -> Any:
    """Prefect gives each trigger an id of its own each time."""
    if isinstance(value, dict):
        return {key: _without_ids(one) for key, one in value.items() if key != "id"}
    if isinstance(value, list):
        return [_without_ids(one) for one in value]
    return value


def same(one: AutomationCore, other: AutomationCore) -> bool:
    """Whether they would do the same. Their ids do not count."""
    fields = set(AutomationCore.model_fields)
    first, second = (x.model_dump(include=fields) for x in (one, other))
    return bool(_without_ids(first) == _without_ids(second))


_ACTIONS = TypeAdapter(list[ActionTypes])


def _wanted(told: dict[str, Any]) -> AutomationCore:
    """What somebody wrote. From 3.9 on Prefect keeps an action of a kind that it has not, for
    whoever has it: of a misspelt one only the server would tell."""
    wanted = AutomationCore.model_validate(told)
    for when in ("actions", "actions_on_trigger", "actions_on_resolve"):
        _ACTIONS.validate_python(told.get(when) or [])
    return wanted


async def _known(api: Api, name: str) -> list[Automation]:
    return await api.ask(
        f"read the automation {name}", lambda client: client.read_automations_by_name(name)
    )


async def would_put(api: Api, told: dict[str, Any]) -> Done:
    """What `put` would do; nothing is changed.

    Raises:
        pydantic.ValidationError: Prefect has no such automation.
    """
    wanted = _wanted(told)
    known = await _known(api, wanted.name)
    if not known:
        return Done.CREATED
    return Done.UNCHANGED if len(known) == 1 and same(known[0], wanted) else Done.UPDATED


async def put(api: Api, told: dict[str, Any]) -> Done:
    """Make Prefect's automation of that name what `told` says.

    Raises:
        pydantic.ValidationError: Prefect has no such automation.
    """
    wanted = _wanted(told)
    known = await _known(api, wanted.name)
    # More than one: somebody created it twice, and each would act.
    for double in known[1:]:
        await _delete(api, wanted.name, double.id)
    if not known:
        await api.ask(
            f"create the automation {wanted.name}",
            lambda client: client.create_automation(wanted),
        )
        return Done.CREATED
    # An update would forget which runs it is waiting for.
    if same(known[0], wanted):
        return Done.UNCHANGED
    await _update(api, known[0], wanted)
    return Done.UPDATED


async def change(api: Api, changed: Callable[[dict[str, Any]], dict[str, Any] | None]) -> list[str]:
    """Make each automation what `changed` says of it; None: it is deleted. The names of those that
    are no longer what they were."""
    found = await api.pages(
        "list the automations",
        lambda client, limit, offset: client.read_automations(limit=limit, offset=offset),
    )
    names = []
    for one in found:
        told = one.model_dump(include=set(AutomationCore.model_fields), mode="json")
        wanted = changed(told)
        if wanted == told:
            continue
        names.append(one.name)
        if wanted is None:
            await _delete(api, one.name, one.id)
        else:
            await _update(api, one, AutomationCore.model_validate(wanted))
    return names


async def _update(api: Api, one: Automation, wanted: AutomationCore) -> None:
    await api.ask(
        f"update the automation {one.name}",
        lambda client: client.update_automation(one.id, wanted),
    )


async def _delete(api: Api, name: str, ident: Any) -> None:
    await api.ask(
        f"delete one of the automations {name}", lambda client: client.delete_automation(ident)
    )
