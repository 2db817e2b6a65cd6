"""Secret blocks in Prefect."""

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


async def load(name: str) -> str:
    """The same, on a connection of its own."""
    async with connect() as api:
        return await read(api, name)
