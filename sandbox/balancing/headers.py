"""Headers that a proxy passes on."""

from collections.abc import Mapping

from multidict import CIMultiDict

_HOP_BY_HOP = {
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


def end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers without those that are for one connection only (RFC 9110, 7.6.1)."""
    named = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    dropped = _HOP_BY_HOP | named
    return CIMultiDict((key, value) for key, value in headers.items() if key.lower() not in dropped)
