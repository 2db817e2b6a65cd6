"""Events in Prefect: sent with all that they hold, and read back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from prefect.events.filters import (
    EventFilter,
    EventNameFilter,
    EventOccurredFilter,
    EventRelatedFilter,
)

from spotkiln.noun import Noun
from spotkiln.prefect_api.connection import Api

MOST = 20


class Happened(Noun):
    """An event: when, to what (the resource's name), and what was told of it. Times are UTC."""

    occurred: datetime
    resource: str
    payload: dict[str, Any]


async def send(api: Api, events: Sequence[dict[str, object]]) -> None:
    """Events as Prefect's API takes them. One whose id is known already is dropped."""
    await api.ask(
        "take events", lambda client: client.request("POST", "/events", json=list(events))
    )


async def about(api: Api, name: str, *, related: str, since: datetime) -> list[Happened]:
    """The latest events of that name that name this resource as related."""
    wanted = EventFilter(
        event=EventNameFilter(name=[name]),
        related=EventRelatedFilter(id=[related]),
        occurred=EventOccurredFilter(since=since),
    )
    page = await api.ask(
        f"read events {name}", lambda client: client.read_events(wanted, limit=MOST)
    )
    return [
        Happened(occurred=x.occurred, resource=x.resource.name or "", payload=x.payload)
        for x in page.events
    ]
