"""The figures of all applications, from what their runs have left with Prefect."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from spotkiln.prefect_api import deployment, result, run_list
from spotkiln.prefect_api.connection import Api
from spotkiln.show.figures import DAYS, Deed, Figures, reckon
from spotkiln.start.deployment import RELEASE, ROLLBACK


async def _deeds(api: Api, deployments: Iterable[UUID], since: datetime) -> list[Deed]:
    """A run that was killed has left nothing; nor has one of another version of Spotkiln."""
    found = []
    for one in await run_list.ended_since(api, deployments, since):
        if left := await result.read(api, one.id):
            ended = left.served or one.created + timedelta(seconds=one.seconds)
            found.append(Deed.of(left, ended))
    return found


async def all_of(api: Api, days: int = DAYS) -> list[Figures]:
    """Of every application that has a deployment, by its deployment's name."""
    now = datetime.now(UTC)
    both = [*await deployment.listing(api, RELEASE), *await deployment.listing(api, ROLLBACK)]
    return [
        reckon(
            name,
            await _deeds(
                api, [one.id for one in both if one.short == name], now - timedelta(days=days)
            ),
            now,
            days,
        )
        for name in sorted({one.short for one in both})
    ]
