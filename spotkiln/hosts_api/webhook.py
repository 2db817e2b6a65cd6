"""Sends a hook's message, signed, within a time, and tells nothing of it but the host's name."""

import binascii
import time
from collections.abc import Callable
from datetime import datetime

import httpx

from spotkiln.errors import InputError
from spotkiln.hosts_api.send import within
from spotkiln.noun import Noun
from spotkiln.release.hook import Hook, Message, signed

# Between two tries, in seconds. The last one ends with the hook's time.
AGAIN_SECONDS = 2.0
# No time-out of a connection ends the look-up of a name.
LATE_SECONDS = 2.0


class Answer(Noun):
    """`why` says what went wrong; it is empty if nothing did."""

    why: str = ""


def post(hook: Hook, message: Message, secret: str, now: Callable[[], datetime]) -> Answer:
    """Post it until it is taken. A host that does not answer, or is not well (5xx), is asked again
    while there is time, with the same id; what it refuses is refused.

    Raises:
        InputError: the secret is empty, or no base64 behind `whsec_`.
        InfrastructureError: not even the look-up of its name ended in time.
    """
    if not secret:
        raise InputError("the hooks' Secret block is empty: fill it in Prefect")
    return within(hook.seconds + LATE_SECONDS, lambda: _post(hook, message, secret, now))


def _post(hook: Hook, message: Message, secret: str, now: Callable[[], datetime]) -> Answer:
    deadline = time.monotonic() + hook.seconds
    answer = Answer()
    # No redirect is followed: the message is for this host.
    with httpx.Client(follow_redirects=False) as client:
        while (left := deadline - time.monotonic()) > 0:
            answer, final = _try(client, hook, message, _headers(message, secret, now()), left)
            if final:
                return answer
            time.sleep(min(AGAIN_SECONDS, max(deadline - time.monotonic(), 0)))
    return Answer(why=f"{answer.why}, {hook.seconds} s long")


def _headers(message: Message, secret: str, now: datetime) -> dict[str, str]:
    try:
        return signed(message, secret, now)
    except binascii.Error:
        raise InputError(
            "the hooks' Secret block begins with whsec_ and goes on with what is no base64"
        ) from None


def _try(
    client: httpx.Client, hook: Hook, message: Message, headers: dict[str, str], left: float
) -> tuple[Answer, bool]:
    """What came of it, and whether that is final. The body of an answer is not read."""
    try:
        with client.stream(
            "POST", hook.url, content=message.body, headers=headers, timeout=left
        ) as response:
            status = response.status_code
    except (httpx.HTTPError, OSError) as error:
        return Answer(why=f"{hook.host} does not answer ({type(error).__name__})"), False
    if httpx.codes.is_success(status):
        return Answer(), True
    return Answer(why=f"{hook.host} answered {status}"), not httpx.codes.is_server_error(status)
