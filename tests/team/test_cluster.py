"""A hundred releases of thirty applications with several Prefect servers behind a proxy, while one
of them is killed, Redis starts again and a worker is killed: none is lost, none overlaps."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from rehearsal.prefect_client import client_of
from tests.reliability.conftest import long
from tests.team.cluster import Cluster, path_of
from tests.team.conftest import FINAL, PASSWORD, Team, environment, team_of
from tests.team.record import fleet_overlaps, lease_changes, lease_overlaps
from tests.team.test_team import (
    fleet_lives,
    in_state,
    kill_flow,
    release_of,
    running_on,
    until,
)

RELEASES = 100
APPLICATIONS = [f"app-{number}" for number in range(30)]
LIMIT = 6
# One after the other, so that each meets servers that have stood up again.
AWAY_SECONDS = 15.0
pytestmark = [
    long,
    pytest.mark.postgres,
    pytest.mark.prefect,
    pytest.mark.sandbox,
    pytest.mark.timeout(3600),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Team]:
    for program in ("redis-server", "nginx"):
        try:
            path_of(program)
        except FileNotFoundError:
            pytest.skip(f"no {program}: apt-get install {program}")
    home = tmp_path_factory.mktemp("cluster")
    with ExitStack() as stack:
        own = environment(home, database)
        prefect = stack.enter_context(Cluster(home / "prefect", own, PASSWORD))
        prefect.start_server()
        api = client_of(prefect.address, PASSWORD, prefect.trust())
        yield stack.enter_context(team_of(home, prefect, api, APPLICATIONS))


def ended(team: Team) -> int:
    return len(in_state(team, *FINAL))


def test_a_hundred_releases(cluster: Team) -> None:
    prefect = cluster.prefect
    assert isinstance(prefect, Cluster)
    first = prefect.start_worker(limit=LIMIT, name="first")
    killed = prefect.start_worker(limit=LIMIT, name="killed")
    begin = time.monotonic()
    runs = [cluster.start(APPLICATIONS[n % len(APPLICATIONS)]) for n in range(RELEASES)]

    def told(what: str) -> None:
        print(f"{time.monotonic() - begin:.0f} s, {ended(cluster)} ended: {what}", flush=True)

    until(lambda: ended(cluster) >= RELEASES // 10, 600, "the first releases")
    told("one API server is killed")
    prefect.apis[0].kill()
    prefect.apis[0].wait(10)
    time.sleep(AWAY_SECONDS)
    prefect.start_api(0)
    prefect.wait_for_server()

    until(lambda: ended(cluster) >= RELEASES // 4, 600, "releases after the server")
    told("Redis starts again")
    prefect.redis.terminate()
    prefect.redis.wait(30)
    time.sleep(AWAY_SECONDS)
    prefect.start_redis()

    until(lambda: ended(cluster) >= RELEASES // 2, 600, "releases after Redis")
    until(lambda: running_on(cluster, "killed"), 120, "releases on the second worker")
    victim, *_ = running_on(cluster, "killed")
    told("one worker and one of its releases are killed")
    kill_flow(killed.pid, victim["id"])
    killed.kill()
    killed.wait(10)
    prefect.start_worker(limit=LIMIT, name="next")

    until(lambda: ended(cluster) == len(runs), 1200, "an end of all releases")
    told("all")
    assert first.poll() is None
    done = {one["id"]: one for one in cluster.runs()}
    assert set(done) == set(runs)
    states = Counter((cluster.worker_of(one), one["state"]["name"]) for one in done.values())
    print(f"ends by worker: {dict(states)}")

    crashed = [one for one in done.values() if one["state"]["type"] != "COMPLETED"]
    assert victim["id"] in {one["id"] for one in crashed}
    assert {(cluster.worker_of(one), one["state"]["type"]) for one in crashed} == {
        ("killed", "CRASHED")
    }
    assert cluster.settled(180) == {}

    dead = frozenset(release_of(one) for one in crashed)
    lives = fleet_lives(cluster)
    completed = {release_of(one) for one in done.values()} - dead
    assert {one.release for one in lives} >= completed
    assert fleet_overlaps(lives) == []
    changes = lease_changes(cluster.box.calls())
    assert {one.release for one in changes if one.state == "holds"} >= completed
    assert lease_overlaps(changes, dead) == []
