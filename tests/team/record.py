"""Whether two releases of a target group ever overlapped, from what the sandbox recorded of AWS:
when fleets were asked for and cancelled, and how the leases on the target group changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

LEASE = "spotkiln:lease/"


@dataclass(frozen=True)
class FleetLife:
    """From the request to the cancelling; `ended` None: not cancelled."""

    id: str
    group: str
    release: str
    asked: datetime
    ended: datetime | None = None


def fleet_overlaps(lives: Iterable[FleetLife]) -> list[str]:
    """Where a fleet was asked for while two were there: one that serves, and one of a release that
    had not ended."""
    every, found = list(lives), []
    for one in every:
        there = [
            x.release
            for x in every
            if x.group == one.group
            and x.asked < one.asked
            and (x.ended is None or x.ended > one.asked)
        ]
        if len(there) > 1:
            found.append(f"{one.group}: {one.release} asked for a fleet beside {sorted(there)}")
    return found


@dataclass(frozen=True)
class LeaseChange:
    """A lease written, with its state (`holds` or `waits`), or removed: the state is empty."""

    n: int
    group: str
    release: str
    state: str


def lease_changes(calls: Iterable[Mapping[str, Any]]) -> list[LeaseChange]:
    """From the record of AddTags and RemoveTags on target groups, in order."""
    found = []
    for call in calls:
        if call["operation"] not in {"AddTags", "RemoveTags"} or call["error"]:
            continue
        given = call["parameters"]
        written = {one["Key"]: one.get("Value", "") for one in given.get("Tags", [])}
        written |= dict.fromkeys(given.get("TagKeys", []), "")
        for arn in given["ResourceArns"]:
            for key, value in written.items():
                if key.startswith(LEASE):
                    group = arn.split("/")[1]
                    state = value.split(" ")[0]
                    found.append(LeaseChange(call["n"], group, key.removeprefix(LEASE), state))
    return sorted(found, key=lambda one: one.n)


def lease_overlaps(changes: Iterable[LeaseChange], dead: frozenset[str]) -> list[str]:
    """Where a release held a target group that another, which was not dead, still held."""
    holders: dict[str, set[str]] = {}
    found = []
    for change in changes:
        held = holders.setdefault(change.group, set())
        held.discard(change.release)
        if change.state != "holds":
            continue
        if others := held - dead:
            found.append(f"{change.group}: {change.release} holds it beside {sorted(others)}")
        held.add(change.release)
    return found
