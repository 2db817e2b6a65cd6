"""How a nightly run ended, kept with the run."""

from spotkiln.prefect_api import note
from spotkiln.prefect_api.connection import Api
from spotkiln.start.night import NightResult

KEY = "night"


async def write(api: Api, run: str, result: NightResult) -> None:
    await note.write(api, run, KEY, result.model_dump_json())


async def read(api: Api, run: str) -> NightResult | None:
    """None if the run left none, or one that this version of Spotkiln cannot read."""
    text = await note.read(api, run, KEY)
    return NightResult.parse(text) if text is not None else None
