"""Payloads that no host sends: whatever stands in them, a push is what was sent."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spotkiln.receiver.payload import Malformed, pushes_of
from spotkiln.start.hooks import Host
from spotkiln.start.push import Ignored
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

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
SHAS = st.sampled_from([COMMIT, BEFORE, TAG_OBJECT, ZEROS, COMMIT.upper(), COMMIT[:39]])
REFS = st.sampled_from(
    ["refs/heads/main", "refs/heads/a/b", "refs/tags/v1", "refs/pull/1/head", "main", "refs/heads/"]
)
# What decides; each is often what a host could send, and sometimes anything at all.
ODD = st.fixed_dictionaries(
    {},
    optional={
        "ref": REFS | JSON,
        "before": SHAS | JSON,
        "after": SHAS | JSON,
        "checkout_sha": SHAS | JSON,
        "head_commit": st.fixed_dictionaries({"id": SHAS, "message": JSON}) | JSON,
        "repository": JSON,
        "project": JSON,
    },
)


# The first example is slow to draw on a machine that has other things to do.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(ALIKE), ODD)
def test_whatever_stands_in_it_a_push_is_what_was_sent(host: Host, changes: dict[str, Any]) -> None:
    sent = payload(f"{host}-push", **changes)
    try:
        found = parsed(f"{host}-push", **changes)
    except Malformed:
        return
    known = sent["ref"].startswith(("refs/heads/", "refs/tags/"))
    if isinstance(found, Ignored):
        assert not known
        return
    assert known
    assert (found.ref, found.before, found.after) == (sent["ref"], sent["before"], sent["after"])
    assert found.repositories == (REPOSITORY[host],) or {"repository", "project"} & changes.keys()
    if sent["ref"].startswith("refs/heads/"):
        assert found.commit == sent["after"]
        assert found.deletes == (sent["after"] == ZEROS)
    else:
        inside = (sent.get("head_commit") or {}).get("id")
        assert found.commit in {sent.get("checkout_sha"), inside, sent["after"]}


def strings(value: Any) -> set[str]:
    if isinstance(value, dict):
        return strings(list(value.values()))
    if isinstance(value, list):
        return {text for one in value for text in strings(one)}
    return {value} if isinstance(value, str) else set()


@given(st.sampled_from(sorted(EVENTS)), st.binary(), st.integers(0, 400))
def test_whatever_bytes_come_a_push_was_readable(name: str, junk: bytes, at: int) -> None:
    body = encoded(payload(name))
    body = body[:at] + junk + body[at:]
    try:
        found = pushes_of(host_of(name), headers(name), body)
    except Malformed:
        return
    if not isinstance(found, Ignored):
        said = strings(json.loads(body))
        assert found
        for one in found:
            assert {x for x in (one.commit, one.after) if x.strip("0")} <= said
            assert any(text and one.ref.endswith(text) for text in said)
