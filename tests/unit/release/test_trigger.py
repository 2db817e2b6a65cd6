"""Who or what started a run."""

from typing import Any

import pytest

from spotkiln.release.trigger import Trigger, run_name, tags_of, trigger_of


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"tags": ["shop", "trigger:push", "by:alice"]}, "push (alice)"),
        # Its own word goes before what Prefect says.
        ({"tags": ["trigger:nightly"], "creator": "SCHEDULE", "creator_name": "x"}, "nightly"),
        ({"creator": "SCHEDULE", "creator_name": "regularly"}, "schedule (regularly)"),
        ({"creator": "AUTOMATION", "creator_name": "after a crash"}, "automation (after a crash)"),
        ({"parent": True, "deployed": True}, "flow"),
        ({"first_message": "Run from the Prefect UI", "deployed": True}, "ui"),
        ({"first_message": "Run from the Prefect UI with defaults", "deployed": True}, "ui"),
        ({"first_message": "", "deployed": True}, "ui"),
        ({"first_message": "Because of the holidays", "deployed": True}, "api"),
        ({"deployed": True, "tags": ["by:bob"]}, "api (bob)"),
        ({}, "script"),
        # No word: not believed.
        ({"tags": ["trigger:", "trigger:<b>"], "deployed": True}, "api"),
    ],
)
def test_trigger(facts: dict[str, Any], expected: str) -> None:
    assert str(trigger_of(**facts)) == expected


def test_tags_and_back() -> None:
    for one in (Trigger(kind="push", by="alice"), Trigger(kind="command")):
        assert trigger_of(tags=tags_of(one)) == one


def test_names() -> None:
    assert run_name("shop", "3f2a91cdef01", Trigger(kind="push", by="x")) == "shop 3f2a91c push"
    assert (
        run_name("shop", "3f2a91cdef", Trigger(), how="back to") == "shop back to 3f2a91c unknown"
    )
