"""What a command says comes home without the values of its settings."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.unit.nouns import ROOT

SCRIPT = (ROOT / "packer" / "scripts" / "task.sh").read_text()
SETTINGS = """\
DATABASE_URL="postgres://shop:p4ss/w0rd@db.example/shop"
TOKEN='it is secret'
QUOTED="a \\"b\\" $c \\\\ d"
PLAIN=s3cr3t.*value
SHORT=1234
"""


def hidden(tmp_path: Path, said: str, settings: str | None = SETTINGS) -> str:
    found = re.search(r"^hide_settings\(\) \{\n.*?^\}\n", SCRIPT, re.MULTILINE | re.DOTALL)
    assert found
    file = tmp_path / "config.env"
    if settings is not None:
        file.write_text(settings)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"settings=$1\n{found[0]}hide_settings", "_", str(file)],
        input=said,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("postgres://shop:p4ss/w0rd@db.example/shop is away\n", "[DATABASE_URL] is away\n"),
        ("wrong password p4ss/w0rd for shop\n", "wrong password [DATABASE_URL] for shop\n"),
        ("it is secret, it is secret\n", "[TOKEN], [TOKEN]\n"),
        ('a "b" $c \\ d\n', "[QUOTED]\n"),
        ("s3cr3t.*value but not s3cr3t value\n", "[PLAIN] but not s3cr3t value\n"),
        # Too short to be one, and too likely to be something else.
        ("1234\n", "1234\n"),
        ("without an end", "without an end"),
    ],
)
def test_a_value_is_shown_by_its_name(tmp_path: Path, said: str, shown: str) -> None:
    assert hidden(tmp_path, said) == shown


@pytest.mark.parametrize("settings", [None, "", "# nothing\n"])
def test_without_settings_all_is_shown(tmp_path: Path, settings: str | None) -> None:
    assert hidden(tmp_path, "it is secret\n", settings) == "it is secret\n"
