"""A ref becomes a clean archive of one commit, from real repositories."""

import os
import tarfile
from pathlib import Path

import pytest

from spotkiln.bake.git import check_out
from spotkiln.bake.source import Source
from spotkiln.errors import InfrastructureError, InputError
from tests.unit.nouns import plain
from tests.unit.repository import commit, run_git

pytestmark = pytest.mark.programs


@pytest.fixture(scope="module")
def commits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A repository with three commits on main, a branch, a tag of each kind; by their names."""
    folder = tmp_path_factory.mktemp("git") / "demo"
    folder.mkdir()
    run_git(folder, "init", "--quiet", "--initial-branch=main")
    found = {"folder": str(folder), "one": commit(folder, "one")}
    run_git(folder, "tag", "light")
    run_git(folder, "tag", "--annotate", "v1", "--message", "The first")
    found["two"] = commit(folder, "two")
    run_git(folder, "checkout", "--quiet", "-b", "feature/a+b", found["one"])
    found["feature"] = commit(folder, "feature")
    # A branch and a tag of the same name, on different commits.
    run_git(folder, "branch", "both", found["two"])
    run_git(folder, "tag", "both", found["one"])
    run_git(folder, "checkout", "--quiet", "main")
    found["three"] = commit(folder, "three")
    run_git(folder, "tag", "tree", "HEAD^{tree}")
    # Not committed: never released.
    (folder / "app.txt").write_text("changed since")
    (folder / "secret.env").write_text("PASSWORD=1")
    return found


def released(commits: dict[str, str], ref: str, folder: Path) -> Source:
    return check_out(plain(repository=commits["folder"], ref=ref), folder / "source")


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        ("main", "three"),
        ("refs/heads/main", "three"),
        ("feature/a+b", "feature"),
        ("light", "one"),
        ("v1", "one"),
        ("refs/tags/v1", "one"),
        ("both", "one"),
        ("refs/heads/both", "two"),
        ("HEAD", "three"),
    ],
)
def test_branches_and_tags(commits: dict[str, str], tmp_path: Path, ref: str, name: str) -> None:
    source = released(commits, ref, tmp_path)
    assert source.commit == commits[name]
    assert source.ref == ref
    assert source.subject == f"Say {name}"


@pytest.mark.parametrize("length", [7, 12, 40])
@pytest.mark.parametrize("name", ["one", "two", "feature"])
def test_commits_full_and_short(
    commits: dict[str, str], tmp_path: Path, name: str, length: int
) -> None:
    assert released(commits, commits[name][:length], tmp_path).commit == commits[name]


def test_a_url_will_do_as_well(commits: dict[str, str], tmp_path: Path) -> None:
    url = f"file://{commits['folder']}"
    source = check_out(plain(repository=url, ref="v1"), tmp_path / "source")
    assert (source.commit, source.repository) == (commits["one"], url)


def test_a_path_is_taken_from_where_this_runs(
    commits: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(commits["folder"]).parent)
    source = check_out(plain(repository="demo", ref="v1"), tmp_path / "source")
    assert source.commit == commits["one"]


def test_the_archive_is_the_commit_and_nothing_else(
    commits: dict[str, str], tmp_path: Path
) -> None:
    with tarfile.open(released(commits, "main", tmp_path).archive) as archive:
        assert archive.getnames() == ["app.txt"]
        content = archive.extractfile("app.txt")
        assert content is not None
        assert content.read() == b"three"


def test_the_same_commit_is_the_same_archive(
    commits: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = released(commits, "v1", tmp_path / "a").archive.read_bytes()
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    os.utime(Path(commits["folder"]) / "app.txt", (1, 1))
    assert released(commits, commits["one"][:9], tmp_path / "b").archive.read_bytes() == first


def test_the_folder_is_made_anew(commits: dict[str, str], tmp_path: Path) -> None:
    assert released(commits, "v1", tmp_path).commit == commits["one"]
    (tmp_path / "source" / "junk").write_text("")
    assert released(commits, "main", tmp_path).commit == commits["three"]
    assert [path.name for path in (tmp_path / "source").iterdir()] == ["source.tar.gz"]


@pytest.mark.parametrize("ref", ["v2", "0000000", "0" * 40, "tree", "mai"])
def test_an_unknown_ref_lists_what_there_is(
    commits: dict[str, str], tmp_path: Path, ref: str
) -> None:
    with pytest.raises(InputError) as caught:
        released(commits, ref, tmp_path)
    assert str(caught.value) == (
        f"no branch, tag or commit {ref!r} in {commits['folder']}; "
        "branches and tags: both, feature/a+b, main, light, tree, v1"
    )


def test_an_empty_repository_has_no_refs(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "--quiet", "--bare", "empty.git")
    with pytest.raises(InputError, match="branches and tags: none"):
        check_out(plain(repository=str(tmp_path / "empty.git")), tmp_path / "source")


@pytest.mark.parametrize("missing", ["no-such-folder", "file:///no/such/folder", "."])
def test_what_is_no_repository_cannot_be_reached(missing: str, tmp_path: Path) -> None:
    if missing == ".":
        missing = str(tmp_path)
    with pytest.raises(
        InputError, match=r"cannot reach the repository .*: git says: fatal: '"
    ) as caught:
        check_out(plain(repository=missing), tmp_path / "source")
    assert "check the address and this machine's rights to it" in str(caught.value)


def test_a_server_that_is_not_there_is_named_without_its_user(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError) as caught:
        check_out(plain(repository="ssh://token@127.0.0.1:1/demo.git"), tmp_path / "source")
    assert "cannot reach the repository ssh://127.0.0.1:1/demo.git: git says: " in str(caught.value)
    assert "token" not in str(caught.value)


def test_another_repository_in_the_environment_is_left_alone(
    commits: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git's hooks run with GIT_DIR set: a release that a push starts must not work in there."""
    run_git(tmp_path, "init", "--quiet", "--initial-branch=main", "other")
    other = tmp_path / "other"
    theirs = commit(other, "theirs")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    source = released(commits, commits["two"][:8], tmp_path)
    assert source.commit == commits["two"]
    assert run_git(other, "show-ref") == f"{theirs} refs/heads/main"
    assert run_git(other, "config", "core.bare") == "false"


def test_without_git_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="found no git on PATH"):
        check_out(plain(), tmp_path / "source")
