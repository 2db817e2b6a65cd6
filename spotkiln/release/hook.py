"""Hooks: what else is told or asked at certain moments of a release, and how that is signed.

A hook is an address to which a message is sent, or a command of the application's on a machine of
its own. What its failure means depends on the moment (`FAILS`).
"""

import base64
import hashlib
import hmac
import json
import shlex
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from spotkiln.bake.values import one_line
from spotkiln.noun import Noun, ShownNoun

NOT_PLAIN = "expected an address such as https://hooks.example.com/shop, without user or query"


class Moment(StrEnum):
    BEFORE_LAUNCH = "before launch"
    AFTER_STEP = "after step"
    AFTER_PROMOTION = "after promotion"
    AFTER_ROLLBACK = "after rollback"


# What it means that a hook fails; after the other moments it changes nothing.
FAILS = {
    Moment.BEFORE_LAUNCH: "nothing was launched",
    Moment.AFTER_STEP: "the old servers serve again",
}


class Hook(ShownNoun):
    """An address, or a command: one of them, or none."""

    url: str = Field(
        default="",
        max_length=500,
        title="Address",
        description="A signed message in JSON is posted there. Another answer than 2xx is a "
        "failure.",
    )
    command: str = Field(
        default="",
        max_length=1000,
        title="Command",
        description="One line of shell instead, run as the smoke test is. Another exit status than "
        "0 is a failure.",
    )
    seconds: int = Field(
        default=30, ge=1, le=3600, title="Limit (s)", description="How long it may take."
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        plain = parts.scheme in {"http", "https"} and parts.hostname
        if url and (not plain or parts.query or parts.fragment or "@" in parts.netloc):
            raise ValueError(NOT_PLAIN)
        return url

    @field_validator("command")
    @classmethod
    def _one_line(cls, command: str) -> str:
        return one_line(command.strip()) or ""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.url and self.command:
            raise ValueError("expected an address or a command, got both")
        return self

    @property
    def asked(self) -> bool:
        return bool(self.url or self.command)

    @property
    def host(self) -> str:
        """Of the address; nothing else of it is told to anybody."""
        return urlsplit(self.url).hostname or ""


class Hooks(ShownNoun):
    """What is told or asked at which moment of a release."""

    secret: str = Field(
        default="",
        pattern=r"^[a-z0-9-]{0,100}$",
        title="Secret",
        description="The name of Prefect's Secret block by which messages are signed.",
    )
    before_launch: Hook = Field(
        default=Hook(),
        title="Before launch",
        description="Before servers are asked for. If it fails, none are.",
    )
    after_step: Hook = Field(
        default=Hook(),
        title="After each step",
        description="As soon as the weights of a step are set. The step does not end before it. If "
        "it fails, the old servers are brought back.",
    )
    after_promotion: Hook = Field(
        default=Hook(),
        title="After promotion",
        description="As soon as the new servers are what serves. If it fails, that is told.",
    )
    after_rollback: Hook = Field(
        default=Hook(),
        title="After rollback",
        description="Once new servers were taken back. If it fails, that is told.",
    )

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if any(one.url for _, one in self.each()) and not self.secret:
            raise ValueError("expected the name of a Secret block by which messages are signed")
        return self

    def each(self) -> Iterator[tuple[Moment, Hook]]:
        for moment in Moment:
            yield moment, self.at(moment)

    def at(self, moment: Moment) -> Hook:
        found: Hook = getattr(self, moment.replace(" ", "_"))
        return found


class Message(Noun):
    """What a hook is told. `percent` is the new servers' share of the requests."""

    moment: Moment
    app: str
    release: str
    commit: str
    image: str
    target_group: str
    percent: int | None = None

    @property
    def id(self) -> str:
        """The same for each try."""
        step = "" if self.percent is None else f".{self.percent}"
        return f"{self.release}.{self.moment.replace(' ', '-')}{step}"

    @property
    def body(self) -> bytes:
        told: dict[str, Any] = self.model_dump(mode="json", exclude_none=True)
        return json.dumps(told, sort_keys=True).encode()

    def script(self, command: str) -> str:
        """The command, in bash, with what it may want to know."""
        told = self.environment().items()
        return "".join(f"export {x}={shlex.quote(y)}\n" for x, y in told) + f"{command}\n"

    def environment(self) -> dict[str, str]:
        """Of a command."""
        found = {
            "SPOTKILN_MOMENT": str(self.moment),
            "SPOTKILN_RELEASE": self.release,
            "SPOTKILN_COMMIT": self.commit,
        }
        return found if self.percent is None else {**found, "SPOTKILN_PERCENT": str(self.percent)}


def signed(message: Message, secret: str, now: datetime) -> dict[str, str]:
    """The headers of a delivery, as https://www.standardwebhooks.com has them: the signature covers
    the id, the time and the body. The secret's own bytes are the key, but for one that begins with
    `whsec_`: there it is what the rest stands for in base64."""
    moment = str(int(now.timestamp()))
    covered = b".".join([message.id.encode(), moment.encode(), message.body])
    made = hmac.new(_key(secret), covered, hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "user-agent": "spotkiln",
        "webhook-id": message.id,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{base64.b64encode(made).decode()}",
    }


def _key(secret: str) -> bytes:
    _, marked, rest = secret.partition("whsec_")
    return base64.b64decode(rest) if marked and secret.startswith("whsec_") else secret.encode()
