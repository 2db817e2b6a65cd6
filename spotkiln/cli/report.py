"""DORA's figures and what was saved, of one application or of all."""

from collections.abc import Iterable

from rich.table import Table

from spotkiln.cli.output import columns
from spotkiln.errors import InputError
from spotkiln.prefect_api import figures
from spotkiln.prefect_api.connection import ask
from spotkiln.show.figures import HEADER, Figures, row
from spotkiln.start.deployment import RELEASE


def look(wanted: str, days: int) -> list[Figures]:
    """
    Raises:
        InputError: there is no such application.
    """
    name = wanted.removeprefix(f"{RELEASE}/")
    found = ask(figures.all_of, days)
    if name and name not in {one.name for one in found}:
        known = ", ".join(one.name for one in found) or "none"
        raise InputError(f"no application {name} in Prefect; there are: {known}")
    return [one for one in found if not name or one.name == name]


def table(found: Iterable[Figures]) -> Table:
    return columns([one.upper() for one in HEADER], map(row, found))
