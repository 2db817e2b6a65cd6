"""The record tells overlaps: what the team's test trusts."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.team.record import FleetLife, fleet_overlaps, lease_changes, lease_overlaps

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/shop/0123456789abcdef"


def life(release: str, asked: int, ended: int | None, group: str = "shop") -> FleetLife:
    """Times in seconds after noon."""
    end = None if ended is None else NOON + timedelta(seconds=ended)
    return FleetLife(f"sfr-{release}", group, release, NOON + timedelta(seconds=asked), end)


def test_one_release_after_the_other_is_no_overlap() -> None:
    assert fleet_overlaps([life("a", 0, 30), life("b", 20, 60), life("c", 50, None)]) == []


def test_a_release_that_begins_before_the_last_has_retired_is_one() -> None:
    lives = [life("a", 0, 40), life("b", 20, 60), life("c", 30, None)]
    assert fleet_overlaps(lives) == ["shop: c asked for a fleet beside ['a', 'b']"]
    elsewhere = [*lives[:2], life("c", 30, None, group="blog")]
    assert fleet_overlaps(elsewhere) == []


def call(n: int, release: str, state: str) -> dict[str, Any]:
    key = f"spotkiln:lease/{release}"
    given: dict[str, Any] = {"ResourceArns": [ARN]}
    if state:
        given["Tags"] = [{"Key": key, "Value": f"{state} run 2024 2024"}]
    else:
        given["TagKeys"] = [key]
    operation = "AddTags" if state else "RemoveTags"
    return {"n": n, "operation": operation, "parameters": given, "error": None}


def test_leases_that_follow_each_other_do_not_overlap() -> None:
    calls = [
        call(1, "a", "waits"), call(2, "a", "holds"), call(3, "b", "waits"),
        call(4, "a", ""), call(5, "b", "holds"), call(6, "b", ""),
    ]  # fmt: skip
    assert lease_overlaps(lease_changes(calls), frozenset()) == []


def test_two_holders_overlap_unless_one_is_dead() -> None:
    calls = [call(1, "a", "holds"), call(2, "b", "holds")]
    changes = lease_changes(calls)
    assert lease_overlaps(changes, frozenset()) == ["shop: b holds it beside ['a']"]
    assert lease_overlaps(changes, frozenset({"a"})) == []


def test_a_call_that_failed_changed_nothing() -> None:
    failed = {**call(1, "a", "holds"), "error": "Throttling"}
    assert lease_changes([failed]) == []
