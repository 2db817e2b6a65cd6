"""What all of our nouns have in common."""

from collections.abc import Callable
from typing import cast

from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict, JsonValue


class Noun(BaseModel):
    """A frozen record. Unknown fields are refused: a misspelt one must not be silently ignored.
    An error does not repeat what came: it may be a secret in the wrong place."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ShownNoun(Noun):
    """A noun that people fill in, in a form or a file: beside each field they see its docstring.

    Pydantic reads the class's source for that. Of all nouns that would be a sixth of the time in
    which a command or a run's process starts.
    """

    model_config = ConfigDict(use_attribute_docstrings=True)


def number_or_empty(schema: JsonDict) -> None:
    """Makes the schema of `int | None` one of a number that may be left out: for people who read
    it, and for editors that check a file by it, null is nothing that anybody writes."""
    number, _ = cast(list[JsonDict], schema.pop("anyOf"))
    schema.pop("default")
    schema.update(number)


def yes_no_or_empty(schema: JsonDict) -> None:
    """The same for `bool | None`."""
    number_or_empty(schema)
    schema.pop("type")
    schema["enum"] = [True, False]


def refused_in_words(pattern: str, expected: str) -> JsonDict:
    """A schema's part that refuses a text which does not fit, and says in words what was expected.

    Of a plain `pattern` the form in the Prefect UI shows the regular expression; of a `const` it
    shows the value itself, and calls it expected. An empty text is left to the field's own limits.
    """
    return expected_in_words({"pattern": rf"^$|{pattern}"}, expected)


def expected_in_words(schema: JsonDict, expected: str) -> JsonDict:
    """The same for whatever does not fit a schema."""
    return {"if": {"not": schema}, "then": {"const": expected}}


def left_open(**more: JsonValue) -> Callable[[JsonDict], None]:
    """The same for `X | None` of any kind, with `more` that its schema says."""

    def change(schema: JsonDict) -> None:
        number_or_empty(schema)
        schema.update(more)

    return change
