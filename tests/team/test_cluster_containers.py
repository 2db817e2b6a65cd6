"""Releases in containers of a docker pool with several Prefect servers behind a proxy, while one of
them is killed, Redis starts again and one container is killed: none is lost, none overlaps.

RELEASES=100 plays a hundred of thirty applications, by itself twenty of six: each takes about ten
seconds of processor time.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from rehearsal.account import fleets_of, tags_of
from spotkiln.serve.fleet import Phase
from spotkiln.tags import PHASE
from tests.team.cluster import Cluster
from tests.team.conftest import cluster_of
from tests.team.containers import MARKS, Containers, docker, why_not
from tests.team.record import fleet_overlaps, lease_changes, lease_overlaps
from tests.team.test_team import fleet_lives, in_state, release_of, until

RELEASES = int(os.environ.get("RELEASES", "20"))
APPLICATIONS = [f"app-{number}" for number in range(RELEASES * 3 // 10)]
LIMIT = 6
# A host that has other things to do, too, needs half a minute for each.
PATIENCE = 30.0 * RELEASES
pytestmark = [*MARKS, pytest.mark.timeout(2 * PATIENCE + 900)]


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, database: str
) -> Iterator[tuple[Cluster, Containers]]:
    if why := why_not():
        pytest.skip(why)
    home = tmp_path_factory.mktemp("containers")
    with cluster_of(home, database, APPLICATIONS, Containers) as (prefect, team):
        assert isinstance(team, Containers)
        yield prefect, team
        # They outlive their worker.
        team.end_containers()


def test_releases_in_containers(cluster: tuple[Cluster, Containers]) -> None:
    prefect, team = cluster
    team.start_workers(limit=LIMIT)
    begin = time.monotonic()
    runs = [team.start(APPLICATIONS[n % len(APPLICATIONS)]) for n in range(RELEASES)]

    def told(what: str) -> None:
        print(f"{time.monotonic() - begin:.0f} s, {team.ended()} ended: {what}", flush=True)

    until(lambda: team.ended() >= RELEASES // 10, PATIENCE, "the first releases")
    told("one API server is killed")
    prefect.lose_api(0)
    until(lambda: team.ended() >= RELEASES // 4, PATIENCE, "releases after the server")
    told("Redis starts again")
    prefect.restart_redis()
    until(lambda: team.ended() >= RELEASES // 2, PATIENCE, "releases after Redis")

    def in_the_middle() -> str:
        """A release whose container runs, and whose fleet does not serve yet."""
        there = team.containers()
        tags = [tags_of(fleet) for fleet in fleets_of(team.account.ec2)]
        asked = {one["spotkiln:release"] for one in tags if one.get(PHASE) == Phase.PENDING}
        running = [one for one in in_state(team, "RUNNING") if release_of(one) in asked]
        return next((str(one["id"]) for one in running if one["id"] in there), "")

    victim = until(in_the_middle, 300, "a fleet of a release")
    told("one container is killed")
    docker("kill", team.containers()[victim])

    until(lambda: team.ended() == len(runs), PATIENCE, "an end of all releases")
    told("all")
    done = {one["id"]: one for one in team.runs()}
    assert set(done) == set(runs)
    print(f"ends: {dict(Counter(one['state']['name'] for one in done.values()))}")
    crashed = {run for run, one in done.items() if one["state"]["type"] != "COMPLETED"}
    assert crashed == {victim}
    assert team.settled(180) == {}
    assert {one["created_by"]["type"] for one in team.runs("reconcile")} == {"AUTOMATION"}

    dead = frozenset({release_of(done[victim])})
    completed = {release_of(one) for one in done.values()} - dead
    lives = fleet_lives(team)
    assert {one.release for one in lives} >= completed
    assert fleet_overlaps(lives) == []
    changes = lease_changes(team.box.calls())
    assert {one.release for one in changes if one.state == "holds"} >= completed
    assert lease_overlaps(changes, dead) == []
    until(lambda: not team.containers(), 60, "the end of all containers")
