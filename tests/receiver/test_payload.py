"""Recorded payloads of the three hosts, and what is no payload of theirs."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.payload import EVENT, Malformed, NotJson, push_of
from spotkiln.push import Host, Ignored, Push
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

REPOSITORY = {
    Host.GITHUB: "github.com/acme/shop",
    Host.GITLAB: "gitlab.example.com/acme/shop",
    Host.GITEA: "gitea.example.com/acme/shop",
}
PUSHED = {Host.GITHUB: datetime(2024, 5, 1, 12, tzinfo=UTC)}
ZEROS = "0" * 40


def parsed(name: str, **changes: Any) -> Push | Ignored:
    body = encoded(payload(name, **changes))
    return push_of(host_of(name), headers(name), body, "hooks")


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
        by="ada",
        secret="hooks",
    )


@pytest.mark.parametrize("host", Host)
def test_an_annotated_tag_is_not_its_commit(host: Host) -> None:
    found = parsed(f"{host}-tag")
    assert isinstance(found, Push)
    assert (found.ref, found.after, found.commit) == ("refs/tags/v1.4.0", TAG_OBJECT, COMMIT)


@pytest.mark.parametrize("host", Host)
def test_a_branch_releases_what_it_names_now(host: Host) -> None:
    """Whatever else the payload speaks of."""
    other = "e" * 40
    found = parsed(f"{host}-push", head_commit={"id": other}, checkout_sha=other)
    assert isinstance(found, Push)
    assert found.commit == COMMIT


@pytest.mark.parametrize("name", EVENTS)
def test_everything_else_is_ignored_with_a_reason(name: str) -> None:
    found = parsed(name)
    kind = name.partition("-")[2]
    if kind in {"push", "tag"}:
        assert isinstance(found, Push)
    else:
        assert isinstance(found, Ignored)
        words = {"deleted": "was deleted", "ping": "ping: the hook reaches us"}
        assert words.get(kind, "not a push event") in found.reason


@pytest.mark.parametrize("host", Host)
def test_what_is_neither_branch_nor_tag_is_ignored(host: Host) -> None:
    found = parsed(f"{host}-push", ref="refs/notes/commits")
    assert found == Ignored(reason="neither a branch nor a tag was pushed")


def test_gitlabs_system_hook_is_a_push_if_it_says_so() -> None:
    given_headers = {"x-gitlab-event": "System Hook"}
    body = encoded(payload("gitlab-push"))
    assert isinstance(push_of(Host.GITLAB, given_headers, body), Push)
    body = encoded({"event_name": "project_create", "name": "Shop"})
    assert isinstance(push_of(Host.GITLAB, given_headers, body), Ignored)


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
@pytest.mark.parametrize("host", Host)
def test_what_does_not_fit_is_named_and_not_repeated(
    host: Host, changes: dict[str, Any], where: str
) -> None:
    with pytest.raises(Malformed, match=where) as caught:
        parsed(f"{host}-push", **changes)
    assert "rm -rf" not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"{", b"payload=%7B%7D", b"\xff\xfe", b"[" * 100_000])
def test_what_is_not_json(body: bytes) -> None:
    with pytest.raises(NotJson, match="application/json"):
        push_of(Host.GITHUB, headers("github-push"), body)


@pytest.mark.parametrize("body", [b"[]", b"null", b"7", b'"push"'])
def test_json_that_is_no_object(body: bytes) -> None:
    with pytest.raises(Malformed):
        push_of(Host.GITHUB, headers("github-push"), body)


@pytest.mark.parametrize("host", Host)
def test_without_an_event_it_is_another_hosts(host: Host) -> None:
    with pytest.raises(Malformed, match=EVENT[host]):
        push_of(host, {}, encoded(payload(f"{host}-push")))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FIELDS = ["ref", "before", "after", "checkout_sha", "head_commit", "repository", "project"]


@given(st.sampled_from(Host), st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_values_give_an_answer(host: Host, changes: dict[str, Any]) -> None:
    try:
        found = parsed(f"{host}-push", **changes)
    except Malformed:
        return
    assert isinstance(found, Push | Ignored)


@given(st.sampled_from(sorted(EVENTS)), st.binary(), st.integers(0, 400))
def test_any_bytes_give_an_answer(name: str, junk: bytes, at: int) -> None:
    body = encoded(payload(name))
    try:
        push_of(host_of(name), headers(name), body[:at] + junk + body[at:])
    except Malformed:
        return
