"""What the receiver tells Prefect: how it is set up, for `spotkiln doctor`; and, as events, why a
push did not start a deployment that it may have been meant for. If Prefect cannot be told, the push
is handed over all the same."""

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
    """Tell Prefect how this receiver is set up. Tries again until Prefect has it."""
    value = hooks.model_dump(mode="json")
    while True:
        try:
            async with connect() as api:
                await variable.write(api, VARIABLE, value)
        except SpotkilnError as error:
            log.info("Prefect does not know yet how this receiver is set up: %s", error)
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            log.info("Prefect knows how this receiver is set up")
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
    """Log the concerns, and send each as an event of its deployment."""
    for one in concerns:
        log.warning("%s", one.reason)
    events = [event_of(push, one) for one in concerns]
    if not events:
        return
    try:
        await event.send(api, events)
    except SpotkilnError as error:
        log.warning("Prefect took no event of it: %s", error)
