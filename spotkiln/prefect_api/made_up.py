"""Names that nobody chose: those which Prefect and the form of its UI make up for a run."""

from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from coolname import data

# With what the form's names begin, as in `Rustic-Lion`; an animal's name follows, of at most so
# many letters.
FIRST = {
    *("Awesome", "Rustic", "Small", "Gorgeous", "Fantastic", "Sleek", "Intelligent", "Unbranded"),
    *("Refined", "Licensed", "Generic", "Practical", "Ergonomic", "Handcrafted", "Tasty"),
    *("Handmade", "Incredible"),
}
ANIMAL_LETTERS = 6


Part = Mapping[str, Any]


@cache
def _words() -> frozenset[str]:
    """Of those that the server puts together, as in `brave-otter`."""
    found = set[str]()
    for part in cast(Mapping[str, Part], data.config).values():
        found.update(part.get("words", ()))
        found.update(word for phrase in part.get("phrases", ()) for word in phrase)
    return frozenset(found)


def is_made_up(name: str) -> bool:
    first, *others = name.split("-")
    if not others:
        return False
    if first in FIRST:
        return len("-".join(others)) <= ANIMAL_LETTERS
    return _words().issuperset([first, *others])
