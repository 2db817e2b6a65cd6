"""What all of our nouns have in common."""

from collections.abc import Callable
from typing import cast

from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict, JsonValue


class Noun(BaseModel):
    """A frozen record. Unknown fields are refused: a misspelt one must not be silently ignored.
    An error does not repeat what came: it may be a secret in the wrong place."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )


def number_or_empty(schema: JsonDict) -> None:
    """Makes the schema of `int | None` one of a number that may be left out.

    The form in the Prefect UI then has one field, empty; for a choice of types it has two tabs,
    and for a default of null the tab on which nothing can be entered.
    """
    number, _ = cast(list[JsonDict], schema.pop("anyOf"))
    schema.pop("default")
    schema.update(number)


def yes_no_or_empty(schema: JsonDict) -> None:
    """The same for `bool | None`: of a type `boolean` the form makes a switch, which says no when
    nobody has touched it."""
    number_or_empty(schema)
    schema.pop("type")
    schema["enum"] = [True, False]


def left_open(**more: JsonValue) -> Callable[[JsonDict], None]:
    """The same for `X | None` of any kind, with `more` that its schema says."""

    def change(schema: JsonDict) -> None:
        number_or_empty(schema)
        schema.update(more)

    return change
