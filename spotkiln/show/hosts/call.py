"""A call to a host's API."""

from typing import Any, Literal

from spotkiln.noun import Noun


class Call(Noun):
    """`path` is what follows the address of the API. `what` completes "could not ..."."""

    what: str
    method: Literal["GET", "POST", "PUT"]
    path: str
    body: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies defaults


def short(text: str, most: int) -> str:
    """One line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def of_the_web(url: str) -> bool:
    """Whether a host takes it for a link."""
    return url.startswith(("http://", "https://"))
