"""The Dockerfile of a worker, as `spotkiln new` writes it: what it promises, by its lines."""

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from spotkiln.bake.packer import VARIABLE
from spotkiln.cli.main import app, main
from spotkiln.cli.new import TEMPLATE


class Line(NamedTuple):
    word: str
    rest: str


def lines(text: str) -> list[Line]:
    joined = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    split = (one.strip().partition(" ") for one in joined.splitlines() if one.strip())
    return [Line(word, rest.strip()) for word, _, rest in split]


LINES = lines((TEMPLATE / "Dockerfile").read_text())
KNOWN = {
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "FROM"),
    *("RUN", "STOPSIGNAL", "USER", "WORKDIR"),
}


def stages() -> dict[str, list[Line]]:
    """By name; the last one has none."""
    found: dict[str, list[Line]] = {}
    name = "before"
    for line in LINES:
        if line.word == "FROM":
            _, _, name = line.rest.partition(" AS ")
        found.setdefault(name, []).append(line)
    return found


def test_its_words_are_those_of_a_dockerfile() -> None:
    assert {line.word for line in LINES} <= KNOWN


def test_each_stage_is_built_on_the_base_or_on_one_before_it() -> None:
    known = {"${BASE}"}
    for line in LINES:
        if line.word == "FROM":
            base, _, name = line.rest.partition(" AS ")
            assert base in known
            known.add(name)
        for source in re.findall(r"--from=(\S+)", line.rest):
            assert source in known


def test_it_ends_as_a_user_who_is_not_root() -> None:
    last = stages()[""]
    words = [line.word for line in last]
    (user,) = [line.rest for line in last if line.word == "USER"]
    made = " ".join(line.rest for line in last if line.word == "RUN")
    assert f"useradd --system --create-home --home-dir=/var/lib/{user} {user}" in made
    assert words.index("USER") > max(n for n, word in enumerate(words) if word in {"RUN", "COPY"})


def test_the_repository_in_it_is_its_users_own_or_git_would_not_read_it() -> None:
    last = stages()[""]
    (made,) = [line.rest for line in last if line.word == "RUN"]
    assert made.endswith("install --directory --owner=spotkiln --group=spotkiln /opt/@NAME@")
    assert [line.rest for line in last if line.word == "WORKDIR"] == ["/opt/@NAME@"]


def test_no_build_argument_and_no_archive_is_in_what_is_kept() -> None:
    last = stages()[""]
    assert not [line for line in last if line.word in {"ADD", "ARG"}]
    assert not [line for line in last if "/fetched" in line.rest]


def test_the_folder_comes_from_the_stage_that_prepared_it() -> None:
    copied = [line.rest for line in stages()[""] if line.word == "COPY"]
    assert "--from=folder --chown=spotkiln /folder ." in copied
    assert all("--from=" in one for one in copied)


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_prepared_folder_has_neither_archives_nor_what_a_checkout_knows(tmp_path: Path) -> None:
    """A token of CI is in .git/config; a wheel may be a part of the commit or not."""
    folder = tmp_path / "acme"
    (folder / "wheels").mkdir(parents=True)
    for name in ("wheels/spotkiln.whl", "packer.zip", "plugin.zip", "prefect.yaml"):
        (folder / name).write_text(name)
    git(tmp_path, "init", "--quiet", str(folder))
    git(folder, "add", "wheels", "packer.zip", "prefect.yaml")
    git(folder, "commit", "--quiet", "--message=begin")
    git(folder, "remote", "add", "origin", "https://token:SECRET@git.example.com/acme.git")
    git(folder, "config", "http.https://git.example.com/.extraheader", "AUTHORIZATION: SECRET")
    before = git(folder, "describe", "--always", "--dirty", "--exclude=*")
    (script,) = [line.rest for line in stages()["folder"] if line.word == "RUN"]
    given = {"PACKER": "packer.zip", "PLUGIN": "plugin.zip", "PATH": os.environ["PATH"]}
    subprocess.run(["sh", "-c", script], cwd=folder, env=given, check=True, timeout=30)
    assert sorted(one.name for one in folder.iterdir()) == [".git", "prefect.yaml"]
    assert "SECRET" not in "".join(
        one.read_text(errors="replace") for one in folder.rglob("*") if one.is_file()
    )
    # Its commit is as before, and an application in it can be checked out.
    assert git(folder, "describe", "--always", "--dirty", "--exclude=*") == before
    git(tmp_path, "clone", "--quiet", str(folder), "copy")
    # Archives by address, and a folder that is no repository.
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "prefect.yaml").touch()
    fetched = {**given, "PACKER": "https://example.com/packer.zip", "PLUGIN": ""}
    subprocess.run(["sh", "-c", script], cwd=bare, env=fetched, check=True, timeout=30)
    assert [one.name for one in bare.iterdir()] == ["prefect.yaml"]


@pytest.mark.parametrize("name", ["PACKER", "PLUGIN"])
def test_what_is_fetched_is_what_the_user_said(name: str) -> None:
    """It is added by the user's argument, and looked at before it is unpacked."""
    own = stages()["packer"]
    texts = [f"{line.word} {line.rest}" for line in own]
    added = next(n for n, text in enumerate(texts) if text.startswith(f"ADD ${{{name}}} "))
    checked = next(n for n, text in enumerate(texts) if f'"${{{name}_SHA256}}  ' in text)
    unpacked = next(n for n, text in enumerate(texts) if "zipfile -e" in text)
    assert added < checked < unpacked
    assert "ARG PACKER" in texts
    assert f"ARG {name}_SHA256" in texts
    assert "sha256sum --check --strict" in texts[checked]


def test_the_command_that_it_runs_finds_its_packer() -> None:
    last = stages()[""]
    given = shlex.split(next(line.rest for line in last if line.word == "ENV"))
    variables = dict(one.split("=", 1) for one in given)
    copied = [line.rest for line in last if line.word == "COPY"]
    assert f"--from=packer {Path(variables[VARIABLE]).parent} /opt/packer" in copied
    assert variables["PATH"].startswith("/opt/spotkiln/bin:")
    before = " ".join(line.rest for line in stages()["packer"] if line.word == "ENV")
    assert before == f"PACKER_PLUGIN_PATH={variables['PACKER_PLUGIN_PATH']}"


def test_it_is_a_worker_unless_a_work_pool_gives_its_own_command() -> None:
    """`prefect flow-run execute` is a pool's: were `spotkiln` before it, no run would begin."""
    said = {line.word: line.rest for line in stages()[""]}
    assert said["ENTRYPOINT"] == '["tini", "--"]'
    assert said["CMD"] == '["spotkiln", "worker"]'
    app.parse_args(["worker"], exit_on_error=False, print_error=False)


def test_what_is_installed_does_not_change_with_the_rest_of_the_folder() -> None:
    own = stages()["installed"]
    assert [line.rest for line in own if line.word == "COPY"] == ["requirements.txt wheel[s] ./"]


def test_each_of_its_commands_is_one_that_a_shell_reads() -> None:
    for line in LINES:
        if line.word == "RUN":
            subprocess.run(["sh", "-nc", line.rest], check=True, timeout=30)


def test_no_secret_of_the_folder_gets_into_it(tmp_path: Path) -> None:
    assert main(["new", str(tmp_path / "acme")]) == 0
    left_out = (tmp_path / "acme" / ".dockerignore").read_text().split()
    assert {".venv", "build", ".password"} <= set(left_out)
    assert "/opt/acme\n" in (tmp_path / "acme" / "Dockerfile").read_text()
