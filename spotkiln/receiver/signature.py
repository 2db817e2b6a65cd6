"""Whether a delivery is signed by a secret of ours: decided over the raw body, before it is
parsed."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

from spotkiln.errors import InputError
from spotkiln.start.hooks import Host

SIGNING = "whsec_"
BEARER = "Bearer "
# Without one of these headers the body is not even read.
HEADERS = {
    Host.GITHUB: ("x-hub-signature-256",),
    Host.GITLAB: ("x-gitlab-token", "webhook-signature"),
    Host.GITEA: ("x-gitea-signature",),
    Host.BITBUCKET: ("x-hub-signature",),
    Host.CI: ("authorization",),
}
# Only GitLab's signature covers a time.
TOLERANCE = timedelta(minutes=5)


class Unsigned(InputError):
    """Not signed by a secret of ours. The message names headers and repeats none of their
    values."""


def _hex(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _same(given: str, expected: str) -> bool:
    # As bytes: compare_digest refuses text beyond ASCII. Anything may be given.
    return hmac.compare_digest(given.encode(errors="surrogatepass"), expected.encode())


def _header(headers: Mapping[str, str], name: str) -> str:
    given = headers.get(name, "")
    if not given:
        raise Unsigned(f"expected a header {name}, got none: give the hook a secret")
    return given


def require(host: Host, headers: Mapping[str, str]) -> None:
    """
    Raises:
        Unsigned: the delivery has no header with a signature.
    """
    if not any(headers.get(name) for name in HEADERS[host]):
        _header(headers, HEADERS[host][0])


# Ours, and not the library standardwebhooks (1.1): anybody could make that one raise a ValueError,
# with a signature without a comma or a body that is no text. Here that is one more unsigned body.
def _standard(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> bool:
    """GitLab's signing token, by the Standard Webhooks specification: base64 of an HMAC with
    SHA-256 over `id.timestamp.body`, several of them with spaces between."""
    stamp = _header(headers, "webhook-timestamp")
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        raise Unsigned("expected seconds since 1970 in webhook-timestamp")
    if abs(now.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        raise Unsigned(
            "webhook-timestamp is more than five minutes from this machine's time: an old "
            "delivery, or one of the clocks is wrong"
        )
    try:
        key = base64.b64decode(secret.removeprefix(SIGNING), validate=True)
    except binascii.Error:
        return False
    signed = f"{_header(headers, 'webhook-id')}.{stamp}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = _header(headers, "webhook-signature").split(" ")
    return any(_same(one, f"v1,{expected}") for one in given)


def _signed(
    host: Host, headers: Mapping[str, str], body: bytes, secret: str, now: datetime
) -> bool:
    if host is Host.GITLAB and secret.startswith(SIGNING):
        return _standard(headers, body, secret, now)
    given = _header(headers, HEADERS[host][0])
    if host is Host.GITLAB:
        return _same(given, secret)
    if host is Host.CI:
        return _same(given, f"{BEARER}{secret}")
    prefix = "" if host is Host.GITEA else "sha256="
    return _same(given, f"{prefix}{_hex(secret, body)}")


def signed_by(
    host: Host, headers: Mapping[str, str], body: bytes, secrets: Mapping[str, str], now: datetime
) -> str:
    """The name of the secret that signed it. `headers` by lower-case names.

    Raises:
        Unsigned: none of them did; the message says what was expected.
    """
    missing: Unsigned | None = None
    found = ""
    for name, secret in secrets.items():
        try:
            # All secrets are tried: how long it takes must not tell which one signed.
            if _signed(host, headers, body, secret, now):
                found = name
        except Unsigned as error:
            missing = error
    if found:
        return found
    raise missing or Unsigned(
        "the signature does not fit: the hook's secret is not ours, or the body was changed"
    )
