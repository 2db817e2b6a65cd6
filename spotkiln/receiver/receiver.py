"""The receiver: it checks a delivery, keeps it, and says what became of it."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Literal

from fastapi import HTTPException, Request
from pydantic import BaseModel

from spotkiln.receiver import encoding, handover
from spotkiln.receiver.aliases import Aliases
from spotkiln.receiver.bodies import Bodies
from spotkiln.receiver.drain import Drain
from spotkiln.receiver.metrics import Metrics, may_scrape
from spotkiln.receiver.payload import pushes_of
from spotkiln.receiver.secrets import Secrets
from spotkiln.receiver.settings import Settings
from spotkiln.receiver.signature import Unsigned, require, signed_by
from spotkiln.receiver.spool import Delivery, Spool, StartedRun
from spotkiln.receiver.tell import publish
from spotkiln.start.hooks import Host
from spotkiln.start.push import Ignored, Push

# Longer payloads are parsed one at a time, in a thread: it takes a while, and memory.
LONG_BYTES = 1024 * 1024


class Answer(BaseModel):
    """What became of a delivery. `status` is where to ask again."""

    state: Literal["started", "waiting", "ignored", "refused"]
    reason: str = ""
    runs: tuple[StartedRun, ...] = ()
    delivery: str = ""
    status: str = ""


class Readiness(BaseModel):
    """`ready`: deliveries are accepted, whether Prefect answers or not. `secrets`: hosts whose
    secrets are there."""

    ready: bool
    prefect: bool
    waiting: int
    secrets: tuple[str, ...]


class Receiver:
    """All that the addresses below share."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self.settings = settings
        self.secrets = Secrets(environment)
        self.spool = Spool(settings.spool)
        hand_over = handover.HandOver(settings.hooks, Aliases(settings.ssh_config))
        self.drain = Drain(self.spool, hand_over)
        self.bodies = Bodies(
            max_bytes=settings.max_bytes,
            max_memory=settings.max_memory,
            seconds=settings.body_seconds,
        )
        self.metrics = Metrics()
        self._long = asyncio.Semaphore(1)

    async def run(self) -> None:
        """What goes on beside the requests. Never returns."""
        names = [name for host in Host for name in self.settings.secrets(host)]
        for_metrics = self.settings.metrics_secrets
        await asyncio.gather(
            self.drain.run(),
            self.secrets.keep_fresh([*names, *for_metrics]),
            publish(self.settings.hooks),
            *([self.metrics.keep_fresh()] if for_metrics else []),
        )

    async def scrape(self, authorization: str) -> bytes:
        """The metrics, for whoever knows their secret."""
        names = self.settings.metrics_secrets
        if not names:
            raise HTTPException(404, "no metrics: SPOTKILN_RECEIVER_METRICS_SECRETS is empty")
        secrets = await self.secrets.find(names)
        if not may_scrape(authorization, secrets):
            raise HTTPException(401, "expected the secret of the metrics as a Bearer token")
        return self.metrics.text(self.spool.waiting())

    async def find_secrets(self, host: Host) -> dict[str, str]:
        names = self.settings.secrets(host)
        if not names:
            raise HTTPException(404, f"no secrets are set up for {host}")
        found = await self.secrets.find(names)
        if not found:
            raise HTTPException(503, f"no secret for {host} could be read: {', '.join(names)}")
        return found

    async def signer(self, host: Host, headers: Mapping[str, str], body: bytes) -> str:
        """The name of the secret that signed it. If none did, the secrets are read anew once: one
        may have been replaced just now."""
        secrets = await self.find_secrets(host)
        try:
            return signed_by(host, headers, body, secrets, datetime.now(UTC))
        except Unsigned:
            newer = await self.secrets.find_newer(self.settings.secrets(host))
            if newer == secrets:
                raise
            return signed_by(host, headers, body, newer, datetime.now(UTC))

    async def understand(self, host: Host, request: Request) -> tuple[Push, ...] | Ignored:
        """What was pushed. The signature is checked before anything is parsed."""
        headers = request.headers
        require(host, headers)
        await self.find_secrets(host)
        kind = encoding.kind_of(headers.get("content-type", ""))
        if kind is None:
            raise HTTPException(415, f"set the hook's content type to {encoding.JSON}")
        async with (
            self.bodies.read(request) as body,
            self._long if len(body) > LONG_BYTES else nullcontext(),
        ):
            signed = await encoding.signed_part(host, kind, body)
            signer = await self.signer(host, headers, signed)
            payload = await encoding.payload_of(kind, body)
            return await asyncio.to_thread(pushes_of, host, headers, payload, signer)

    async def take(self, host: Host, request: Request) -> Answer:
        """Accept a delivery: the signature is checked before anything is parsed, and the pushes are
        on the disk before the answer."""
        pushes = await self.understand(host, request)
        if isinstance(pushes, Ignored):
            return Answer(state="ignored", reason=pushes.reason)
        hooks = self.settings.hooks
        heard = hooks.heard(host, pushes[0].repositories)
        if not heard:
            raise HTTPException(403, hooks.unheard(host, pushes[0].repositories[0]))
        if self.spool.waiting() + len(pushes) > self.settings.max_waiting:
            raise HTTPException(503, "too many deliveries wait for Prefect: try again later")
        kept = self.spool.accept_all(
            one.model_copy(update={"repositories": heard}) for one in pushes
        )
        waiting = [one for one in kept if one.outcome is None]
        finished = await self.drain.all_finished(waiting, self.settings.answer_seconds)
        return self.answer([finished.get(one.id, one) for one in kept])

    def answer(self, deliveries: Sequence[Delivery]) -> Answer:
        """The answer to one delivery, of which each ref is kept as a delivery of its own."""
        name = ",".join(one.id for one in deliveries)
        where = {"delivery": name, "status": f"{self.settings.url}/deliveries/{name}"}
        outcomes = [one.outcome for one in deliveries if one.outcome]
        runs = tuple(run for one in outcomes for run in one.runs)
        refused = "; ".join(one.refused for one in outcomes if one.refused)
        ignored = "; ".join(one.ignored for one in outcomes if one.ignored)
        reason = "; ".join(filter(None, (refused, ignored)))
        if len(outcomes) < len(deliveries):
            return Answer(state="waiting", reason="it is kept until Prefect has it", **where)
        if runs:
            return Answer(state="started", reason=reason, runs=runs, **where)
        return Answer(state="refused" if refused else "ignored", reason=reason, **where)

    async def readiness(self) -> Readiness:
        hosts = [host for host in Host if self.settings.secrets(host)]
        there = [host for host in hosts if await self.secrets.find(self.settings.secrets(host))]
        waiting = self.spool.waiting()
        return Readiness(
            ready=bool(there) and there == hosts and waiting < self.settings.max_waiting,
            prefect=await handover.answers(),
            waiting=waiting,
            secrets=tuple(there),
        )
