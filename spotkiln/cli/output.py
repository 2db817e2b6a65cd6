"""How answers are shown: for people, or as JSON for programs.

On a terminal with colours, and tables as wide as it is; in a pipe as plain lines, which `awk` and
`grep` can cut. Which of the two it is, rich decides (NO_COLOR, FORCE_COLOR, TERM).
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import IntEnum
from typing import Annotated, Any, TextIO

from cyclopts import Parameter
from pydantic import TypeAdapter
from rich.console import Console, RenderableType
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

# Wider than anything: what is cut by programs is not wrapped.
NO_END = 100_000
GAP = 2
Json = Annotated[bool, Parameter(name="--json", negative=(), help="Answer in JSON.")]
COLOURS = {
    "ok": "green",
    "healthy": "green",
    "NOT OK": "bold red",
    "unhealthy": "red",
    "WARNING": "yellow",
    "ERROR": "red",
    "CRITICAL": "bold red",
}


class Exit(IntEnum):
    """What the command ends with. 3, 4 and 5 only where they are asked for: nothing to do is no
    failure, and what is held or frozen is not released."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNCHANGED = 3
    HELD = 4
    FROZEN = 5
    INTERRUPTED = 130


def columns(header: Sequence[str], rows: Iterable[Sequence[object]], whole: int = 1) -> Table:
    """A table. Empty cells are dashes. What stands first is copied: the first `whole` columns are
    never broken."""
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for number, name in enumerate(header):
        table.add_column(Text(name), overflow="fold", no_wrap=number < whole)
    for row in rows:
        texts = (str(cell) or "-" for cell in row)
        # Text: what others wrote is no markup.
        table.add_row(*(Text(text, style=COLOURS.get(text, "")) for text in texts))
    return table


def _console(stream: TextIO) -> Console:
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = NO_END
    return console


def _write(stream: TextIO, *parts: RenderableType) -> None:
    console = _console(stream)
    with console.capture() as captured:
        for part in parts:
            # Lines of text are a terminal's to wrap: one that is copied stays one.
            console.print(part, soft_wrap=isinstance(part, str | Text))
    lines = captured.get().splitlines()
    stream.write("".join(f"{line.rstrip()}\n" for line in lines))
    stream.flush()


def moment(when: datetime) -> str:
    """As it is on this machine, with its zone. JSON has UTC."""
    return f"{when.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def show(answer: object, *parts: RenderableType, as_json: bool) -> None:
    """`answer` (our nouns, or lists of them) as JSON, or else its parts: texts and tables."""
    if as_json:
        print(TypeAdapter(object).dump_json(answer, indent=2).decode(), flush=True)
    else:
        _write(sys.stdout, *parts)


def write(*parts: RenderableType) -> None:
    """Lines on stdout, together."""
    _write(sys.stdout, *parts)


def give_up_stdout() -> None:
    """Standard output was closed by its reader, such as `head`. Python would write to it once more
    when it ends, and fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(text: str, *, aside: bool = False) -> None:
    """A line of progress. `aside`: to stderr, for stdout is a program's."""
    print(text, file=sys.stderr if aside else sys.stdout, flush=True)


class Voice:
    """Tells what a run does: lines that stay, and how far it is. On a terminal what passes is one
    live line below those that stay, in a pipe each is a line of its own."""

    def __init__(self, stream: TextIO, bar: Progress | None) -> None:
        self._stream = stream
        self._bar = bar
        self._task: TaskID | None = None
        self._shown = ""
        self._stage = ""

    def line(self, text: str, level: str = "INFO") -> None:
        if self._bar:
            self._bar.console.print(Text(text, style=COLOURS.get(level, "")), soft_wrap=True)
        else:
            _write(self._stream, text)

    def stage(self, name: str) -> None:
        """A stage begins; empty: it has ended."""
        self._stage = name
        if self._bar and name:
            self._live(name, None)

    def passing(self, text: str, plain: str) -> None:
        """What is of interest until the next. `plain` is the line in a pipe."""
        if self._bar:
            self._live(f"{self._stage}: {text}" if self._stage else text, None)
        else:
            self.line(plain)

    def progress(self, what: str, percent: float) -> None:
        """How far it is. Told again only when it has changed."""
        shown = f"{what}: {percent:.0f} %"
        if shown == self._shown:
            return
        self._shown = shown
        if self._bar is None:
            self.line(shown)
        else:
            self._live(what, percent)

    def _live(self, text: str, percent: float | None) -> None:
        assert self._bar is not None
        first = text.splitlines()[0] if text else ""
        seen: dict[str, Any] = {"description": first, "done": _done(percent)}
        if self._task is None:
            self._task = self._bar.add_task(total=None, **seen)
        else:
            self._bar.update(self._task, refresh=True, **seen)


def _done(percent: float | None) -> str:
    return "" if percent is None else f"{percent:.0f} %"


@contextmanager
def voice(*, aside: bool = False) -> Iterator[Voice]:
    """Of a run that is followed. `aside`: on stderr, for stdout is a program's."""
    stream = sys.stderr if aside else sys.stdout
    console = _console(stream)
    if not console.is_interactive:
        yield Voice(stream, None)
        return
    parts = (
        SpinnerColumn(),
        # As much of it as the line has room for.
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=1)),
        TextColumn("{task.fields[done]}"),
        TimeElapsedColumn(),
    )
    with Progress(*parts, console=console, transient=True, expand=True) as bar:
        yield Voice(stream, bar)
