"""`docs`: what an installation has of the documentation, and that messages point to it."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from spotkiln.cli.docs import headings, pages, section_of
from spotkiln.cli.main import main
from spotkiln.errors import InputError
from tests.unit.nouns import ROOT

PAGE = "# Page\n\n## One\n\n```\n# no heading\n```\n\n### Below\n\nDeep.\n\n## Two\n\nLast.\n"
SAID = re.compile(r"`spotkiln docs ([a-z/-]+)(?: \"([^\"]+)\")?`")


def texts(source: str) -> Iterator[str]:
    """What the module says: its strings, parts of one together, without docstrings."""
    tree = ast.parse(source)
    documented = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    for one in ast.walk(tree):
        text = one.value if isinstance(one, ast.Constant) else None
        if isinstance(text, str) and id(one) not in documented:
            yield text


@pytest.fixture(scope="module")
def said() -> list[tuple[Path, str]]:
    """What the modules say that speak of the documentation at all."""
    folders = ("spotkiln", "flows", "tasks", "rehearsal")
    files = [one for folder in folders for one in sorted((ROOT / folder).rglob("*.py"))]
    sources = [(file, source) for file in files if "docs" in (source := file.read_text())]
    return [(file, text) for file, source in sources for text in texts(source)]


def test_messages_name_pages_that_whoever_reads_them_can_open(said: list[tuple[Path, str]]) -> None:
    """An installation has no folder docs/ beside it."""
    found = [
        f"{file.relative_to(ROOT)}: {text}"
        for file, text in said
        if re.search(r"docs/[\w-]+\.md", text)
    ]
    assert found == []


def test_each_page_and_section_that_a_message_names_is_there(said: list[tuple[Path, str]]) -> None:
    named = {match for _, text in said for match in SAID.findall(text)}
    assert ("aws", "") in named
    for name, section in named:
        text = pages()[name].read_text()
        assert not section or section_of(text, section)


def test_pages_are_listed_with_their_titles(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = [one for one in lines if one.startswith("traffic ")]
    title = (ROOT / "docs" / "traffic.md").read_text().partition("\n")[0]
    assert line.split(maxsplit=1) == ["traffic", title.removeprefix("# ")]
    assert main(["docs", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {one["page"] for one in listed} == set(pages())
    assert all(one["title"] for one in listed)


@pytest.mark.parametrize("name", ["rails", "guides/rails", "docs/guides/rails.md"])
def test_a_page_is_told_as_it_was_written(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs", name]) == 0
    assert capsys.readouterr().out.startswith("# A Rails application\n")


def test_comments_for_tests_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert "<!--" in (ROOT / "docs" / "up.md").read_text()
    assert main(["docs", "up"]) == 0
    assert "<!--" not in capsys.readouterr().out


def test_a_page_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs", "trafic"]) == 2
    assert "did you mean traffic" in capsys.readouterr().err


def test_a_section_ends_where_the_next_of_its_depth_begins() -> None:
    assert section_of(PAGE, "one") == "## One\n\n```\n# no heading\n```\n\n### Below\n\nDeep.\n"
    assert section_of(PAGE, "BELOW") == "### Below\n\nDeep.\n"
    assert section_of(PAGE, "two") == "## Two\n\nLast.\n"


def test_what_stands_in_a_block_of_code_is_no_heading() -> None:
    assert [words for _, _, words in headings(PAGE)] == ["Page", "One", "Below", "Two"]


def test_a_section_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(InputError, match="it has: One, Below, Two"):
        section_of(PAGE, "three")
