"""Variables in Prefect: small values that people, the receiver and flows share."""

from datetime import datetime
from typing import Any

from prefect.client.schemas.actions import VariableCreate, VariableUpdate

from spotkiln.noun import Noun
from spotkiln.prefect_api.connection import Api


class Variable(Noun):
    """`updated` is when it was written last, in UTC, if Prefect says."""

    value: Any
    updated: datetime | None = None


async def read(api: Api, name: str) -> Variable | None:
    """None if nobody has made it."""
    found = await api.ask(
        f"read the variable {name}", lambda client: client.read_variable_by_name(name)
    )
    return Variable(value=found.value, updated=found.updated) if found else None


async def write(api: Api, name: str, value: Any) -> None:
    """Make it, or give it another value."""
    if await read(api, name):
        update = VariableUpdate(name=name, value=value, tags=[])
        await api.ask(f"write the variable {name}", lambda client: client.update_variable(update))
        return
    new = VariableCreate(name=name, value=value, tags=[])
    await api.ask(f"make the variable {name}", lambda client: client.create_variable(new))
