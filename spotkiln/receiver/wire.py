"""What all payloads have in common: how they are parsed, and what is taken from them."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.start.hooks import Host
from spotkiln.start.repository import identity

M = TypeVar("M", bound=BaseModel)
# As hosts have them. Anything else is left out: nobody is named.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
SKIPS = re.compile(r"\[(skip[ -]ci|ci[ -]skip|no[ -]ci)\]", re.IGNORECASE)
ZEROS = "0" * 40


class Malformed(InputError):
    """No payload of that host. The message says where it differs, and repeats none of it."""


class NotJson(Malformed):
    """The body is not JSON."""


class Change(Noun):
    """What one ref named before and names now. `message` is the commit's, if the host tells it.
    `paths` are the files that the pushed commits touch; None unless it is certain that these are
    all."""

    ref: str
    before: str
    after: str
    commit: str
    message: str = ""
    paths: tuple[str, ...] | None = None


class Told(Noun):
    """What one delivery tells: a repository, by all of its names, and what changed in it."""

    repositories: tuple[str, ...]
    changes: tuple[Change, ...]
    pushed: datetime | None = None
    by: str = ""


def parsed(model: type[M], body: bytes, host: Host) -> M:
    """
    Raises:
        Malformed: the body does not fit the model.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise NotJson("the body is not JSON: let the hook send application/json") from None
        where = ".".join(map(str, first["loc"])) or "the body"
        raise Malformed(f"not a push of {host}: {where}: {first['msg']}") from None


def identities(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(identity(one) for one in addresses if one))


def named(*names: str) -> str:
    """The first of them, if it is a name; else none."""
    found = next((name for name in names if name), "")
    return found if NAME.fullmatch(found) else ""


def skips(message: str) -> bool:
    """Whether the commit asks that nothing be done, in the words that CI systems know."""
    return bool(SKIPS.search(message))
