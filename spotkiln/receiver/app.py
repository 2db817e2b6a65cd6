"""The service over HTTP: takes deliveries, keeps them, and says what became of them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException

from spotkiln import __version__
from spotkiln.errors import InputError
from spotkiln.receiver import encoding
from spotkiln.receiver.metrics import CONTENT_TYPE
from spotkiln.receiver.payload import EVENT, Malformed, NotJson
from spotkiln.receiver.receiver import Answer, Readiness, Receiver
from spotkiln.receiver.settings import Settings
from spotkiln.receiver.signature import HEADERS, Unsigned
from spotkiln.start.hooks import Host

log = logging.getLogger("spotkiln.receiver")
# Answered before the whole body was read: the connection is closed, the rest is not wanted.
UNREAD = {401, 408, 413, 415, 503}
# So many refs of one delivery are answered for.
MOST_REFS = 1000


class Problem(BaseModel):
    """Why the delivery was not accepted."""

    error: str


class Health(BaseModel):
    ok: bool = True


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
