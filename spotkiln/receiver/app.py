"""The service over HTTP: takes deliveries, keeps them, and says what became of them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException

from spotkiln import __version__
from spotkiln.errors import InputError
from spotkiln.receiver import encoding, handover
from spotkiln.receiver.aliases import Aliases
from spotkiln.receiver.bodies import Bodies
from spotkiln.receiver.drain import Drain
from spotkiln.receiver.metrics import CONTENT_TYPE, Metrics, may_scrape
from spotkiln.receiver.payload import EVENT, Malformed, NotJson, pushes_of
from spotkiln.receiver.secrets import Secrets
from spotkiln.receiver.settings import Settings
from spotkiln.receiver.signature import HEADERS, Unsigned, require, signed_by
from spotkiln.receiver.spool import Delivery, Spool, StartedRun
from spotkiln.receiver.tell import publish
from spotkiln.start.hooks import Host
from spotkiln.start.push import Ignored, Push

log = logging.getLogger("spotkiln.receiver")
# Answered before the whole body was read: the connection is closed, the rest is not wanted.
UNREAD = {401, 408, 413, 415, 503}
# So many refs of one delivery are answered for.
MOST_REFS = 1000
# Longer payloads are parsed one at a time, in a thread: it takes a while, and memory.
LONG_BYTES = 1024 * 1024


class Answer(BaseModel):
    """What became of a delivery. `status` is where to ask again."""

    state: Literal["started", "waiting", "ignored", "refused"]
    reason: str = ""
    runs: tuple[StartedRun, ...] = ()
    delivery: str = ""
    status: str = ""


class Problem(BaseModel):
    """Why the delivery was not accepted."""

    error: str


class Health(BaseModel):
    ok: bool = True


class Readiness(BaseModel):
    """`ready`: deliveries are accepted, whether Prefect answers or not. `secrets`: hosts whose
    secrets are there."""

    ready: bool
    prefect: bool
    waiting: int
    secrets: tuple[str, ...]


CODES = {"started": 202, "waiting": 202, "ignored": 200, "refused": 409}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "Not JSON, or no event is named"},
    401: {"model": Problem, "description": "Not signed by a secret of ours"},
    404: {"model": Problem, "description": "No such address, or no secret for this host"},
    408: {"model": Problem, "description": "The body took too long"},
    413: {"model": Problem, "description": "The body is too large"},
    403: {"model": Problem, "description": "Signed, but not for this repository"},
    415: {"model": Problem, "description": "The hook must send JSON, or a form with it"},
    422: {"model": Problem, "description": "Not the payload of this host's push"},
    503: {"model": Problem, "description": "Not now: try again later"},
}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object"}},
            encoding.TYPE: {"schema": {"type": "object", "properties": {"payload": {}}}},
        },
    },
    "parameters": [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
        for name in (
            *EVENT.values(),
            *(name for names in HEADERS.values() for name in names if name != "authorization"),
            *("webhook-id", "webhook-timestamp"),
        )
    ],
}


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


def _problem(code: int, error: str) -> JSONResponse:
    headers = {"Retry-After": "10"} if code == 503 else {}
    if code in UNREAD:
        headers["Connection"] = "close"
    return JSONResponse({"error": error}, code, headers=headers)


async def _refuse(_: Request, error: Exception) -> Response:
    """The reason, with a 4xx code where the sender can mend it. Repeats nothing that was sent, and
    no secret."""
    if isinstance(error, Unsigned):
        return _problem(401, str(error))
    if isinstance(error, NotJson):
        return _problem(400, str(error))
    if isinstance(error, Malformed):
        return _problem(422, str(error))
    if isinstance(error, RequestValidationError):
        return _problem(404, f"no such address: POST to {', '.join(f'/push/{x}' for x in Host)}")
    if isinstance(error, StarletteHTTPException):
        return _problem(error.status_code, str(error.detail))
    log.error("%s", error)
    return _problem(503, "this receiver is not set up right: its log says why")


def create(settings: Settings, environment: Mapping[str, str]) -> FastAPI:
    """The application; its spool is opened when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        receiver = app.state.receiver = Receiver(settings, environment)
        running = asyncio.create_task(receiver.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])
            receiver.spool.close()

    app = FastAPI(
        title="Spotkiln's push receiver",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    for kind in (InputError, RequestValidationError, StarletteHTTPException):
        app.add_exception_handler(kind, _refuse)

    @app.post(
        "/push/{host}",
        responses={
            200: {"model": Answer, "description": "Nothing starts by it"},
            409: {"model": Answer, "description": "Prefect refused the run"},
            **PROBLEMS,
        },
        status_code=202,
        openapi_extra=BODY,
    )
    async def push(host: Host, request: Request, response: Response) -> Answer:
        """A host's push event, as its webhook sends it."""
        receiver: Receiver = app.state.receiver
        answer = await receiver.take(host, request)
        receiver.metrics.delivered(host, answer.state)
        response.status_code = CODES[answer.state]
        return answer

    @app.get("/deliveries/{delivery}", responses={404: PROBLEMS[404]})
    async def delivery(delivery: str) -> Answer:
        """What became of a delivery; the latest thousand are known."""
        receiver: Receiver = app.state.receiver
        found = [receiver.spool.find(one) for one in delivery.split(",")[:MOST_REFS]]
        known = [one for one in found if one]
        if not known or len(known) < len(found):
            raise HTTPException(404, "no such delivery, or one long ago")
        return receiver.answer(known)

    # Its answer is no JSON, and no sender of pushes needs it: the schema leaves it out.
    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        """For Prometheus, as OpenMetrics."""
        receiver: Receiver = app.state.receiver
        text = await receiver.scrape(request.headers.get("authorization", ""))
        return Response(text, media_type=CONTENT_TYPE)

    @app.get("/health")
    async def health() -> Health:
        """The service answers."""
        return Health()

    @app.get("/ready", responses={503: {"model": Readiness}})
    async def ready(response: Response) -> Readiness:
        """Whether deliveries are accepted, whether Prefect answers, how many wait for it."""
        receiver: Receiver = app.state.receiver
        found = await receiver.readiness()
        response.status_code = 200 if found.ready else 503
        return found

    return app
