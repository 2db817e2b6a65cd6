"""What the receiver tells Prefect of itself: how it is set up, for `spotkiln doctor`, and what
the people of a deployment should hear of, as events. Neither is ever in the way of a push."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import uuid4

from spotkiln.errors import SpotkilnError
from spotkiln.prefect_api import event, variable
from spotkiln.prefect_api.connection import Api, connect
from spotkiln.start.hooks import NOT_STARTED, VARIABLE, Hooks
from spotkiln.start.push import Concern, Push

AGAIN_SECONDS = 30.0
log = logging.getLogger("spotkiln.receiver")


async def publish(hooks: Hooks) -> None:
    """Until Prefect has it."""
    value = hooks.model_dump(mode="json")
    while True:
        try:
            async with connect() as api:
                await variable.write(api, VARIABLE, value)
        except SpotkilnError as error:
            log.info("Prefect does not know yet how this receiver is set up: %s", error)
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            return


def event_of(push: Push, concern: Concern) -> dict[str, object]:
    return {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": NOT_STARTED,
        "resource": {
            "prefect.resource.id": f"spotkiln.repository.{push.repositories[0]}",
            "prefect.resource.name": push.repositories[0],
        },
        "related": [
            {
                "prefect.resource.id": f"prefect.deployment.{concern.deployment}",
                "prefect.resource.role": "deployment",
                "prefect.resource.name": concern.name,
            }
        ],
        "payload": {
            "ref": push.ref,
            "commit": push.commit,
            "repository": concern.repository,
            "reason": concern.reason,
        },
    }


async def tell(api: Api, push: Push, concerns: Iterable[Concern]) -> None:
    for one in concerns:
        log.warning("%s", one.reason)
    events = [event_of(push, one) for one in concerns]
    if not events:
        return
    try:
        await event.send(api, events)
    except SpotkilnError as error:
        log.warning("Prefect took no event of it: %s", error)
