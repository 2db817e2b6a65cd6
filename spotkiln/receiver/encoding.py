"""The two encodings of a body: JSON, or a form whose field `payload` holds it, which is GitHub's
own choice for a new hook."""

import asyncio
import re
from enum import Enum
from urllib.parse import unquote_to_bytes

from spotkiln.receiver.wire import Malformed
from spotkiln.start.hooks import Host

JSON, TYPE = "application/json", "application/x-www-form-urlencoded"
FIELD = b"payload="
# Decoding makes many small pieces of a part, and so not of all of a large body at once.
PART_BYTES = 64 * 1024


class Kind(Enum):
    JSON = JSON
    FORM = TYPE


def kind_of(content_type: str) -> Kind | None:
    """None: a body of which nobody knows what it is."""
    name = content_type.partition(";")[0].strip().lower()
    return next((kind for kind in Kind if kind.value == name), None)


def decoded(body: bytes) -> bytes:
    """What the field `payload` of a form holds.

    Raises:
        Malformed: it has none.
    """
    field = next((x for x in _fields(body) if x.startswith(FIELD)), None)
    if field is None:
        raise Malformed("not a hook's form: expected a field payload")
    out = bytearray()
    at = len(FIELD)
    while at < len(field):
        end = min(at + PART_BYTES, len(field))
        # Not within one of %2B.
        if end < len(field) and (cut := re.search(rb"%.?\Z", field[at:end], re.DOTALL)):
            end = at + cut.start()
        out += unquote_to_bytes(field[at:end].replace(b"+", b" "))
        at = end
    return bytes(out)


def _fields(body: bytes) -> list[bytes]:
    # A hook has one or two; what is behind the tenth is nobody's.
    return body.split(b"&", 10)


async def payload_of(kind: Kind, body: bytes) -> bytes:
    return body if kind is Kind.JSON else await asyncio.to_thread(decoded, body)


async def signed_part(host: Host, kind: Kind, body: bytes) -> bytes:
    """What the signature covers: the raw body. Gitea alone signs what the form holds."""
    return await payload_of(kind, body) if host is Host.GITEA else body
