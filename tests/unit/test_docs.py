"""What the documentation says of the code, where that can be looked up."""

import re
from pathlib import Path

import pytest

from spotkiln.release.release import Outcome
from tests.unit.nouns import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = "spotkiln|tasks|flows|tests|packer|systemd|sandbox|scripts|examples|docs"
# A file by its path from the repository's top; not one of a host, as /etc/spotkiln/worker.env.
FILE = re.compile(rf"(?<![\w/.-])(?:{FOLDERS})/[\w./-]+\.(?:py|sh|md|hcl|yaml|service)\b")


@pytest.mark.parametrize("page", PAGES, ids=lambda one: one.name)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    named = set(FILE.findall(page.read_text()))
    assert sorted(one for one in named if not (ROOT / one).exists()) == []


def test_pages_name_files() -> None:
    """The pattern above finds them."""
    assert len({one for page in PAGES for one in FILE.findall(page.read_text())}) > 30


def test_the_map_tells_of_every_outcome_of_a_release() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    table = text.partition("## All ways in which a release can end")[2]
    told = set(re.findall(r"^\| `([a-z ]+)` \|", table, re.MULTILINE))
    assert told == {one.replace("_", " ") for one in Outcome}
