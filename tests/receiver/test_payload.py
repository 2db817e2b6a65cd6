"""Recorded payloads of the hosts, and what is no payload of theirs."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkiln.receiver import encoding
from spotkiln.receiver.payload import EVENT, Malformed, NotJson, pushes_of
from spotkiln.start.hooks import Host
from spotkiln.start.push import Ignored, Push
from tests.receiver.deliveries import (
    BEFORE,
    COMMIT,
    EVENTS,
    TAG_OBJECT,
    encoded,
    headers,
    host_of,
    payload,
)
from tests.receiver.parsed import ALIKE, REPOSITORY, ZEROS, parsed

PUSHED = {Host.GITHUB: datetime(2024, 5, 1, 12, tzinfo=UTC)}


@pytest.mark.parametrize("host", Host)
def test_a_push_to_a_branch(host: Host) -> None:
    assert parsed(f"{host}-push") == Push(
        host=host,
        repositories=(REPOSITORY[host],),
        ref="refs/heads/main",
        before=BEFORE,
        after=COMMIT,
        commit=COMMIT,
        pushed=PUSHED.get(host),
        paths=("config/routes.rb",) if host is Host.GITHUB else None,
        by="ada",
        secret="hooks",
    )


def told(files: list[str]) -> dict[str, Any]:
    """One commit."""
    return {"id": COMMIT, "added": [], "removed": [], "modified": files}


def commits(*files: str) -> list[dict[str, Any]]:
    return [told([one]) for one in files]


def test_the_files_that_a_push_touches() -> None:
    first = {"id": BEFORE, "added": ["web/b"], "removed": ["api/c"], "modified": []}
    found = parsed("github-push", commits=[first, told(["README.md", "web/b"])])
    assert isinstance(found, Push)
    assert found.paths == ("README.md", "api/c", "web/b")


@pytest.mark.parametrize(
    "changes",
    [
        {"forced": True},
        {"forced": None},
        {"created": True},
        {"before": ZEROS},
        {"commits": []},
        {"commits": None},
        # The list is cut off there, and as many may be all.
        {"commits": commits(*(["README.md"] * 2048))},
        {"commits": commits(*(f"{number}" for number in range(2047))) * 2},
        {"commits": [told([str(x) for x in range(5001)])]},
        # As Gitea's test of a hook has them.
        {"commits": [{"id": COMMIT, "added": None, "removed": None, "modified": None}]},
        {"commits": [{"id": COMMIT, "modified": ["README.md"]}]},
        # A merge may show none of what it changes.
        {"commits": [*commits("README.md"), told([])]},
    ],
)
def test_the_files_are_told_only_where_they_are_all(changes: dict[str, Any]) -> None:
    found = parsed("github-push", **changes)
    assert isinstance(found, Push)
    assert found.paths is None


def test_just_below_where_the_list_is_cut_off() -> None:
    found = parsed("github-push", commits=commits(*(["README.md"] * 2047)))
    assert isinstance(found, Push)
    assert found.paths == ("README.md",)


@pytest.mark.parametrize("host", [Host.GITLAB, Host.GITEA])
def test_a_host_that_does_not_tell_a_forced_push(host: Host) -> None:
    """What it has taken away is in no list."""
    found = parsed(f"{host}-push", commits=commits("README.md"))
    assert isinstance(found, Push)
    assert found.paths is None


@pytest.mark.parametrize("host", ALIKE)
def test_an_annotated_tag_is_not_its_commit(host: Host) -> None:
    found = parsed(f"{host}-tag")
    assert isinstance(found, Push)
    assert (found.ref, found.after, found.commit) == ("refs/tags/v1.4.0", TAG_OBJECT, COMMIT)


@pytest.mark.parametrize("host", ALIKE)
def test_a_branch_releases_what_it_names_now(host: Host) -> None:
    """Whatever else the payload speaks of."""
    other = "e" * 40
    found = parsed(f"{host}-push", head_commit={"id": other}, checkout_sha=other)
    assert isinstance(found, Push)
    assert found.commit == COMMIT


@pytest.mark.parametrize("name", EVENTS)
def test_everything_else_is_ignored_with_a_reason(name: str) -> None:
    found = parsed(name)
    kind = name.rpartition("-")[2]
    if kind in {"push", "tag", "deleted"}:
        assert isinstance(found, Push)
        assert found.deletes == (kind == "deleted")
    else:
        assert isinstance(found, Ignored)
        words = {"ping": "ping: the hook reaches us"}
        assert words.get(kind, "not a push event") in found.reason


@pytest.mark.parametrize("host", ALIKE)
def test_what_is_neither_branch_nor_tag_is_ignored(host: Host) -> None:
    found = parsed(f"{host}-push", ref="refs/notes/commits")
    assert found == Ignored(reason="neither a branch nor a tag was pushed")


@pytest.mark.parametrize(
    ("name", "commit", "after"),
    [
        ("bitbucket-tag", COMMIT, COMMIT),
        ("bitbucket-server-tag", COMMIT, TAG_OBJECT),
        ("ci-tag", COMMIT, COMMIT),
    ],
)
def test_a_tag_of_those_that_tell_the_commit(name: str, commit: str, after: str) -> None:
    found = parsed(name)
    assert isinstance(found, Push)
    assert (found.ref, found.commit, found.after) == ("refs/tags/v1.4.0", commit, after)
    assert found.before == ZEROS


def test_bitbuckets_server() -> None:
    """Both of its addresses, of which one has another path; and it tells when."""
    assert parsed("bitbucket-server-push") == Push(
        host=Host.BITBUCKET,
        repositories=(
            "bitbucket.example.com/acme/shop",
            "bitbucket.example.com/scm/acme/shop",
        ),
        ref="refs/heads/main",
        before=BEFORE,
        after=COMMIT,
        commit=COMMIT,
        pushed=datetime(2024, 5, 1, 12, tzinfo=UTC),
        by="ada",
        secret="hooks",
    )


def test_an_annotated_tag_of_an_older_server_is_left_to_git() -> None:
    found = parsed("bitbucket-server-tag", toCommit=None)
    assert isinstance(found, Push)
    assert found.commit == TAG_OBJECT


def test_several_refs_in_one_delivery() -> None:
    """A branch, one that was deleted, and a tag."""
    body = encoded(payload("bitbucket-several"))
    found = pushes_of(Host.BITBUCKET, headers("bitbucket-push"), body)
    assert isinstance(found, tuple)
    assert [(one.short, one.deletes) for one in found] == [
        ("main", False),
        ("old", True),
        ("tags/v1.4.0", False),
    ]


@pytest.mark.parametrize(
    ("kind", "ref"), [("branch", "refs/heads/feature/x"), ("tag", "refs/tags/feature/x")]
)
def test_gitea_has_an_event_of_its_own_for_what_a_click_deletes(kind: str, ref: str) -> None:
    body = encoded(
        {
            "ref": "feature/x",
            "ref_type": kind,
            "repository": payload("gitea-push")["repository"],
            "sender": {"login": "ada"},
        }
    )
    told = {**headers("gitea-push"), "x-gitea-event": "delete", "x-gitea-delivery": "one"}
    several = pushes_of(Host.GITEA, told, body, "hooks")
    assert isinstance(several, tuple)
    (found,) = several
    assert (found.ref, found.deletes, found.by, found.moment) == (ref, True, "ada", "one")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("bitbucket-push", {"push": {"changes": [{"new": None, "old": None}]}}),
        ("bitbucket-push", {"push": {"changes": [{"new": {"type": "branch", "name": "x"}}]}}),
        ("bitbucket-push", {"push": None}),
        ("bitbucket-push", {"repository": {}}),
        ("bitbucket-server-push", {"changes": [{"refId": "refs/heads/main"}]}),
        ("bitbucket-server-push", {"date": "yesterday"}),
        ("ci-push", {"tag": "v1"}),
        ("ci-push", {"branch": ""}),
        ("ci-push", {"commit": "main"}),
        ("ci-push", {"comit": COMMIT}),
        ("ci-push", {"branch": "a b"}),
    ],
)
def test_other_shapes_are_refused(name: str, changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed, match=f"not a push of {host_of(name)}"):
        parsed(name, **changes)


@pytest.mark.parametrize(
    ("message", "asks"),
    [
        ("Fix the shop\n\n[skip ci]", True),
        ("[CI SKIP] docs", True),
        ("docs [no ci]", True),
        ("[skip-ci]", True),
        ("skip ci", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("name", ["github-push", "gitlab-push", "bitbucket-push"])
def test_a_commit_may_ask_that_nothing_be_done(name: str, message: str, *, asks: bool) -> None:
    other = {"id": BEFORE, "message": "[skip ci] an older one"}
    changes: dict[str, Any] = {"commits": [other, {"id": COMMIT, "message": message}]}
    if name == "github-push":
        changes["head_commit"] = {"id": COMMIT, "message": message}
    if name == "bitbucket-push":
        changes = {"push": payload(name)["push"]}
        changes["push"]["changes"][0]["new"]["target"]["message"] = message
    found = parsed(name, **changes)
    assert isinstance(found, Push)
    assert found.skips is asks


def test_gitlabs_name_for_a_push() -> None:
    given_headers = {**headers("gitlab-push"), "x-gitlab-event-uuid": "13792a34"}
    found = pushes_of(Host.GITLAB, given_headers, encoded(payload("gitlab-push")))
    assert isinstance(found, tuple)
    assert found[0].moment == "13792a34"


def test_gitlabs_system_hook_is_a_push_if_it_says_so() -> None:
    given_headers = {"x-gitlab-event": "System Hook"}
    body = encoded(payload("gitlab-push"))
    assert isinstance(pushes_of(Host.GITLAB, given_headers, body), tuple)
    body = encoded({"event_name": "project_create", "name": "Shop"})
    assert isinstance(pushes_of(Host.GITLAB, given_headers, body), Ignored)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"ref": None}, "ref"),
        ({"ref": ["refs/heads/main"]}, "ref"),
        ({"ref": "refs/heads/a b"}, "ref"),
        ({"ref": "refs/heads/" + "x" * 1000}, "ref"),
        ({"after": "main; rm -rf /"}, "after"),
        ({"after": COMMIT.upper()}, "after"),
        ({"after": COMMIT[:39]}, "after"),
        ({"after": None}, "after"),
        ({"before": 7}, "before"),
        ({"repository": {}, "project": {}}, "repositories"),
        ({"repository": None}, "repository"),
        ({"repository": "acme/shop"}, "repository"),
    ],
)
@pytest.mark.parametrize("host", ALIKE)
def test_what_does_not_fit_is_named_and_not_repeated(
    host: Host, changes: dict[str, Any], where: str
) -> None:
    with pytest.raises(Malformed, match=where) as caught:
        parsed(f"{host}-push", **changes)
    assert "rm -rf" not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"{", b"payload=%7B%7D", b"\xff\xfe", b"[" * 100_000])
def test_what_is_not_json(body: bytes) -> None:
    with pytest.raises(NotJson, match="application/json"):
        pushes_of(Host.GITHUB, headers("github-push"), body)


@pytest.mark.parametrize("body", [b"[]", b"null", b"7", b'"push"'])
def test_json_that_is_no_object(body: bytes) -> None:
    with pytest.raises(Malformed):
        pushes_of(Host.GITHUB, headers("github-push"), body)


@pytest.mark.parametrize("host", EVENT)
def test_without_an_event_it_is_another_hosts(host: Host) -> None:
    with pytest.raises(Malformed, match=EVENT[host]):
        pushes_of(host, {}, encoded(payload(f"{host}-push")))


# -- as a form --


@given(st.binary(max_size=300), st.integers(3, 40))
def test_a_form_holds_what_was_put_into_it(content: bytes, part: int) -> None:
    body = urlencode({"a": "1", "payload": content}).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "PART_BYTES", part)
        assert encoding.decoded(body) == content


@pytest.mark.parametrize("body", [b"", b"payload", b"a=1&b=payload=2", b"{}"])
def test_a_form_without_a_payload(body: bytes) -> None:
    with pytest.raises(Malformed, match="expected a field payload"):
        encoding.decoded(body)


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("application/json", encoding.Kind.JSON),
        ("Application/JSON; charset=utf-8", encoding.Kind.JSON),
        ("application/x-www-form-urlencoded", encoding.Kind.FORM),
        ("multipart/form-data; boundary=x", None),
        ("text/plain", None),
        ("", None),
    ],
)
def test_how_a_body_is_encoded(content_type: str, kind: encoding.Kind | None) -> None:
    assert encoding.kind_of(content_type) is kind
