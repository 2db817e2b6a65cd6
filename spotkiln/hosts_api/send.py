"""Sends calls to a host's API, within a time, and without a word of the token."""

import re
import threading
from collections.abc import Callable
from typing import TypeVar

import httpx

from spotkiln.errors import InfrastructureError, InputError
from spotkiln.release.on_commit import Report, Repository
from spotkiln.show.hosts.call import Call
from spotkiln.show.hosts.say import HOSTS, Answer, tell

# For all calls of one report together. A cancelled run has 30 s for everything.
SECONDS = 8.0
MOST_BYTES = 256 * 1024
# What may stand in a header. httpx would repeat anything else in its error.
TOKEN = re.compile(r"[\x21-\x7e]{4,1000}")
T = TypeVar("T")


def report(repository: Repository, told: Report, deployment: str | None, token: str) -> str:
    """Tell the host. Returns the id of its deployment there; `deployment` as `tell` has it.

    Raises:
        InputError: the secret holds no token.
        InfrastructureError: the host did not answer in time, or did not want to hear it.
    """
    if not TOKEN.fullmatch(token):
        raise InputError("the secret holds no token: expected letters, digits and signs, no blanks")
    return within(SECONDS, lambda: _report(repository, told, deployment, token))


def _report(repository: Repository, told: Report, deployment: str | None, token: str) -> str:
    headers = {"user-agent": "spotkiln", **HOSTS[repository.kind].headers(token)}
    # No redirect is followed: it could lead the token elsewhere.
    with httpx.Client(headers=headers, timeout=SECONDS / 2, follow_redirects=False) as client:

        def send(call: Call) -> Answer:
            try:
                return _send(client, repository.api, call)
            except (httpx.HTTPError, OSError) as error:
                where = httpx.URL(repository.api).host
                raise InfrastructureError(
                    f"could not {call.what}: {where} does not answer ({type(error).__name__})"
                ) from None

        try:
            return tell(repository, told, deployment, send)
        except InfrastructureError as error:
            # A host may repeat what it was sent.
            raise InfrastructureError(str(error).replace(token, "…")) from None


def _send(client: httpx.Client, api: str, call: Call) -> Answer:
    body = call.body or None
    with client.stream(call.method, api + call.path, json=body) as response:
        text = b""
        for part in response.iter_bytes():
            text += part
            if len(text) > MOST_BYTES:
                break
    try:
        found = httpx.Response(200, content=text).json()
    except ValueError:
        found = None
    return Answer(
        code=response.status_code,
        body=found if isinstance(found, dict) else {},
        listed=[x for x in found if isinstance(x, dict)] if isinstance(found, list) else (),
    )


def within(seconds: float, do: Callable[[], T]) -> T:
    """What it returns or raises, if that comes in time. A thread that is late is left alone: no
    time-out of a connection ends a look-up of a name, or an answer that comes drop by drop.

    Raises:
        InfrastructureError: it did not come in time.
    """
    found: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            found.append(do())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            errors.append(error)

    thread = threading.Thread(target=work, name="tell the host", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not found:
        raise InfrastructureError(f"no answer within {seconds:.0f} s")
    return found[0]
