"""Command: one command of an application, that a person asks for on the image that serves."""

from typing import Self

from pydantic import Field, ValidationError, field_validator
from pydantic.config import JsonDict

from spotkiln.bake.builder import BuildSettings
from spotkiln.bake.configuration import Configuration
from spotkiln.bake.errand import Ended
from spotkiln.bake.infra_names import InfraNames
from spotkiln.noun import Noun
from spotkiln.release.seconds import DEFAULT_SECONDS, LEAST_SECONDS, MOST_SECONDS

# What a form asks for, as a schema and in words.
PROGRAM_FIRST: JsonDict = {
    "type": "array", "minItems": 1, "prefixItems": [{"type": "string", "minLength": 1}],
}  # fmt: skip
PROGRAM_FIRST_IN_WORDS = "a program and its arguments, each by itself, such as bin/rails db:version"


class CommandSpec(Noun):
    """All that a person asks for. `app` is the application's name, `command` the program and its
    arguments, which no shell reads."""

    app: str
    command: tuple[str, ...] = Field(min_length=1)
    infra: InfraNames = InfraNames()
    build: BuildSettings = BuildSettings()
    configuration: Configuration = Configuration()
    seconds: int = Field(default=DEFAULT_SECONDS, ge=LEAST_SECONDS, le=MOST_SECONDS)

    @field_validator("command")
    @classmethod
    def _is_one(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if not command[0]:
            raise ValueError("expected a program and its arguments, got an empty name")
        if any("\0" in one for one in command):
            raise ValueError("expected arguments, got one with a NUL character")
        return command


class CommandEnd(Noun):
    """How it ended, for whoever follows it. Nothing of what it said is here: that is in the run's
    log, as it was shown."""

    code: int
    why: str = ""

    @classmethod
    def of(cls, ended: Ended) -> Self:
        return cls(code=ended.code, why=ended.why)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None for what another version of Spotkiln wrote and this one cannot read."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None
