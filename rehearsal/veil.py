"""Veil: takes the values of an application's settings out of what is told of it."""

from collections.abc import Iterable, Sequence
from typing import Any

# As short as no secret is.
SHORTEST = 6


def cell(text: object) -> str:
    """As a table of the page has it."""
    return " ".join(str(text).split()).replace("|", "\\|") or "–"


def veiled(text: str, values: Iterable[str]) -> str:
    """Without the values of its settings, which it may have told itself. Plain words stay: they are
    no secrets, and texts are full of them."""
    forms = {form for one in values for form in (one, " ".join(one.split()), cell(one))}
    for one in sorted(forms, key=len, reverse=True):
        if len(one) >= SHORTEST and not one.isalpha():
            text = text.replace(one, "***")
    return text


def veiled_in(found: Any, values: Sequence[str]) -> Any:
    """The same of what is within lists and dicts: each text by itself. Numbers and keys stay; a
    tuple, with names or without, becomes a list, as in JSON."""
    if isinstance(found, str):
        return veiled(found, values)
    if isinstance(found, list | tuple):
        return [veiled_in(one, values) for one in found]
    if isinstance(found, dict):
        return {key: veiled_in(one, values) for key, one in found.items()}
    return found
