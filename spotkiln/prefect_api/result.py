"""How the release of a run ended, kept with the run."""

from spotkiln.prefect_api import note
from spotkiln.prefect_api.connection import Api
from spotkiln.release.result import Result

KEY = "release"


async def write(api: Api, run: str, result: Result) -> None:
    await note.write(api, run, KEY, result.model_dump_json())


async def read(api: Api, run: str) -> Result | None:
    """None if the run left none, or one that another version of Spotkiln wrote and this one cannot
    read."""
    text = await note.read(api, run, KEY)
    return Result.parse(text) if text is not None else None
