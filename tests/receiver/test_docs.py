"""The one-liners of docs/push.md, as they stand there, against a real Prefect server."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from examples.prefect_local import ROOT
from receiver.settings import Settings
from tests.receiver.service import Server, Service, commit, commits

DOCS = (ROOT / "docs" / "push.md").read_text()
needs_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")


def fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCS, re.MULTILINE | re.DOTALL)


def lines() -> dict[str, tuple[str, dict[str, str]]]:
    """By system: the line as its shell sees it, and the variables that the system sets."""
    _, github, gitlab, woodpecker = (yaml.safe_load(one) for one in fenced("yaml"))
    (jenkins,) = re.findall(r"'''\n(.*?)\n\s*'''", fenced("groovy")[0], re.DOTALL)
    return {
        "github": (
            github["jobs"]["release"]["steps"][0]["run"],
            {"GITHUB_SHA": "@", "GITHUB_REF_NAME": "main"},
        ),
        "gitlab": (
            gitlab["release"]["script"][0],
            {"CI_COMMIT_SHA": "@", "CI_COMMIT_BRANCH": "main"},
        ),
        "woodpecker": (
            woodpecker["steps"][0]["commands"][0],
            {"CI_COMMIT_SHA": "@", "CI_COMMIT_BRANCH": "main"},
        ),
        # Groovy takes one of two backslashes away.
        "jenkins": (jenkins.replace("\\\\", "\\"), {"GIT_COMMIT": "@", "BRANCH_NAME": "main"}),
    }


def run(line: str, server: Server, where: Path, **environment: str) -> str:
    done = subprocess.run(
        ["sh", "-euc", line],
        cwd=where,
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "PREFECT_API_URL": f"{server.prefect.address}/api",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def shop(server: Server) -> str:
    """With values that a shell would take for its own."""
    environment = {"TEXT": "a\\nb 'c' \"d\" $HOME"}
    repository = "git@github.com:acme/shop.git"
    return server.deploy("shop", repository, "push:branch=main", environment=environment)


@needs_jq
@pytest.mark.parametrize("system", ["github", "gitlab", "woodpecker", "jenkins"])
def test_a_line_starts_the_commit_once(
    server: Server, receiver: Service, shop: str, tmp_path: Path, system: str
) -> None:
    line, variables = lines()[system]
    pushed = commit()
    given = {name: pushed if value == "@" else value for name, value in variables.items()}
    before = len(server.runs(shop))
    first, again = (json.loads(run(line, server, tmp_path, **given))["id"] for _ in range(2))
    assert first == again
    # The hook that tells of the same push starts nothing more.
    answer = receiver.push("https://github.com/acme/shop", "main", commit(), pushed)
    assert answer.json()["runs"][0]["id"] == first
    made = server.runs(shop)[before:]
    assert commits(made) == [pushed]
    assert made[0]["parameters"]["app"]["environment"] == {"TEXT": "a\\nb 'c' \"d\" $HOME"}
    assert "pushed:github.com/acme/shop@main" in made[0]["tags"]


@needs_jq
def test_by_hand_in_a_clone(server: Server, shop: str, tmp_path: Path) -> None:
    (line,) = fenced("sh")
    for command in (
        "git init -q -b main .",
        "git -c user.name=a -c user.email=a@example.com commit -q --allow-empty -m one",
    ):
        subprocess.run(command.split(), cwd=tmp_path, check=True, timeout=30)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    options = tmp_path / "options"
    options.write_text('user = "admin:a password"\n')
    run(line, server, tmp_path, PREFECT_CURL=str(options))
    assert commits(server.runs(shop))[-1] == head.stdout.strip()


def test_every_setting_is_documented() -> None:
    for name in Settings.model_fields:
        assert f"`{name.upper()}`" in DOCS
