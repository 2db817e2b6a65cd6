"""What a command says comes home without the values of its settings."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.nouns import ROOT

SCRIPT = ROOT / "systemd" / "hide-settings.sh"
SETTINGS = {
    "DATABASE_URL": "postgres://shop:p4ss/w0rd@db.example/shop",
    "TOKEN": "it is secret\n",
    "odd-name": 'a "b" $c \\ d',
    "PLAIN": "s3cr3t.*value",
    "SHORT": "1234",
    "KEY": "-----BEGIN KEY-----\nMIIEvQIBADAN\n-----END KEY-----\n",
}


def hidden(tmp_path: Path, said: str, settings: Mapping[str, str] = SETTINGS) -> str:
    for name, value in settings.items():
        (tmp_path / name).write_text(value)
    done = subprocess.run(
        ["bash", SCRIPT, "shop"],
        env={"PATH": os.environ["PATH"], "SPOTKILN_SETTINGS": str(tmp_path)},
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
        ('a "b" $c \\ d\n', "[odd-name]\n"),
        ("s3cr3t.*value but not s3cr3t value\n", "[PLAIN] but not s3cr3t value\n"),
        ("MIIEvQIBADAN\n", "[KEY]\n"),
        # Too short to be one, and too likely to be something else.
        ("1234\n", "1234\n"),
        ("without an end", "without an end"),
    ],
)
def test_a_value_is_shown_by_its_name(tmp_path: Path, said: str, shown: str) -> None:
    assert hidden(tmp_path, said) == shown


def test_without_settings_all_is_shown(tmp_path: Path) -> None:
    assert hidden(tmp_path, "it is secret\n", {}) == "it is secret\n"
    assert hidden(tmp_path / "nowhere", "it is secret\n", {}) == "it is secret\n"
