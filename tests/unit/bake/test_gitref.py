"""What a ref may be called: as git has it."""

import subprocess

import pytest

from spotkiln.bake.gitref import why_no_ref

NAMES = [
    *("main", "feature/x.y", "v1.2.3", "a@b", "x.lockfile", "c0ffee", "ü", "@"),
    *("a b", "a..b", "-x", "x.lock", "a.lock/b", "heads/.a", ".a", "a/", "/a", "a//b", "a."),
    *("HEAD~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a@{1}", "a\x07b", "a\x7fb"),
]


@pytest.mark.parametrize("name", NAMES)
def test_what_git_refuses_is_refused_and_nothing_else(name: str) -> None:
    git = subprocess.run(
        ["git", "check-ref-format", f"refs/heads/{name}"], check=False, capture_output=True
    )
    # As a word of its own, it would be an option of git's.
    refused = git.returncode != 0 or name.startswith("-")
    assert bool(why_no_ref(name)) is refused
