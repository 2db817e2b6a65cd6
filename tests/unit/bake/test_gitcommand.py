"""What git says, and what it means for a release."""

import os
import time
from pathlib import Path

import pytest

from spotkiln.bake import gitcommand
from spotkiln.bake.git import check_out
from spotkiln.bake.gitcommand import failure, reason
from spotkiln.errors import InfrastructureError, InputError, may_be_tried_again
from tests.unit.nouns import plain

pytestmark = pytest.mark.programs


def talking_git(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A git that runs `script` for its commands, which are in $1."""
    program = folder / "bin" / "git"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nwhile [ "$1" = -c ]; do shift 2; done\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "fatal: '/x' does not appear to be a git repository\nfatal: Could not read.\n\n.",
            "fatal: '/x' does not appear to be a git repository",
        ),
        (
            "Warning: Permanently added 'h'.\nann@h: Permission denied (publickey).\nfatal: No.\n",
            "ann@h: Permission denied (publickey)",
        ),
        (
            "Cloning into '/w/vendor'...\nfatal: unable to access 'https://ghp_token@h/x/': 403\n",
            "fatal: unable to access 'https://h/x/': 403",
        ),
        ("fatal: no 'https://ann:se/cr@et@h/x'", "fatal: no 'https://h/x'"),
        ("error: cannot write\nfatal: No space left on device", "fatal: No space left on device"),
        ("warning: only this\n", "warning: only this"),
        ("", "nothing"),
    ],
)
def test_gits_own_words_are_told_where_they_matter(said: str, told: str) -> None:
    assert reason(said) == told


@pytest.mark.parametrize(
    "said",
    [
        "fatal: unable to access 'https://h/x/': Could not resolve host: h",
        "ssh: Could not resolve hostname h: Temporary failure\nfatal: Could not read.\n\nPlease",
        "ssh: connect to host h port 22: Connection timed out",
        "fatal: unable to access 'https://h/x/': Failed to connect to h port 443: refused",
        "fatal: unable to access 'https://h/x/': The requested URL returned error: 503",
        "error: RPC failed; curl 92 HTTP/2 stream 5 was not closed cleanly\nfatal: early EOF",
        "fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output",
        "error: unable to write file art/a.png\nfatal: sha1 file write error: Disk quota exceeded",
        # All that git says of a disk that is full while it checks out.
        "error: unable to write file f2",
        "fatal: Out of memory, malloc failed (tried to allocate 9000000 bytes)",
        "kex_exchange_identification: Connection closed by remote host\nfatal: Could not read",
        'batch response: Post "https://h/x": dial tcp 127.0.0.1:1: connect: connection refused',
    ],
)
def test_network_and_disk_are_tried_again(said: str) -> None:
    error = failure(128, said).told("cannot fetch", "look")
    assert isinstance(error, InfrastructureError)
    assert may_be_tried_again(error)
    assert str(error).startswith("cannot fetch: git says: ")


def test_a_git_that_the_machine_ends_is_tried_again() -> None:
    error = failure(-9, "").told("cannot fetch", "look")
    assert may_be_tried_again(error)
    assert str(error) == "cannot fetch: signal 9 ended git"


@pytest.mark.parametrize(
    "said",
    [
        "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.",
        "fatal: could not read Username for 'https://h': terminal prompts disabled",
        "remote: Repository not found.\nfatal: repository 'https://h/x/' not found",
        "fatal: unable to access 'https://h/x/': The requested URL returned error: 403",
        "fatal: detected dubious ownership in repository at '/srv/x'",
        "error: unable to create file aaaa: File name too long",
        "Host key verification failed.\nfatal: Could not read from remote repository.",
    ],
)
def test_what_a_person_must_mend_is_not_tried_again(said: str) -> None:
    error = failure(128, said).told("cannot fetch", "look")
    assert isinstance(error, InputError)
    assert str(error) == f"cannot fetch: git says: {reason(said)}; look"


@pytest.mark.parametrize("command", ["ls-remote", "fetch", "checkout"])
def test_trouble_at_whichever_command_is_told_in_gits_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    script = (
        f'case "$1" in {command}) echo "fatal: unable to access: Could not resolve host: h" >&2;'
        " exit 128;; rev-parse) echo c0ffee;; esac"
    )
    talking_git(tmp_path, monkeypatch, script)
    with pytest.raises(InfrastructureError, match=r"git says: .*Could not resolve host: h"):
        check_out(plain(repository="https://h/x.git"), tmp_path / "source")


def test_a_disk_that_is_full_here_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = tmp_path / "source"
    full.write_text("a file where the folder must be: mkdir fails as on a full disk")
    talking_git(tmp_path, monkeypatch, "exit 0")
    with pytest.raises(InfrastructureError, match="cannot write the files of https://h/x"):
        check_out(plain(repository="https://h/x"), full)


@pytest.mark.parametrize("command", ["ls-remote", "fetch"])
def test_a_git_that_hangs_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(gitcommand, "TIMEOUT_SECONDS", 0.7)
    beat = tmp_path / "beat"
    script = (
        f'case "$1" in {command}) (while :; do date +%N >{beat}; sleep 0.05; done) & wait;; esac'
    )
    talking_git(tmp_path, monkeypatch, script)
    with pytest.raises(
        InfrastructureError, match=rf"h/demo\.git: git {command} did not end in 0\.7 s"
    ):
        check_out(plain(repository="https://h/demo.git"), tmp_path / "source")
    last = beat.read_text()
    time.sleep(0.4)
    assert beat.read_text() == last
