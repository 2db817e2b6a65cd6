"""A hundred releases of thirty applications with several Prefect servers behind a proxy, while one
of them is killed, Redis starts again and a worker is killed: none is lost, none overlaps."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.reliability.conftest import long
from tests.team.cluster import Cluster
from tests.team.conftest import Team, cluster_of
from tests.team.record import fleet_overlaps, lease_changes, lease_overlaps
from tests.team.test_team import (
    fleet_lives,
    kill_flow,
    release_of,
    running_on,
    until,
)

RELEASES = 100
APPLICATIONS = [f"app-{number}" for number in range(30)]
LIMIT = 6
pytestmark = [
    long,
    pytest.mark.postgres,
    pytest.mark.prefect,
    pytest.mark.sandbox,
    pytest.mark.timeout(3600),
]


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, database: str
) -> Iterator[tuple[Cluster, Team]]:
    with cluster_of(tmp_path_factory.mktemp("cluster"), database, APPLICATIONS) as both:
        yield both


def test_a_hundred_releases(cluster: tuple[Cluster, Team]) -> None:
    prefect, team = cluster
    first = prefect.start_worker(limit=LIMIT, name="first")
    killed = prefect.start_worker(limit=LIMIT, name="killed")
    begin = time.monotonic()
    runs = [team.start(APPLICATIONS[n % len(APPLICATIONS)]) for n in range(RELEASES)]

    def told(what: str) -> None:
        print(f"{time.monotonic() - begin:.0f} s, {team.ended()} ended: {what}", flush=True)

    until(lambda: team.ended() >= RELEASES // 10, 600, "the first releases")
    told("one API server is killed")
    prefect.lose_api(0)
    # One after the other, so that each meets servers that have stood up again.
    until(lambda: team.ended() >= RELEASES // 4, 600, "releases after the server")
    told("Redis starts again")
    prefect.restart_redis()
    until(lambda: team.ended() >= RELEASES // 2, 600, "releases after Redis")
    until(lambda: running_on(team, "killed"), 120, "releases on the second worker")
    victim, *_ = running_on(team, "killed")
    told("one worker and one of its releases are killed")
    kill_flow(killed.pid, victim["id"])
    killed.kill()
    killed.wait(10)
    prefect.start_worker(limit=LIMIT, name="next")

    until(lambda: team.ended() == len(runs), 1200, "an end of all releases")
    told("all")
    assert first.poll() is None
    done = {one["id"]: one for one in team.runs()}
    assert set(done) == set(runs)
    states = Counter((team.worker_of(one), one["state"]["name"]) for one in done.values())
    print(f"ends by worker: {dict(states)}")

    crashed = [one for one in done.values() if one["state"]["type"] != "COMPLETED"]
    assert victim["id"] in {one["id"] for one in crashed}
    assert {(team.worker_of(one), one["state"]["type"]) for one in crashed} == {
        ("killed", "CRASHED")
    }
    assert team.settled(180) == {}

    dead = frozenset(release_of(one) for one in crashed)
    lives = fleet_lives(team)
    completed = {release_of(one) for one in done.values()} - dead
    assert {one.release for one in lives} >= completed
    assert fleet_overlaps(lives) == []
    changes = lease_changes(team.box.calls())
    assert {one.release for one in changes if one.state == "holds"} >= completed
    assert lease_overlaps(changes, dead) == []
