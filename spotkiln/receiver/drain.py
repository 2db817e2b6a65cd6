"""Empties the spool: hands the deliveries that wait to Prefect, and tries again until it
answers."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import islice

from spotkiln.errors import InfrastructureError, PrefectAway
from spotkiln.poll import Backoff
from spotkiln.receiver.spool import Delivery, Handled, Spool
from spotkiln.start.push import Push

BACKOFF = Backoff(first=1.0, factor=2.0, maximum=30.0)
# While Prefect is away: it may be back at any moment, and all deliveries wait for it.
AWAY = Backoff(first=0.5, factor=1.5, maximum=10.0)
IDLE_SECONDS = 60.0
HandOver = Callable[[Push, list[Push]], Awaitable[Handled]]
log = logging.getLogger("spotkiln.receiver")


def pause(backoff: Backoff, tries: int) -> float:
    """How many seconds to wait after so many failed tries."""
    return next(islice(backoff.intervals(), min(tries, 50), None))


class Drain:
    """Hands over one delivery at a time, those of a ref in the order in which they came. When
    Prefect fails at one, those of other refs pass it. After some tries newer ones of its own ref
    pass it too: then it is needless."""

    def __init__(self, spool: Spool, hand_over: HandOver) -> None:
        self._spool = spool
        self._hand_over = hand_over
        self._work = asyncio.Event()
        self._finished: dict[str, asyncio.Event] = {}
        self._failures = 0

    async def finished(self, delivery: Delivery, seconds: float) -> Delivery:
        """The delivery when it waits no more, or after so many seconds."""
        done = self._finished.setdefault(delivery.id, asyncio.Event())
        self._work.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), seconds)
        return self._spool.find(delivery.id) or delivery

    async def all_finished(
        self, deliveries: Sequence[Delivery], seconds: float
    ) -> dict[str, Delivery]:
        """By id: all of them when none waits any more, or after so many seconds."""
        found = await asyncio.gather(*(self.finished(one, seconds) for one in deliveries))
        return {one.id: one for one in found}

    def _as_known(self, delivery: Delivery) -> Push:
        """What a push touches tells nothing where one before it was lost."""
        if self._spool.follows(delivery):
            return delivery.push
        return delivery.push.model_copy(update={"paths": None})

    async def _one(self, delivery: Delivery) -> None:
        if self._spool.passed(delivery):
            outcome = Handled(
                ignored=f"a newer push of {delivery.push.what} was handed over before"
            )
        else:
            outcome = await self._hand_over(self._as_known(delivery), self._spool.before(delivery))
        self._spool.finish(delivery, outcome)
        log.info("%s: %s", delivery.push.what, outcome.model_dump_json(exclude_defaults=True))
        if done := self._finished.pop(delivery.id, None):
            done.set()

    async def _all_due(self) -> float:
        """Seconds until the next one is due."""
        while due := self._spool.due(time.time()):
            for delivery in due:
                try:
                    await self._one(delivery)
                    self._failures = 0
                except PrefectAway as error:
                    if not self._failures:
                        log.warning("%s; %d wait", error, self._spool.waiting())
                    self._failures += 1
                    return pause(AWAY, self._failures - 1)
                except InfrastructureError as error:
                    log.warning("delivery %s: %s", delivery.id, error)
                    self._spool.put_off(delivery, time.time() + pause(BACKOFF, delivery.tries))
                except Exception:
                    # Whatever is wrong with this one: the others do not wait for it.
                    log.exception("delivery %s could not be handed over", delivery.id)
                    self._spool.put_off(delivery, time.time() + pause(BACKOFF, delivery.tries))
        self._finished.clear()  # whoever still waits has been told, or waits for one put off
        following = self._spool.next_due()
        return IDLE_SECONDS if following is None else max(0.0, following - time.time())

    async def run(self) -> None:
        """Never returns. Whatever else goes wrong is logged, and tried again."""
        while True:
            self._work.clear()
            try:
                seconds = await self._all_due()
            except Exception:
                log.exception("the spool could not be emptied")
                seconds = BACKOFF.maximum
            with suppress(TimeoutError):
                # While Prefect is away a new delivery is no reason to ask sooner.
                waiting = asyncio.Event() if self._failures else self._work
                await asyncio.wait_for(waiting.wait(), seconds)
