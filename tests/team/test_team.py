"""Twenty releases (LONG=1: thirty) of ten applications by two workers, one of which is stopped the
polite way and the other killed: all end or are told of, and none overlaps on its target group."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from rehearsal.account import fleets_of
from tests.reliability.host import descendants
from tests.team.conftest import FINAL, GROUPS, Team
from tests.team.record import (
    FleetLife,
    fleet_overlaps,
    lease_changes,
    lease_overlaps,
)

ROUNDS = 3 if os.environ.get("LONG") else 2
pytestmark = [
    pytest.mark.postgres,
    pytest.mark.prefect,
    pytest.mark.sandbox,
    pytest.mark.timeout(900),
]


def until(look: Callable[[], Any], seconds: float, what: str) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(0.5)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def release_of(run: dict[str, Any]) -> str:
    """The release's id, as everything that it makes carries it."""
    return f"{run['parameters']['app']['name']}-{run['id'].replace('-', '')[:12]}"


def in_state(team: Team, *states: str) -> list[dict[str, Any]]:
    return [one for one in team.runs() if one["state"]["type"] in states]


def running_on(team: Team, worker: str) -> list[dict[str, Any]]:
    return [one for one in in_state(team, "RUNNING") if team.worker_of(one) == worker]


def kill_flow(worker: int, run: str) -> None:
    """SIGKILL to one flow of a worker and all that it started."""
    for pid in descendants(worker):
        with suppress(OSError):
            if run.encode() in Path(f"/proc/{pid}/environ").read_bytes():
                os.kill(pid, signal.SIGKILL)


def fleet_lives(team: Team) -> list[FleetLife]:
    """Every fleet there ever was: its request as AWS shows it, and when a cancel call named it."""
    cancelled: dict[str, datetime] = {}
    for call in team.box.calls():
        if call["operation"] == "CancelSpotFleetRequests" and not call["error"]:
            for name in call["parameters"]["SpotFleetRequestIds"]:
                cancelled.setdefault(name, moment(call["time"]))
    lives = []
    for one in fleets_of(team.account.ec2):
        marks = {tag["Key"]: tag["Value"] for tag in one.get("Tags", [])}
        name = one["SpotFleetRequestId"]
        lives.append(
            FleetLife(
                id=name,
                group=marks["spotkiln:target-group"],
                release=marks["spotkiln:release"],
                asked=one["CreateTime"],
                ended=cancelled.get(name),
            )
        )
    return lives


def test_releases_with_one_worker_stopped_and_one_killed(team: Team) -> None:
    polite = team.prefect.start_worker(limit=6, name="polite")
    killed = team.prefect.start_worker(limit=6, name="killed")
    begin = time.monotonic()
    runs = [team.start(group) for _ in range(ROUNDS) for group in GROUPS]

    until(lambda: len(running_on(team, "killed")) >= 4, 120, "releases on the second worker")
    victim, *orphans = running_on(team, "killed")
    kill_flow(killed.pid, victim["id"])
    killed.kill()
    killed.wait(10)
    team.prefect.start_worker(limit=6, name="next")

    until(lambda: running_on(team, "polite"), 120, "releases on the first worker")
    polite.send_signal(signal.SIGTERM)
    told = time.monotonic()
    # What it had asked for when it was told may still come.
    time.sleep(3)
    its = {one["id"] for one in team.runs() if team.worker_of(one) == "polite"}
    assert polite.wait(240) == 0
    print(f"polite worker: ended {time.monotonic() - told:.0f} s after SIGTERM")

    with suppress(AssertionError):
        until(lambda: len(in_state(team, *FINAL)) == len(runs), 300, "an end of all releases")
    unended = [one for one in team.runs() if one["state"]["type"] not in FINAL]
    assert [(team.worker_of(one), one["state"], one["start_time"]) for one in unended] == []
    print(f"{len(runs)} releases: {time.monotonic() - begin:.0f} s")
    ended = {one["id"]: one for one in team.runs()}
    assert set(runs) == set(ended)
    states = Counter((team.worker_of(one), one["state"]["type"]) for one in ended.values())
    print(f"ends by worker: {dict(states)}")

    # The polite worker lost nothing, and took nothing more.
    assert {ended[run]["state"]["type"] for run in its} == {"COMPLETED"}
    assert its == {run for run, one in ended.items() if team.worker_of(one) == "polite"}
    # What the killed one had started went on without it, but for the flow that was killed too.
    assert {ended[one["id"]]["state"]["type"] for one in orphans} == {"COMPLETED"}
    # What did not complete was the killed worker's, and Prefect says so.
    crashed = [one for one in ended.values() if one["state"]["type"] != "COMPLETED"]
    assert victim["id"] in {one["id"] for one in crashed}
    assert {(team.worker_of(one), one["state"]["type"]) for one in crashed} == {
        ("killed", "CRASHED")
    }
    # A triggered reconcile settled what they had begun: each group is served, nothing is left.
    assert team.settled(120) == {}
    triggered = [one for one in team.runs("reconcile") if one["created_by"]["type"] == "AUTOMATION"]
    assert triggered

    dead = frozenset(release_of(one) for one in crashed)
    lives = fleet_lives(team)
    completed = {release_of(one) for one in ended.values()} - dead
    assert {one.release for one in lives} >= completed
    assert fleet_overlaps(lives) == []
    changes = lease_changes(team.box.calls())
    assert {one.release for one in changes if one.state == "holds"} >= completed
    assert lease_overlaps(changes, dead) == []
