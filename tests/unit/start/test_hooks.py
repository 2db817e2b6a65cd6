"""Whose word counts for which repository."""

import pytest

from spotkiln.start.hooks import Hooks, Host

BOTH = Hooks(
    secrets={Host.GITHUB: ("hub",), Host.GITLAB: ("lab", "lab-2")},
    hosts={Host.GITLAB: ("gitlab.example.com", "ssh.example.com")},
)


@pytest.mark.parametrize(
    ("kind", "repository", "counts"),
    [
        (Host.GITHUB, "github.com/acme/shop", True),
        (Host.GITLAB, "gitlab.example.com/acme/shop", True),
        (Host.GITLAB, "ssh.example.com/acme/shop", True),
        # Another's, and nobody's.
        (Host.GITLAB, "github.com/acme/shop", False),
        (Host.GITHUB, "gitlab.example.com/acme/shop", False),
        (Host.GITHUB, "git.example.com/acme/shop", False),
        (Host.GITLAB, "/srv/git/shop", False),
        # Without a secret nobody is a speaker.
        (Host.GITEA, "codeberg.org/acme/shop", False),
        (Host.CI, "github.com/acme/shop", False),
    ],
)
def test_a_kind_of_host_speaks_for_its_own(kind: Host, repository: str, *, counts: bool) -> None:
    assert BOTH.heard(kind, ["elsewhere.example.com/x", repository]) == (repository,) * counts


def test_the_only_kind_speaks_for_hosts_that_nobody_else_has() -> None:
    only = Hooks(secrets={Host.GITEA: ("tea",)})
    assert only.heard(Host.GITEA, ["git.example.com/acme/shop"]) == ("git.example.com/acme/shop",)
    assert only.heard(Host.GITEA, ["github.com/acme/shop"]) == ()
    told = only.model_copy(update={"hosts": {Host.GITEA: ("git.example.com",)}})
    assert told.heard(Host.GITEA, ["git.example.org/acme/shop"]) == ()


def test_ci_speaks_for_the_hosts_that_it_was_given() -> None:
    ci = {Host.CI: ("jobs",)}
    assert Hooks(secrets=ci).heard(Host.CI, ["git.example.com/acme/shop"]) == ()
    told = Hooks(secrets={**ci, Host.GITHUB: ("hub",)}, hosts={Host.CI: ("github.com",)})
    for kind in (Host.CI, Host.GITHUB):
        assert told.heard(kind, ["github.com/acme/shop"]) == ("github.com/acme/shop",)


def test_who_is_not_heard_is_told_what_to_set() -> None:
    reason = BOTH.unheard(Host.GITLAB, "github.com/acme/shop")
    assert "signed as gitlab" in reason
    assert "repositories at github.com" in reason
    assert "SPOTKILN_RECEIVER_GITLAB_HOSTS" in reason


@pytest.mark.parametrize(
    ("repository", "wanted", "objection"),
    [
        ("github.com/acme/shop", (), ""),
        ("github.com/acme/shop", ("hub",), ""),
        ("gitlab.example.com/acme/shop", ("lab-2",), ""),
        ("gitlab.example.com/acme/shop", ("gone", "lab"), ""),
        ("gitlab.example.com/acme/shop", (), "several secrets may sign for"),
        ("github.com/acme/shop", ("lab",), "push:secret=lab: for github.com there are"),
        ("git.example.com/acme/shop", (), "no hook of the receiver speaks for"),
    ],
)
def test_what_no_push_can_start(repository: str, wanted: tuple[str, ...], objection: str) -> None:
    found = BOTH.objection(repository, wanted)
    assert found.startswith(objection)
    assert bool(found) == bool(objection)


def test_the_only_kind_speaks_for_them_whichever_it_is_and_a_ci_system_never_does() -> None:
    unknown = "git.example.com"
    for kind in Host:
        found = Hooks(secrets={kind: ("it",)}).speakers(unknown)
        assert found == ([] if kind is Host.CI else [kind])
    assert Hooks().speakers(unknown) == []
