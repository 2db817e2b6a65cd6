"""`spotkiln init` and `spotkiln check`, as they are typed."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from spotkiln.bake.manifest import read_manifest
from spotkiln.cli.ending import exit_code
from spotkiln.cli.main import app
from tests.unit.bake.trees import ALL, GO
from tests.unit.nouns import ROOT

Output = pytest.CaptureFixture[str]
EXPRESS = {
    "server.js": "",
    "package-lock.json": "{}",
    "package.json": """{
  "scripts": {"start": "node server.js", "test": "node --test"},
  "engines": {"node": ">=20"}
}""",
}
WRITTEN = """\
# yaml-language-server: $schema=https://docs.example.com/spotkiln.schema.json
# How this application is built, tested and started. Read at each commit that is released.
# What is left out is detected at each release, or has a default: `spotkiln check` tells which.
# Detected: Node.
# The base image must have Node >=20 (package.json's engines).

# package-lock.json is there
dependencies: npm ci --include=dev

# all that `dependencies` needs
lock:
- package-lock.json
- package.json

# package-lock.json is there
build: npm prune --omit=dev

# the tests may need all packages
test_setup: npm ci --include=dev

# package.json's test is node --test
test: node --test --test-reporter=junit --test-reporter-destination="$JUNIT"

# package.json tells of no migration
migrate: ''

# package.json has the script start
start: node server.js

# Node does not tell systemd when it is ready
notify: false

# The port it listens on: the target group's. It may be below 1024.
port: 3000

# none is known: name one that needs no login and no database
health_path: /

# package.json is there
environment:
  NODE_ENV: production

# package.json is there
test_environment:
  NODE_ENV: test
"""
CHECKED = """\
apps/web/spotkiln.yaml is right; detected: Node. A release would
  install  npm ci --include=dev
  build    npm prune --omit=dev
  test     npm ci --include=dev && node --test --test-reporter=junit \
--test-reporter-destination="$JUNIT"
  migrate  nothing
  start    node --enable-source-maps server.js
  serve    port 8080, health path /; its health path tells
the base image must have Node >=20 (package.json's engines)
the deployment names it: folder: apps/web

SETTING                    VALUE                                                                   FROM
dependencies               npm ci --include=dev                                                    detected: package-lock.json is there
lock                       package-lock.json package.json                                          detected: all that `dependencies` needs
build                      npm prune --omit=dev                                                    detected: package-lock.json is there
test_setup                 npm ci --include=dev                                                    detected: the tests may need all packages
test                       node --test --test-reporter=junit --test-reporter-destination="$JUNIT"  detected: package.json's test is node --test
migrate                    (none)                                                                  detected: package.json tells of no migration
migrate_on                 once                                                                    default
start                      node --enable-source-maps server.js                                     spotkiln.yaml
notify                     no                                                                      detected: Node does not tell systemd when it is ready
port                       8080                                                                    spotkiln.yaml
health_path                /                                                                       detected: none is known: name one that needs no login and no database
user                       webapp                                                                  default
environment.NODE_ENV       production                                                              detected: package.json is there
environment.GREETING       hi                                                                      spotkiln.yaml
test_environment.NODE_ENV  test                                                                    detected: package.json is there
config                     (none)                                                                  default
writable                   (none)                                                                  default
smoke                      /                                                                       default
hardening                  standard                                                                default
migrate_seconds            600                                                                     default
start_seconds              90                                                                      default
stop_seconds               70                                                                      default
test_seconds               900                                                                     default
"""  # noqa: E501


def make(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_init_writes_what_is_detected(tmp_path: Path, capsys: Output) -> None:
    make(tmp_path, EXPRESS)
    schema = "https://docs.example.com/spotkiln.schema.json"
    assert exit_code(app, ["init", str(tmp_path), "--schema", schema]) == 0
    assert (tmp_path / "spotkiln.yaml").read_text() == WRITTEN
    assert capsys.readouterr().out == (
        f"wrote {tmp_path}/spotkiln.yaml: Node\n"
        f"read it, then `spotkiln check {tmp_path}`, and commit it\n"
    )


def test_check_says_what_is_lost_with_a_server(tmp_path: Path, capsys: Output) -> None:
    make(tmp_path, {**EXPRESS, "tmp/.keep": "", "media/.keep": ""})
    (tmp_path / "spotkiln.yaml").write_text("mounts: [media]\n")
    assert exit_code(app, ["check", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "  keep     media on file systems of their own; tmp: lost with each server\n" in said
    assert "is lost with the server, but for media" in said
    assert "the base image must have the package nfs-common (mounts)" in said


@pytest.mark.parametrize("name", ALL)
def test_what_init_writes_says_what_was_detected(name: str, tmp_path: Path, capsys: Output) -> None:
    """So check finds the same, unless something has to be filled in first."""
    make(tmp_path, ALL[name])
    exit_code(app, ["check", str(tmp_path), "--json"])
    before = capsys.readouterr()
    assert exit_code(app, ["init", str(tmp_path), "--json"]) == 0
    missing = json.loads(capsys.readouterr().out)["missing"]
    read_manifest((tmp_path / "spotkiln.yaml").read_bytes())
    assert exit_code(app, ["check", str(tmp_path), "--json"]) == (2 if missing else 0)
    after = capsys.readouterr()
    assert before.err == after.err
    assert all(f"{one}: " in after.err for one in missing)
    if not missing:
        assert json.loads(before.out)["steps"] == json.loads(after.out)["steps"]


def test_init_does_not_overwrite(tmp_path: Path, capsys: Output) -> None:
    make(tmp_path, {**EXPRESS, "spotkiln.yaml": "strat: mine"})
    assert exit_code(app, ["init", str(tmp_path)]) == 2
    assert "is there already and stays as it is" in capsys.readouterr().err
    assert (tmp_path / "spotkiln.yaml").read_text() == "strat: mine"


def test_init_where_nothing_is_known(tmp_path: Path, capsys: Output) -> None:
    assert exit_code(app, ["init", str(tmp_path)]) == 0
    assert "not known, and needed: build, start, test\n" in capsys.readouterr().out
    text = (tmp_path / "spotkiln.yaml").read_text()
    assert "# It is no kind of application that is known here" in text
    assert all(f"\n# {key}:\n" in text for key in ("build", "test", "start"))
    assert exit_code(app, ["check", str(tmp_path)]) == 2
    assert "build: no file tells it; test: no file tells it; start:" in capsys.readouterr().err


def test_init_names_the_schema_of_this_installation(tmp_path: Path) -> None:
    exit_code(app, ["init", str(tmp_path)])
    first = (tmp_path / "spotkiln.yaml").read_text().splitlines()[0]
    assert Path(first.partition("$schema=")[2]) == ROOT / "docs" / "spotkiln.schema.json"


def monorepo(folder: Path, text: str) -> Path:
    make(folder, {".git/HEAD": "", "packages/ui/a.js": ""})
    make(folder / "apps/web", {**EXPRESS, "spotkiln.yaml": text})
    return folder / "apps/web"


def test_check_says_what_a_release_would_do(tmp_path: Path, capsys: Output) -> None:
    text = "port: 8080\nstart: node --enable-source-maps server.js\nenvironment: {GREETING: hi}\n"
    assert exit_code(app, ["check", str(monorepo(tmp_path, text))]) == 0
    assert capsys.readouterr().out == CHECKED


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("strat: x", "apps/web/spotkiln.yaml:1: strat: there is no such key; did you mean start?"),
        ("\nport: 0", "apps/web/spotkiln.yaml:2: port: expected a whole number from 1"),
        ("start: cd x && y", "spotkiln.yaml:1: start: expected one command"),
        ("depends_on: [/etc]", "spotkiln.yaml:1: depends_on: expected a path"),
        ("depends_on: [packages/u]", "depends_on names packages/u, which is not there"),
        ("writable: [spotkiln.yaml]", "apps/web/spotkiln.yaml is no folder"),
        ("config: [PORT]", "PORT is set by the application's own unit"),
        ("a: [", "apps/web/spotkiln.yaml:1: expected YAML"),
    ],
)
def test_check_refuses(text: str, said: str, tmp_path: Path, capsys: Output) -> None:
    assert exit_code(app, ["check", str(monorepo(tmp_path, text))]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("test: make test", "test: $JUNIT is not in it"),
        ("start: node server.js --host 127.0.0.1", "start: it seems to listen on this machine"),
        ("start: hypercorn -b localhost:$PORT x", "start: it seems to listen on this machine"),
        ("start: bin/serve", "start: bin/serve is not executable"),
        ("start: A=1 ./bin/serve", "start: bin/serve is not executable"),
        ("environment: {DB_PASSWORD: x}", "environment: DB_PASSWORD looks like a secret"),
        ("environment: {HOST: x}\nconfig: [HOST]", "environment: HOST is in config as well"),
    ],
)
def test_check_hints(text: str, hint: str, tmp_path: Path, capsys: Output) -> None:
    """At what is allowed, and probably not meant."""
    folder = make(monorepo(tmp_path, text), {"bin/serve": "#!/bin/sh"})
    assert exit_code(app, ["check", str(folder)]) == 0
    assert f"hint: {hint}" in capsys.readouterr().out


def test_what_git_ignores_counts_for_nothing_and_is_told(tmp_path: Path, capsys: Output) -> None:
    """Else `check` would tell of an image that no release makes."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    make(tmp_path, {**GO, "go.sum": "", "Gemfile": "", ".gitignore": "Gemfile\n"})
    for command in ("check", "init"):
        assert exit_code(app, [command, str(tmp_path)]) == 0
        out = capsys.readouterr().out
        assert "Gemfile: git ignores it, so no release has it" in out


def test_check_hints_while_something_is_still_to_be_said(tmp_path: Path, capsys: Output) -> None:
    """At the rest, so that all can be mended at once."""
    package = '{"dependencies": {"pg": "8"}, "scripts": {"migrate": "knex"}}'
    make(tmp_path, {"package.json": package})
    (tmp_path / "spotkiln.yaml").write_text("environment: {API_TOKEN: x}\n")
    assert exit_code(app, ["check", str(tmp_path)]) == 2
    refused, *hints = capsys.readouterr().err.splitlines()
    assert "test: no test runner" in refused
    assert "start: package.json has neither" in refused
    assert [one.split()[:2] for one in hints] == [
        ["hint:", "test_services:"],
        ["hint:", "migrate:"],
        ["hint:", "environment:"],
    ]


def test_check_shows_values_but_for_what_looks_like_a_secret(
    tmp_path: Path, capsys: Output
) -> None:
    make(tmp_path, EXPRESS)
    (tmp_path / "spotkiln.yaml").write_text(
        "environment: {HOSTS: '*', DB_PASSWORD: s3cret-1, LATER: s3cret-2}\nconfig: [LATER]\n"
        "test_environment: {LATER: of-the-tests}\n"
    )
    for more in ([], ["--json"]):
        assert exit_code(app, ["check", str(tmp_path), *more]) == 0
        said = capsys.readouterr().out
        assert "s3cret" not in said
        assert said.count("(not shown)") == 2
    shown = {one["key"]: one["shown"] for one in json.loads(said)["settings"]}
    assert shown["environment.HOSTS"] == "*"
    assert shown["environment.NODE_ENV"] == "production"
    assert shown["test_environment.LATER"] == "of-the-tests"


def test_check_without_a_file(tmp_path: Path, capsys: Output) -> None:
    assert exit_code(app, ["check", str(make(tmp_path, GO))]) == 0
    out = capsys.readouterr().out
    assert out.startswith("there is no spotkiln.yaml; detected: Go. A release would\n")
    assert "hint:" not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "nowhere"], "expected a folder, got nowhere"),
        (["init", "pyproject.toml"], "expected a folder, got pyproject.toml"),
        (["check", "--strict"], "Unknown option"),
    ],
)
def test_usage(arguments: list[str], said: str, capsys: Output) -> None:
    assert exit_code(app, arguments) == 2
    captured = capsys.readouterr()
    assert said in captured.err + captured.out


def test_check_tells_what_runs_beside_and_by_the_clock(tmp_path: Path, capsys: Output) -> None:
    make(tmp_path, EXPRESS)
    (tmp_path / "spotkiln.yaml").write_text(
        "processes: {worker: {start: node worker.js}}\n"
        "timers: {report: {run: node report.js, on: '*-*-* 03:00', once: true}}\n"
    )
    assert exit_code(app, ["check", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "  beside   worker: node worker.js\n" in said
    assert "  timers   report: node report.js at *-*-* 03:00 (on one server)\n" in said


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_check_asks_systemd_for_the_times(tmp_path: Path, capsys: Output) -> None:
    make(tmp_path, EXPRESS)
    (tmp_path / "spotkiln.yaml").write_text("timers: {a: {run: 'true', on: '*-*-* 25:00'}}\n")
    assert exit_code(app, ["check", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "timers.a.on: expected a calendar expression of systemd, got '*-*-* 25:00'" in said
