"""The one-liners of docs/push.md, as they stand there, against a real Prefect server."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from rehearsal.prefect_local import ROOT
from spotkiln.receiver.settings import Settings
from tests.receiver.deliveries import SECRET
from tests.receiver.service import Server, Service, commit, commits

DOCS = (ROOT / "docs" / "push.md").read_text()


def fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCS, re.MULTILINE | re.DOTALL)


def lines() -> dict[str, tuple[str, dict[str, str]]]:
    """By system: the line as its shell sees it, and the variables that the system sets."""
    *_, github, gitlab, woodpecker = (yaml.safe_load(one) for one in fenced("yaml"))
    (jenkins,) = re.findall(r"'''\n(.*?)\n\s*'''", fenced("groovy")[0], re.DOTALL)
    return {
        "github": (
            github["jobs"]["release"]["steps"][0]["run"],
            {"GITHUB_SHA": "@", "GITHUB_REF_NAME": "main", "BEFORE": "before"},
        ),
        "gitlab": (
            gitlab["release"]["script"][0],
            {"CI_COMMIT_SHA": "@", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_BEFORE_SHA": "before"},
        ),
        "woodpecker": (
            woodpecker["steps"][0]["commands"][0],
            {"CI_COMMIT_SHA": "@", "CI_COMMIT_BRANCH": "main", "CI_PREV_COMMIT_SHA": ""},
        ),
        # Groovy takes one of two backslashes away.
        "jenkins": (jenkins.replace("\\\\", "\\"), {"GIT_COMMIT": "@", "BRANCH_NAME": "main"}),
    }


def run(line: str, receiver: Service, where: Path, **environment: str) -> str:
    done = subprocess.run(
        ["sh", "-euc", line],
        cwd=where,
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "PUSH_URL": str(receiver.http.base_url).rstrip("/"),
            "PUSH_SECRET": SECRET,
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


@pytest.mark.parametrize("system", ["github", "gitlab", "woodpecker", "jenkins"])
def test_a_line_starts_the_commit_once(
    server: Server, receiver: Service, shop: str, tmp_path: Path, system: str
) -> None:
    line, variables = lines()[system]
    pushed = commit()
    values = {"@": pushed, "before": commit()}
    given = {name: values.get(value, value) for name, value in variables.items()}
    before = len(server.runs(shop))
    first, again = (json.loads(run(line, receiver, tmp_path, **given)) for _ in range(2))
    assert first == again
    # The hook that tells of the same push starts nothing more.
    answer = receiver.push("https://github.com/acme/shop", "main", commit(), pushed)
    assert answer.json()["runs"] == first["runs"]
    made = server.runs(shop)[before:]
    assert commits(made) == [pushed]
    assert made[0]["parameters"]["app"]["environment"] == {"TEXT": "a\\nb 'c' \"d\" $HOME"}
    assert "pushed:github.com/acme/shop@main" in made[0]["tags"]


def test_by_hand_in_a_clone(server: Server, receiver: Service, shop: str, tmp_path: Path) -> None:
    (line,) = fenced("sh")
    for command in (
        "git init -q -b main .",
        "git -c user.name=a -c user.email=a@example.com commit -q --allow-empty -m one",
    ):
        subprocess.run(command.split(), cwd=tmp_path, check=True, timeout=30)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    run(line, receiver, tmp_path)
    assert commits(server.runs(shop))[-1] == head.stdout.strip()


def test_no_line_has_a_secret_where_others_see_it() -> None:
    """On a command line: but `printf` is the shell's own."""
    for line, _ in [*lines().values(), (fenced("sh")[0], {})]:
        assert line.strip().startswith("printf ")
        assert line.partition("|")[2].count("PUSH_SECRET") == 0


def test_every_setting_is_documented() -> None:
    for name in Settings.model_fields:
        assert f"`{name.upper()}`" in DOCS
