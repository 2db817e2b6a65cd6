"""How the command of a run ended, kept with the run."""

from spotkiln.prefect_api import note
from spotkiln.prefect_api.connection import Api
from spotkiln.release.command import CommandEnd

KEY = "command"


async def write(api: Api, run: str, ended: CommandEnd) -> None:
    await note.write(api, run, KEY, ended.model_dump_json())


async def read(api: Api, run: str) -> CommandEnd | None:
    """None if the run left none: it was ended before its command was."""
    text = await note.read(api, run, KEY)
    return CommandEnd.parse(text) if text is not None else None
