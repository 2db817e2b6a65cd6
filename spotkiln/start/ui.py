"""UI: which of its two interfaces Prefect's links open.

The server has both: the older at its address, the newer below /v2. Whoever opens the address gets
the newer, but a link to a page of the older opens the older: so ours name the newer.
"""

from urllib.parse import urlsplit, urlunsplit

NEWER = "/v2"
# Of Prefect's settings, that which makes the older the one that opens.
ENABLED = "PREFECT_SERVER_UI_V2_ENABLED"


def newer(address: str) -> str:
    """The same in the newer interface. An address with a path of its own says already what it
    means."""
    parts = urlsplit(address)
    return address if parts.path.strip("/") else urlunsplit(parts._replace(path=NEWER))


def origin(address: str) -> str:
    """Without a path, as a browser names it."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
