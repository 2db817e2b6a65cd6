"""What a command says comes home without the values of its settings."""

import base64
import html
import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import quoteattr

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


def hidden(
    tmp_path: Path, said: str, settings: Mapping[str, str] = SETTINGS, app: str = "shop"
) -> str:
    for name, value in settings.items():
        (tmp_path / name).write_text(value)
    done = subprocess.run(
        ["bash", SCRIPT, app],
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


ODD = """p&s<w>"or'd \\ é/\U0001f511\t+%#{x} end"""
FORMS = {
    "JSON": json.dumps(ODD)[1:-1],
    "JSON with other letters as they are": json.dumps(ODD, ensure_ascii=False)[1:-1],
    "JSON for a page": json.dumps(ODD, ensure_ascii=False)[1:-1]
    .replace("&", "\\u0026")
    .replace("<", "\\u003c")
    .replace(">", "\\u003e"),
    "JSON with slashes escaped": json.dumps(ODD, ensure_ascii=False)[1:-1].replace("/", "\\/"),
    "JSON in JSON": json.dumps(json.dumps(ODD)[1:-1])[1:-1],
    "an attribute": quoteattr(ODD)[1:-1].replace("&#9;", "\t"),
    "a page": html.escape(ODD),
    "Go's XML": html.escape(ODD).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    "JSON in a page": html.escape(json.dumps(ODD)[1:-1]),
    "an address": quote(ODD, safe=""),
    "a path": quote(ODD),
    "a form": quote_plus(ODD),
    "an address with small letters": re.sub(r"%..", lambda x: x[0].lower(), quote(ODD, safe="")),
    "base64": base64.b64encode(ODD.encode()).decode(),
    "Ruby": json.dumps(ODD, ensure_ascii=False)[1:-1].replace("#{", "\\#{"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_however_it_is_written(tmp_path: Path, form: str) -> None:
    shown = hidden(tmp_path, f"before:{form}:after\n", {"ODD": ODD})
    # Base64 is filled up to four characters.
    assert shown.replace("=", "") == "before:[ODD]:after\n"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        # An address's password, as a driver reads it, and with what an address may not hold.
        ("postgres://shop:p%40ss%2Fw0rd@db/shop", "p@ss/w0rd"),
        ("postgres://shop:p@ssw0rd@db/shop", "p@ssw0rd"),
        ("https://ghp_token1234@git.example/x", "ghp_token1234"),
        ("https://ghp_token1234:x-oauth-basic@git.example/x", "ghp_token1234"),
        ("https://shop:s3cr3t!@api.example", base64.b64encode(b"shop:s3cr3t!").decode()),
        ("jdbc:postgresql://db/shop?user=shop&password=hunter22", "hunter22"),
        ("redis://:first1@a:6379 redis://:second2@b:6379", "second2"),
        ('{"type": "account", "private_key": "-----BEGIN\\nMIIEvQIBADAN\\n---"}', "MIIEvQIBADAN"),
    ],
)
def test_what_is_secret_in_a_value_is_hidden_by_itself(
    tmp_path: Path, value: str, said: str
) -> None:
    assert hidden(tmp_path, f"wrong: {said} !\n", {"ONE": value}) == "wrong: [ONE] !\n"


def test_a_name_may_begin_with_points(tmp_path: Path) -> None:
    assert hidden(tmp_path, "it is secret\n", {"..odd": "it is secret"}) == "[..odd]\n"


def test_what_is_read_while_it_runs_is_hidden_too(tmp_path: Path) -> None:
    """A machine is reached before it has read its settings."""
    folder = tmp_path / "credentials"
    with subprocess.Popen(
        ["bash", SCRIPT, "shop"],
        env={"PATH": os.environ["PATH"], "SPOTKILN_SETTINGS": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdin and running.stdout

        def shown(line: str) -> str:
            assert running.stdin and running.stdout
            running.stdin.write(f"{line}\n")
            running.stdin.flush()
            return running.stdout.readline().rstrip("\n")

        assert shown("first secret") == "first secret"
        folder.mkdir()
        (folder / "ONE").write_text("first secret")
        assert shown("first secret") == "[ONE]"
        folder.rename(tmp_path / "old")
        folder.mkdir()
        (folder / "ONE").write_text("second secret")
        assert shown("first secret, second secret") == "[ONE], [ONE]"


@pytest.mark.parametrize(
    "value", ["shop-web", "production", "postgres", "127.0.0.1", "eu-central-1"]
)
def test_a_word_of_every_log_is_shown(tmp_path: Path, value: str) -> None:
    """Else nobody could read them: neither people, nor what looks for the cause of a failure."""
    said = "Id=shop-web.service in eu-central-1, production, FATAL: postgres at 127.0.0.1\n"
    assert hidden(tmp_path, said, {"ONE": value}, "shop-web") == said
