"""Runnable: the command blocks of the documentation that are marked, as people type them.

A comment that no reader sees stands before a block: `<!-- runs: up -->`. Its word says where the
block runs: `up` in a terminal beside `make up`, `tutorial` in order, from nothing, with an
application beside the working tree.
"""

import re
from pathlib import Path
from typing import NamedTuple

from examples.repositories import ROOT

MARK = re.compile(r"^<!-- runs: (\w+) -->$")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "sandbox" / "README.md"]


class Block(NamedTuple):
    page: str
    line: int
    where: str
    commands: tuple[str, ...]


def _indented(lines: list[str], start: int) -> list[str]:
    found = []
    for line in lines[start:]:
        if not line.startswith("    ") and line.strip():
            break
        found.append(line[4:])
    return found


def _fenced(lines: list[str], start: int) -> list[str]:
    end = next(at for at in range(start + 1, len(lines)) if lines[at].startswith("```"))
    return lines[start + 1 : end]


def _joined(lines: list[str]) -> tuple[str, ...]:
    """One a command: a line that ends with a backslash goes on in the next one."""
    text = "\n".join(lines).replace("\\\n", " ")
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def blocks(text: str, page: str) -> list[Block]:
    """In the order of the page.

    Raises:
        ValueError: a mark has no block below it.
    """
    lines, found = text.splitlines(), []
    for number, line in enumerate(lines):
        if (mark := MARK.match(line)) is None:
            continue
        start = next((at for at in range(number + 1, len(lines)) if lines[at].strip()), number)
        read = _fenced if lines[start].startswith("```") else _indented
        commands = _joined(read(lines, start))
        if not commands:
            raise ValueError(f"{page}:{number + 1}: expected a command block below the mark")
        found.append(Block(page, start + 1, mark[1], commands))
    return found


def all_blocks() -> list[Block]:
    return [
        block
        for path in PAGES
        for block in blocks(path.read_text(), path.relative_to(ROOT).as_posix())
    ]


def yaml_blocks(page: Path) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)


def script(found: list[Block], typed: Path) -> str:
    """For one shell, as one terminal: each command is told before it runs, the first that fails
    ends it. What a command reads comes from the file `typed`."""
    lines = ["set -e"]
    for block in found:
        for command in block.commands:
            quoted = command.replace("'", "'\\''")
            lines += [f"echo '+ {block.page}:{block.line}: {quoted}'"]
            # In braces, so that what is read by `.` stays; the end of a comment ends no brace.
            lines += ["{", command, f"}} <'{typed}'"]
    return "\n".join(lines) + "\n"
