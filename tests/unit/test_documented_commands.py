"""Each command of the documentation, and of our own advice, is one that there is: it is parsed by
the program's own parser, and nothing of it runs."""

import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

import pytest
from cyclopts import App
from prefect.cli._app import _app as prefect

from examples.up import service
from sandbox.__main__ import _parser as sandbox
from spotkiln.cli.main import ACCOUNT, COMMANDS, PREVIEW, app
from tests.unit.nouns import ROOT

PAGES = [
    *(ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "sandbox" / "README.md"),
    ROOT / "spotkiln" / "template" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
CODE = sorted(
    file
    for folder in ("spotkiln", "tasks", "examples", "rehearsal")
    for file in (ROOT / folder).rglob("*.py")
)
PROGRAMS = {"spotkiln", "prefect", "sandbox", "sandbox-service", "make"}
SETTING = re.compile(r"[A-Z_]+=\S*")
# A part that may be left out, and what stands for the rest.
OPEN = re.compile(r"\[(-[^\]]*)\]|\[[^\]]*\]|…")
TARGETS = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
MAKES = (ROOT / "Makefile").read_text() + (ROOT / "examples" / "up" / "ports.py").read_text()


class Typed(NamedTuple):
    where: str
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        return self.words[0]


def words_of(line: str) -> tuple[str, ...]:
    """Of the first command of a line, from its program on; none if it is none of ours."""
    try:
        found = shlex.split(line, comments=True)
    except ValueError:  # a quote that another line closes
        return ()
    while found and SETTING.fullmatch(found[0]):
        found.pop(0)
    for program in (["python", "-m", "sandbox"], ["spotkiln", "sandbox"]):
        if found[: len(program)] == program:
            found[: len(program)] = ["sandbox"]
    if not found or (name := found[0].removeprefix(".venv/bin/")) not in PROGRAMS:
        return ()
    if name == "make" and found[1:] and found[1].startswith("-"):  # as another project is built
        return ()
    end = next((n for n, word in enumerate(found) if word in {"|", ">", "&&", ";"}), len(found))
    return (name, *found[1:end])


def block_lines(text: str) -> Iterator[tuple[int, str]]:
    """Of code: between fences, or indented. A line that ends with a backslash has the next one."""
    fenced, before = False, ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            if line.endswith("\\"):
                before += line[:-1].strip() + " "
                continue
            yield number, before + line.strip()
            before = ""


def in_blocks() -> list[Typed]:
    return [
        Typed(f"{page.relative_to(ROOT)}:{number}", words)
        for page in PAGES
        for number, line in block_lines(page.read_text())
        if (words := words_of(OPEN.sub(lambda part: (part[1] or "").split("|")[0], line)))
    ]


def in_sentences() -> list[Typed]:
    """Between two backticks, of the documentation and of what the product says. They may leave out
    what the sentence tells; in a program's text `{...}` stands for anything."""
    found: list[Typed] = []
    for file in [*PAGES, *CODE]:
        text = file.read_text()
        if file.suffix == ".py":
            # Strings that stand beside each other are one.
            text = re.sub(r'"\s*\n\s*f?"', "", text)
            text = re.sub(r"\{[^{}\n]*\}", "X", text)
        found += [
            Typed(f"{file.relative_to(ROOT)}: {' '.join(words)}", words)
            for quoted in re.findall(r"`([a-z.][^`]+)`", text)
            if (words := words_of(OPEN.sub("", " ".join(quoted.split()))))
        ]
    return found


BLOCKS, SENTENCES = in_blocks(), in_sentences()


def parse_cyclopts(program: App, words: tuple[str, ...]) -> None:
    program.parse_args(list(words), exit_on_error=False, print_error=False)


def parse_prefect(words: tuple[str, ...]) -> None:
    parse_cyclopts(prefect, tuple(one for one in words if one != "--no-prompt"))


def parse_make(words: tuple[str, ...]) -> None:
    for word in words:
        name, _, value = word.partition("=")
        assert (name in MAKES) if value else name in TARGETS, word


def parse_sandbox(words: tuple[str, ...]) -> None:
    sandbox().parse_args(words)


def parse_service(words: tuple[str, ...]) -> None:
    service.parser().parse_args(words)


PARSE: dict[str, Callable[[tuple[str, ...]], None]] = {
    "spotkiln": lambda words: parse_cyclopts(app, words),
    "prefect": parse_prefect,
    "make": parse_make,
    "sandbox": parse_sandbox,
    "sandbox-service": parse_service,
}


def test_there_are_some() -> None:
    """They are found at all."""
    assert {one.program for one in BLOCKS} == PROGRAMS
    assert len(BLOCKS) > 80
    assert len({one.words for one in SENTENCES}) > 60


@pytest.mark.parametrize("typed", BLOCKS, ids=lambda one: one.where)
def test_what_is_typed_is_understood(typed: Typed) -> None:
    PARSE[typed.program](typed.words[1:])


NAMES = {
    *(command.__name__.rstrip("_") for commands in COMMANDS.values() for command in commands),
    *(f"preview {command.__name__.rstrip('_')}" for command in PREVIEW),
    *(f"account {command.__name__}" for command in ACCOUNT),
}


def options(name: str) -> set[str]:
    found = app
    for word in name.split():
        found = found[word]
        assert isinstance(found, App)
    every = found.assemble_argument_collection()
    return {"--help", *(name for one in every for name in one.names if name.startswith("-"))}


@pytest.mark.parametrize(
    "typed",
    [one for one in SENTENCES if one.program == "spotkiln" and len(one.words) > 1],
    ids=lambda one: one.where,
)
def test_what_a_sentence_names_is_there(typed: Typed) -> None:
    _, name, *more = typed.words
    if name in {"account", "preview"} and more:
        name = f"{name} {more.pop(0)}"
    if name.startswith("-") or name == "X":
        assert name in {"X", "--version", "--help", "--install-completion"}
        return
    assert name in NAMES
    with suppress(ValueError):
        more = more[: more.index("--")]
    # The documentation may speak of a command; advice names all that must be typed.
    if not typed.where.startswith(("docs/", "README", "sandbox/", "CONTRIBUTING")):
        PARSE["spotkiln"](typed.words[1:])
    given = {one.partition("=")[0] for one in more if one.startswith("-")}
    # `server` hands on what Prefect's own command takes.
    assert name == "server" or given <= options(name)


ROWS = re.findall(r"^\| (`[^|]*`[^|]*) \| ", (ROOT / "docs" / "cli.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("row", ROWS)
def test_the_table_of_commands_names_options_that_there_are(row: str) -> None:
    told = NAMES & set(re.findall(r"`((?:account |preview )?[a-z]+)[ `]", row))
    assert told
    for name in told:
        assert set(re.findall(r"--[a-z][a-z-]+", row)) <= options(name)
