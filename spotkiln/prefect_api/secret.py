"""Secret blocks in Prefect."""

from spotkiln.errors import InputError
from spotkiln.prefect_api.connection import Api, connect


async def read(api: Api, name: str) -> str:
    """The value of a Secret block.

    Raises:
        NotInPrefect: there is no such block.
    """
    found = await api.ask(
        f"read the secret block {name}",
        lambda client: client.read_block_document_by_name(name, "secret"),
    )
    return str(found.data.get("value") or "").strip()


async def require(api: Api, name: str) -> str:
    """The same; one without a value is as good as none.

    Raises:
        InputError: it is empty.
        NotInPrefect: there is no such block.
    """
    value = await read(api, name)
    if not value:
        raise InputError(f"the Secret block {name} is empty: fill it in Prefect")
    return value


async def load(name: str) -> str:
    """What `read` tells, on a connection of its own."""
    async with connect() as api:
        return await read(api, name)
