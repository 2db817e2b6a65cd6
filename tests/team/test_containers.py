"""Releases in containers of a docker pool, to their end. One container is killed: its run is told
of, and a triggered reconcile, in a container as well, settles what it had begun."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from rehearsal.prefect_client import client_of
from rehearsal.prefect_local import LocalPrefect
from tests.team.conftest import FINAL, PASSWORD, environment, team_of
from tests.team.containers import MARKS, Containers, docker, why_not
from tests.team.record import fleet_overlaps, lease_changes, lease_overlaps
from tests.team.test_team import fleet_lives, in_state, release_of, until

APPLICATIONS = ["app-0", "app-1"]
RELEASES = 4
pytestmark = [*MARKS, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Containers]:
    if why := why_not():
        pytest.skip(why)
    home = tmp_path_factory.mktemp("containers")
    with ExitStack() as stack:
        own = environment(home, database)
        prefect = stack.enter_context(LocalPrefect(home / "prefect", own, 0, PASSWORD))
        prefect.start_server()
        api = client_of(prefect.address, PASSWORD)
        team = stack.enter_context(team_of(home, prefect, api, APPLICATIONS, Containers))
        assert isinstance(team, Containers)
        # The worker's containers outlive it.
        stack.callback(team.end_containers)
        yield team


def test_releases_one_of_whose_containers_is_killed(containers: Containers) -> None:
    containers.start_workers(limit=2)
    begin = time.monotonic()
    runs = [containers.start(APPLICATIONS[n % len(APPLICATIONS)]) for n in range(RELEASES)]

    def asked() -> set[str]:
        """The releases that have asked for a fleet."""
        return {one.release for one in fleet_lives(containers)}

    def in_the_middle() -> str:
        for one in in_state(containers, "RUNNING"):
            if release_of(one) in asked() and one["id"] in containers.containers():
                return str(one["id"])
        return ""

    victim = until(in_the_middle, 240, "a fleet of a release")
    docker("kill", containers.containers()[victim])
    until(lambda: len(in_state(containers, *FINAL)) == len(runs), 400, "an end of all releases")
    print(f"{len(runs)} releases: {time.monotonic() - begin:.0f} s")
    ended = {one["id"]: one for one in containers.runs()}
    assert set(ended) == set(runs)
    assert {run: one["state"]["type"] for run, one in ended.items()} == {
        run: "CRASHED" if run == victim else "COMPLETED" for run in runs
    }
    assert containers.settled(180) == {}
    triggered = containers.runs("reconcile")
    assert {one["created_by"]["type"] for one in triggered} == {"AUTOMATION"}

    lives = fleet_lives(containers)
    assert fleet_overlaps(lives) == []
    dead = frozenset({release_of(ended[victim])})
    assert lease_overlaps(lease_changes(containers.box.calls()), dead) == []
    until(lambda: not containers.containers(), 60, "the end of all containers")
