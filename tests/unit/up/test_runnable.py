"""Marked command blocks are found in the documentation, and nothing else."""

import subprocess
from pathlib import Path

import pytest

from tests.up.runnable import Block, all_blocks, blocks, script

PAGE = """
<!-- runs: up -->

    one --long \\
        --option
    two    # told

Words.

    not marked

<!-- runs: here -->
```bash
three
```
"""


def test_blocks_of_both_kinds_are_found_by_their_mark() -> None:
    assert blocks(PAGE, "page.md") == [
        Block("page.md", 4, "up", ("one --long      --option", "two    # told")),
        Block("page.md", 13, "here", ("three",)),
    ]


def test_a_mark_without_a_block_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"page.md:1: expected a command block"):
        blocks("<!-- runs: up -->\n\nWords.\n", "page.md")


def test_the_documentation_has_marked_blocks() -> None:
    found = all_blocks()
    assert {one.where for one in found} == {"up", "tutorial"}
    assert {one.page for one in found} >= {
        "docs/tutorial.md",
        "docs/tutorial-your-application.md",
        "docs/up.md",
    }


def test_the_first_command_that_fails_ends_it(tmp_path: Path) -> None:
    typed = tmp_path / "typed"
    typed.write_text("a value\n")
    (tmp_path / "environment").write_text("export KNOWN=known\n")
    lines = [". ./environment", "cat; echo $KNOWN  # said", "false", "echo no"]
    page = "<!-- runs: up -->\n\n" + "".join(f"    {line}\n" for line in lines)
    done = subprocess.run(
        ["bash", "-c", script(blocks(page, "p"), typed)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "+ p:3: . ./environment",
        "+ p:3: cat; echo $KNOWN  # said",
        "a value",
        "known",
        "+ p:3: false",
    ]
