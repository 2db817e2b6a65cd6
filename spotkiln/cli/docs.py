"""`docs`: the documentation of this version, which an installation has with it."""

import re
import sys
from difflib import get_close_matches
from pathlib import Path

from rich.console import RenderableType
from rich.markdown import Markdown

from spotkiln.bake.recipe import ROOT
from spotkiln.cli.output import Exit, columns, show
from spotkiln.errors import InputError

FOLDER = ROOT / "docs"
HEADING = re.compile(r"(#+) +(.+)")
FENCE = "```"
# For whoever reads the file alone: what runs it as a test, where a table is put in.
COMMENT = re.compile(r"<!--.*?-->\n*", re.DOTALL)


def pages() -> dict[str, Path]:
    """Each page by what it is asked for as: `traffic`, `guides/rails`."""
    found = sorted(FOLDER.rglob("*.md"))
    return {str(one.relative_to(FOLDER).with_suffix("")): one for one in found}


def _text(file: Path) -> str:
    return COMMENT.sub("", file.read_text())


def headings(text: str) -> list[tuple[int, int, str]]:
    """Line, depth and words of each; none of what a block of code has."""
    found, fenced = [], False
    for number, line in enumerate(text.splitlines()):
        fenced ^= line.startswith(FENCE)
        if not fenced and (match := HEADING.fullmatch(line)):
            found.append((number, len(match[1]), match[2]))
    return found


def section_of(text: str, wanted: str) -> str:
    """From the first heading that has these words to the next of its depth.

    Raises:
        InputError: none has them.
    """
    found = headings(text)
    for place, (begin, depth, words) in enumerate(found):
        if wanted.lower() in words.lower():
            ends = (line for line, of, _ in found[place + 1 :] if of <= depth)
            return "\n".join(text.splitlines()[begin : next(ends, None)]).rstrip() + "\n"
    titles = ", ".join(words for _, _, words in found[1:])
    raise InputError(f"no section of it is named like {wanted!r}; it has: {titles}")


def _page(name: str, known: dict[str, Path]) -> Path:
    """
    Raises:
        InputError: there is none of this name.
    """
    plain = name.removeprefix("docs/").removesuffix(".md")
    for one in (plain, f"guides/{plain}"):
        if one in known:
            return known[one]
    near = get_close_matches(plain, known, n=3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise InputError(f"no page is named {name!r}: {hint}`spotkiln docs` lists them")


def docs(name: str, section: str, *, as_json: bool) -> int:
    """The list of pages; with a name that page, or a section of it."""
    known = pages()
    if not name:
        rows = [(one, headings(_text(file))[0][2]) for one, file in known.items()]
        show(
            [{"page": one, "title": title} for one, title in rows],
            columns(("page", "what"), rows),
            as_json=as_json,
        )
        return Exit.OK
    text = _text(_page(name, known))
    if section:
        text = section_of(text, section)
    # In a pipe as it was written, so that `grep` and `less` have its lines.
    shown: RenderableType = Markdown(text) if sys.stdout.isatty() else text
    show({"page": name, "text": text}, shown, as_json=as_json)
    return Exit.OK
