"""A ref becomes a clean archive of one commit, from real repositories."""

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from spotkiln import git
from spotkiln.errors import InfrastructureError, InputError
from spotkiln.git import check_out, without_password
from spotkiln.source import Source
from tests.unit.nouns import app

# Nothing of the machine's own settings, and the same commits every time.
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_AUTHOR_DATE": "2024-05-01T12:00:00Z",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
    "GIT_COMMITTER_DATE": "2024-05-01T12:00:00Z",
}


def run_git(folder: Path, *arguments: str) -> str:
    result = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return result.stdout.strip()


def commit(folder: Path, text: str) -> str:
    (folder / "app.txt").write_text(text)
    run_git(folder, "add", ".")
    run_git(folder, "commit", "--quiet", "--message", f"Say {text}")
    return run_git(folder, "rev-parse", "HEAD")


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
    return check_out(app(repository=commits["folder"], ref=ref), folder / "source")


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
    tree = run_git(Path(commits["folder"]), "rev-parse", f"{commits[name]}^{{tree}}")
    assert source.tree == tree


@pytest.mark.parametrize("length", [7, 12, 40])
@pytest.mark.parametrize("name", ["one", "two", "feature"])
def test_commits_full_and_short(
    commits: dict[str, str], tmp_path: Path, name: str, length: int
) -> None:
    assert released(commits, commits[name][:length], tmp_path).commit == commits[name]


def test_a_url_will_do_as_well(commits: dict[str, str], tmp_path: Path) -> None:
    url = f"file://{commits['folder']}"
    source = check_out(app(repository=url, ref="v1"), tmp_path / "source")
    assert (source.commit, source.repository) == (commits["one"], url)


def test_a_path_is_taken_from_where_this_runs(
    commits: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(commits["folder"]).parent)
    source = check_out(app(repository="demo", ref="v1"), tmp_path / "source")
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
    assert {path.name for path in (tmp_path / "source").iterdir()} == {
        "repository",
        "source.tar.gz",
    }


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
        check_out(app(repository=str(tmp_path / "empty.git")), tmp_path / "source")


@pytest.mark.parametrize("missing", ["no-such-folder", "file:///no/such/folder", "."])
def test_what_is_no_repository_cannot_be_reached(missing: str, tmp_path: Path) -> None:
    if missing == ".":
        missing = str(tmp_path)
    with pytest.raises(
        InputError, match=r"cannot reach the repository .*: git says: fatal: '"
    ) as caught:
        check_out(app(repository=missing), tmp_path / "source")
    assert "check the address and this machine's rights to it" in str(caught.value)


def test_a_server_that_refuses_is_named_without_its_user(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        check_out(app(repository="ssh://token@127.0.0.1:1/demo.git"), tmp_path / "source")
    assert "cannot reach the repository ssh://127.0.0.1:1/demo.git: git says: " in str(caught.value)
    assert "token" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "reason"),
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
            "fatal: unable to access 'https://ghp_token@h/x/': Could not resolve host: h",
            "fatal: unable to access 'https://h/x/': Could not resolve host: h",
        ),
        ("warning: only this\n", "warning: only this"),
        ("", "nothing"),
    ],
)
def test_gits_own_words_are_told_where_they_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, reason: str
) -> None:
    talker = tmp_path / "bin" / "git"
    talker.parent.mkdir()
    (tmp_path / "said").write_text(said)
    talker.write_text(f'#!/bin/sh\n[ "$1" = init ] || {{ cat {tmp_path}/said >&2; exit 128; }}\n')
    talker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{talker.parent}:{os.environ['PATH']}")
    with pytest.raises(InputError) as caught:
        check_out(app(repository="h:x"), tmp_path / "source")
    assert f"git says: {reason}; check the address" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ann:secret@git.example/app.git", "https://git.example/app.git"),
        ("https://token@git.example:8443/app.git", "https://git.example:8443/app.git"),
        ("ssh://git@git.example/app", "ssh://git.example/app"),
        ("git@git.example:team/app.git", "git@git.example:team/app.git"),
        ("/srv/git/demo", "/srv/git/demo"),
    ],
)
def test_addresses_fit_for_a_log(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_server_that_does_not_answer_is_infrastructures_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A git that hangs, at whichever of its commands."""
    hang = tmp_path / "bin" / "git"
    hang.parent.mkdir()
    monkeypatch.setattr(git, "TIMEOUT_SECONDS", 0.5)
    monkeypatch.setenv("PATH", f"{hang.parent}:{os.environ['PATH']}")
    for command in ("ls-remote", "fetch"):
        hang.write_text(
            f'#!/bin/sh\ncase "$1" in {command}) exec sleep 30;; ls-remote) exit 0;; esac\n'
        )
        hang.chmod(0o755)
        with pytest.raises(InfrastructureError, match=r"git\.example.* in 0\.5 s"):
            check_out(app(repository="https://git.example/demo.git"), tmp_path / "source")


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
        check_out(app(), tmp_path / "source")


def branch_with(folder: Path, name: str) -> None:
    run_git(folder, "checkout", "--quiet", "-B", name, "main")


def test_a_commit_with_submodules_is_refused(commits: dict[str, str], tmp_path: Path) -> None:
    folder = Path(commits["folder"])
    branch_with(folder, "modules")
    run_git(folder, "update-index", "--add", "--cacheinfo", f"160000,{commits['one']},vendor/lib")
    run_git(folder, "commit", "--quiet", "--message", "Point to a library")
    with pytest.raises(InputError, match=r"has submodules \(vendor/lib\)"):
        check_out(app(repository=str(folder), ref="modules"), tmp_path / "source")
    run_git(folder, "checkout", "--quiet", "--force", "main")


def test_a_commit_with_files_in_lfs_is_refused(commits: dict[str, str], tmp_path: Path) -> None:
    folder = Path(commits["folder"])
    branch_with(folder, "lfs")
    (folder / "art").mkdir()
    (folder / "art" / ".gitattributes").write_text("*.png filter=lfs diff=lfs merge=lfs -text\n")
    run_git(folder, "add", "art")
    run_git(folder, "commit", "--quiet", "--message", "Keep pictures elsewhere")
    with pytest.raises(InputError, match=r"Git LFS \(art/.gitattributes\)"):
        check_out(app(repository=str(folder), ref="lfs"), tmp_path / "source")
    run_git(folder, "checkout", "--quiet", "main")
