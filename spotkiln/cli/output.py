"""How answers are shown: for people, or as JSON for programs."""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import IntEnum

from pydantic import TypeAdapter


class Exit(IntEnum):
    """What the command ends with. 3 and 4 only where they are asked for: nothing to do is no
    failure, and what is held is not released."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNCHANGED = 3
    HELD = 4
    INTERRUPTED = 130


def columns(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A plain table: what is cut by `awk` as well as read. Empty cells are dashes."""
    lines = [list(header), *([str(cell) or "-" for cell in row] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def moment(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


def show(answer: object, text: str, *, as_json: bool) -> None:
    """`answer` (our nouns, or lists of them) as JSON, or else its text."""
    if as_json:
        text = TypeAdapter(object).dump_json(answer, indent=2).decode()
    print(text, flush=True)


def tell(text: str, *, aside: bool = False) -> None:
    """A line of progress. `aside`: to stderr, for stdout is a program's."""
    print(text, file=sys.stderr if aside else sys.stdout, flush=True)
