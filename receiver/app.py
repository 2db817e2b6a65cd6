"""The service over HTTP: takes deliveries, keeps them, and says what became of them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect

from receiver import handover
from receiver.drain import Drain
from receiver.payload import EVENT, Malformed, NotJson, push_of
from receiver.secrets import Secrets
from receiver.settings import Settings
from receiver.signature import Unsigned, signed_by
from receiver.spool import Delivery, Run, Spool
from spotkiln import __version__
from spotkiln.errors import InputError
from spotkiln.push import Host, Ignored

log = logging.getLogger("spotkiln.receiver")
# The body was not read to its end, and nobody wants the rest.
UNREAD = {408, 413, 503}


class Answer(BaseModel):
    """What became of a delivery. `status` is where to ask again."""

    state: Literal["started", "waiting", "ignored", "refused"]
    reason: str = ""
    runs: tuple[Run, ...] = ()
    delivery: str = ""
    status: str = ""


class Problem(BaseModel):
    """Why nothing was accepted."""

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
    415: {"model": Problem, "description": "The hook must send application/json"},
    422: {"model": Problem, "description": "Not the payload of this host's push"},
    503: {"model": Problem, "description": "Not now: try again later"},
}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
    "parameters": [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
        for name in (
            *EVENT.values(),
            *("x-hub-signature-256", "x-gitea-signature", "x-gitlab-token"),
            *("webhook-id", "webhook-timestamp", "webhook-signature"),
        )
    ],
}


class Receiver:
    """All that the addresses below share."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self.settings = settings
        self.secrets = Secrets(environment)
        self.spool = Spool(settings.spool)
        self.drain = Drain(self.spool, handover.hand_over)
        self._bodies = asyncio.Semaphore(settings.max_bodies)

    async def _read(self, request: Request) -> bytes:
        """At most `max_bytes`, and not a byte more into memory."""
        limit = self.settings.max_bytes
        too_large = HTTPException(413, f"expected at most {limit} bytes")
        if int(request.headers.get("content-length") or 0) > limit:
            raise too_large
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > limit:
                raise too_large
        return bytes(body)

    async def body(self, request: Request) -> bytes:
        seconds = self.settings.body_seconds
        try:
            async with asyncio.timeout(seconds), self._bodies:
                return await self._read(request)
        except TimeoutError:
            if self._bodies.locked():
                raise HTTPException(503, "too many deliveries at once: try again") from None
            raise HTTPException(408, f"the body took more than {seconds:g} s") from None
        except ClientDisconnect:
            raise HTTPException(400, "the connection was closed before the body ended") from None

    async def find_secrets(self, host: Host) -> dict[str, str]:
        names = self.settings.secrets(host)
        if not names:
            raise HTTPException(404, f"no secrets are set up for {host}")
        found = await self.secrets.find(names)
        if not found:
            raise HTTPException(503, f"no secret for {host} could be read: {', '.join(names)}")
        return found

    async def take(self, host: Host, request: Request) -> Answer:
        """Signature before parsing, and on the disk before the answer."""
        secrets = await self.find_secrets(host)
        body = await self.body(request)
        headers = request.headers
        signer = signed_by(host, headers, body, secrets, datetime.now(UTC))
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise HTTPException(415, "set the hook's content type to application/json")
        push = push_of(host, headers, body, signer)
        if isinstance(push, Ignored):
            return Answer(state="ignored", reason=push.reason)
        if self.spool.waiting() >= self.settings.max_waiting:
            raise HTTPException(503, "too many deliveries wait for Prefect: try again later")
        delivery = self.spool.accept(push)
        if delivery.outcome is None:
            delivery = await self.drain.settled(delivery, self.settings.answer_seconds)
        return self.answer(delivery)

    def answer(self, delivery: Delivery) -> Answer:
        where = {"delivery": delivery.id, "status": f"{self.settings.url}/deliveries/{delivery.id}"}
        outcome = delivery.outcome
        if outcome is None:
            return Answer(state="waiting", reason="it is kept until Prefect has it", **where)
        if outcome.refused:
            return Answer(state="refused", reason=outcome.refused, **where)
        if outcome.ignored:
            return Answer(state="ignored", reason=outcome.ignored, **where)
        return Answer(state="started", runs=outcome.runs, **where)

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
    """4xx with the reason; never what was sent, never a secret."""
    if isinstance(error, Unsigned):
        return _problem(401, str(error))
    if isinstance(error, NotJson):
        return _problem(400, str(error))
    if isinstance(error, Malformed):
        return _problem(422, str(error))
    if isinstance(error, RequestValidationError):
        return _problem(404, "no such address: POST to /push/github, /push/gitlab or /push/gitea")
    if isinstance(error, StarletteHTTPException):
        return _problem(error.status_code, str(error.detail))
    log.error("%s", error)
    return _problem(503, "this receiver is not set up right: its log says why")


def create(settings: Settings, environment: Mapping[str, str]) -> FastAPI:
    """The application; its spool is opened when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        receiver = app.state.receiver = Receiver(settings, environment)
        draining = asyncio.create_task(receiver.drain.run())
        try:
            yield
        finally:
            draining.cancel()
            await asyncio.wait([draining])
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
        response.status_code = CODES[answer.state]
        return answer

    @app.get("/deliveries/{delivery}", responses={404: PROBLEMS[404]})
    async def delivery(delivery: str) -> Answer:
        """What became of a delivery; the latest thousand are known."""
        receiver: Receiver = app.state.receiver
        found = receiver.spool.find(delivery)
        if found is None:
            raise HTTPException(404, "no such delivery, or one long ago")
        return receiver.answer(found)

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
