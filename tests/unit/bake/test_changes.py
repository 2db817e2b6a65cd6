"""What a commit brings beside the one that serves."""

import json
from pathlib import Path

import pytest

from spotkiln.bake.changes import Changes, Commit, Dependency, compared, is_lock_file
from spotkiln.bake.history import SHOWN, changes_since
from spotkiln.bake.locked import locked
from spotkiln.bake.source import compare_url
from spotkiln.errors import InputError
from tests.unit import nouns
from tests.unit.repository import run_git

pytestmark = pytest.mark.programs

GEMFILE = """\
GEM
  remote: https://rubygems.example/
  specs:
    puma (6.4.2)
      nio4r (~> 2.0)
    nio4r (2.7.3-x86_64-linux)
    nio4r (2.7.3)

PLATFORMS
  ruby

DEPENDENCIES
  puma (~> 6.4)
"""
NPM = {
    "packages": {
        "": {"version": "1.0.0"},
        "node_modules/left-pad": {"version": "1.3.0"},
        "node_modules/@acme/ui": {"version": "2.0.0"},
        "node_modules/@acme/ui/node_modules/left-pad": {"version": "1.1.0"},
        "node_modules/linked": {"link": True},
    }
}
YARN = """\
# yarn lockfile v1

"@acme/ui@^2.0.0":
  version "2.0.0"

left-pad@^1.0.0, left-pad@^1.1.0:
  version "1.3.0"
  resolved "https://registry.example/left-pad"
"""
BERRY = """\
"left-pad@npm:^1.0.0":
  version: 1.3.0
  resolution: "left-pad@npm:1.3.0"
"""
PNPM = "packages:\n  '@acme/ui@2.0.0': {}\n  left-pad@1.3.0(react@18.0.0): {}\n  /old/1.0.0: {}\n"
UV = '[[package]]\nname = "django"\nversion = "5.1"\n[[package]]\nname = "own"\nsource = {}\n'
PIPFILE = {"default": {"django": {"version": "==5.1"}}, "develop": {"pytest": {"version": "==8"}}}
PINS = "# django==4\ndjango==5.1 \\\n    --hash=sha256:0\nuvicorn[standard]==0.30 ; x\nloose>=1\n"
UI = {"@acme/ui": "2.0.0", "left-pad": "1.3.0"}


@pytest.mark.parametrize(
    ("path", "text", "versions"),
    [
        ("Gemfile.lock", GEMFILE, {"puma": "6.4.2", "nio4r": "2.7.3, 2.7.3-x86_64-linux"}),
        ("web/package-lock.json", json.dumps(NPM), {**UI, "left-pad": "1.1.0, 1.3.0"}),
        ("yarn.lock", YARN, UI),
        ("yarn.lock", BERRY, {"left-pad": "1.3.0"}),
        ("pnpm-lock.yaml", PNPM, {**UI, "old": "1.0.0"}),
        ("uv.lock", UV, {"django": "5.1"}),
        ("Pipfile.lock", json.dumps(PIPFILE), {"django": "5.1"}),
        ("requirements.txt", PINS, {"django": "5.1", "uvicorn": "0.30"}),
        # What cannot be read names none.
        ("package-lock.json", "<<<<<<< HEAD", {}),
        ("package-lock.json", "[]", {}),
        ("uv.lock", "=", {}),
        ("pnpm-lock.yaml", "a: [", {}),
    ],
)
def test_what_a_lock_file_names(path: str, text: str, versions: dict[str, str]) -> None:
    assert is_lock_file(path)
    assert locked(path, text) == versions


def test_what_becomes_of_dependencies() -> None:
    found = compared("uv.lock", {"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"})
    assert list(map(str, found)) == ["b 1 → 2", "c 1 is gone", "d 1 is new"]
    assert not is_lock_file("docs/Gemfile.lock.md")


def test_in_one_line() -> None:
    two = (Commit(commit="b" * 40, subject="B"),)
    assert str(Changes(since="a" * 40, commits=two)) == f"1 commit since {'a' * 12}"
    rack = Dependency(name="rack", before="3.0", now="3.1", file="Gemfile.lock")
    told = Changes(since="a" * 40, commits=two, more=4, dependencies=(rack,))
    assert str(told) == f"5 commits since {'a' * 12}; rack 3.0 → 3.1"
    apart = Changes(since="a" * 40, apart=True)
    assert str(apart) == f"{'a' * 12} is not among the commits before it"


def test_the_page_that_compares() -> None:
    def told(repository: str) -> str:
        return compare_url(repository, "a", "b")

    assert told("git@github.com:o/n.git") == "https://github.com/o/n/compare/a...b"
    assert told("https://gitlab.example/o/n") == "https://gitlab.example/o/n/-/compare/a...b"
    assert told("https://bitbucket.org/o/n") == ""
    assert told("/srv/git/demo") == ""


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        run_git(folder, "init", "--quiet", "--initial-branch=main", ".")

    def commit(self, subject: str, **files: str | None) -> str:
        for name, text in files.items():
            path = self.folder / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text)
        run_git(self.folder, "add", "--all")
        run_git(self.folder, "commit", "--quiet", "--allow-empty", "--message", subject)
        return run_git(self.folder, "rev-parse", "HEAD")

    def changes(self, since: str, commit: str, folder: str = "") -> Changes:
        app = nouns.app(repository=str(self.folder), folder=folder)
        return changes_since(app, since, commit, self.folder.parent / f"seen-{since[:7]}-{folder}")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def test_the_commits_since_and_what_they_lock(repository: Repository) -> None:
    old = repository.commit("first", Gemfile_lock=GEMFILE, web__uv_lock=UV)
    second = repository.commit("second", app_txt="x")
    newer = GEMFILE.replace("6.4.2", "6.5.0")
    new = repository.commit("third *x*", Gemfile_lock=newer, web__uv_lock=None)
    found = repository.changes(old, new)
    assert found.commits == (
        Commit(commit=new, subject="third *x*"), Commit(commit=second, subject="second"),
    )  # fmt: skip
    assert (found.since, found.more, found.apart) == (old, 0, False)
    assert list(map(str, found.dependencies)) == ["puma 6.4.2 → 6.5.0", "django 5.1 is gone"]
    # Of an application in a folder only its own.
    only = repository.changes(second, new, "web")
    assert list(map(str, only.dependencies)) == ["django 5.1 is gone"]


def test_a_commit_that_is_not_before_this_one(repository: Repository) -> None:
    first = repository.commit("first", Gemfile_lock=GEMFILE)
    other = repository.commit("other", Gemfile_lock=GEMFILE.replace("6.4.2", "7.0"))
    run_git(repository.folder, "branch", "other")
    run_git(repository.folder, "reset", "--quiet", "--hard", first)
    new = repository.commit("new", app_txt="y")
    found = repository.changes(other, new)
    assert (found.apart, found.commits) == (True, ())
    assert list(map(str, found.dependencies)) == ["puma 7.0 → 6.4.2"]


def test_many_commits_are_counted(repository: Repository) -> None:
    old = repository.commit("first")
    for number in range(SHOWN + 2):
        new = repository.commit(f"commit {number}")
    found = repository.changes(old, new)
    assert (len(found.commits), found.more) == (SHOWN, 2)
    assert found.commits[0].subject == f"commit {SHOWN + 1}"


def test_what_is_no_commit_is_not_given_to_git(repository: Repository) -> None:
    new = repository.commit("first")
    for odd in ("--upload-pack=evil", "main", ""):
        with pytest.raises(InputError, match="expected the commit that serves"):
            repository.changes(odd, new)
    with pytest.raises(InputError, match="cannot see what has changed"):
        repository.changes("a" * 40, new)
