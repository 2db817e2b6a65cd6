"""The watch on a machine, by its script."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.bake.cloud import GROUPS_TAG, MINE, REBALANCE_TAG, SECRET, SESSION, Cloud
from tests.unit.nouns import GROUP, OTHER_GROUP

pytestmark = pytest.mark.programs

STOP_SECONDS = 2


def watch(cloud: Cloud, *beside: str) -> "subprocess.Popen[str]":
    look = {"SPOTKILN_LOOK_SECONDS": "0.2"}
    return cloud.start("watch-interruption", "demo", str(STOP_SECONDS), *beside, **look)


def run(cloud: Cloud, *beside: str, seconds: float = 30) -> str:
    """What it says, until it ends."""
    said, _ = watch(cloud, *beside).communicate(timeout=seconds)
    assert cloud.bad == []
    return said


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path)
    yield cloud
    cloud.close()


def test_on_demand_there_is_nothing_to_watch_for(cloud: Cloud) -> None:
    cloud.metadata["instance-life-cycle"] = "on-demand"
    assert "no Spot instance" in run(cloud)
    assert cloud.told == []


def test_a_machine_that_is_not_told_what_it_is_watches_all_the_same(cloud: Cloud) -> None:
    """systemd starts it again only if it has failed."""
    del cloud.metadata["instance-life-cycle"]
    watching = watch(cloud)
    said, _ = watching.communicate(timeout=20)
    assert watching.returncode != 0
    assert "no Spot instance" not in said


def test_it_leaves_all_its_groups_then_waits_then_stops(cloud: Cloud) -> None:
    cloud.metadata[GROUPS_TAG] = f"{GROUP} {OTHER_GROUP}"
    cloud.notice(120)
    said = run(cloud)
    assert "Spot interruption: terminate in 1" in said
    assert cloud.done == [f"{GROUP} {MINE}", f"{OTHER_GROUP} {MINE}"]
    # Not before the load balancer had let go of it.
    assert cloud.looks >= 3
    assert cloud.told == ["stop demo.service"]
    assert SECRET not in said
    assert SESSION not in said


def test_it_leaves_those_for_which_one_tag_has_no_room(cloud: Cloud) -> None:
    """While nobody can tell whether there are more it has not left all: it asks again."""
    more, third = f"{GROUPS_TAG}-2", GROUP.replace("website/1", "website-admin/3")
    cloud.metadata |= {GROUPS_TAG: f"{GROUP} {OTHER_GROUP}", more: third}
    cloud.busy = {more}
    cloud.notice(120)
    watching = watch(cloud)
    cloud.wait_until_asked(more, 2)
    assert cloud.done == []
    cloud.busy = set()
    said, _ = watching.communicate(timeout=30)
    assert "whether there is a tag spotkiln:target-group-arn-2 cannot be read" in said
    assert cloud.done == [f"{one} {MINE}" for one in (GROUP, OTHER_GROUP, third)]


def test_requests_that_do_not_end_are_left_half_of_the_time(cloud: Cloud) -> None:
    cloud.drains = False
    cloud.notice(7)
    started = time.monotonic()
    run(cloud)
    # Its end is in 6 to 7 s, and stopping may take 2 of them.
    assert 3.5 < time.monotonic() - started < 7
    assert cloud.told == ["stop demo.service"]


@pytest.mark.parametrize("missing", ["role", "right", "tag"])
def test_without_the_right_it_says_so_and_stops_in_time(cloud: Cloud, missing: str) -> None:
    if missing == "role":
        del cloud.metadata["iam/security-credentials/"]
    elif missing == "tag":
        del cloud.metadata[GROUPS_TAG]
    else:
        cloud.denied = {"DeregisterTargets"}
    cloud.notice(7)
    said = run(cloud)
    assert "requests may fail" in said
    assert {
        "role": "this machine has no role",
        "right": "DeregisterTargets failed: not you",
        "tag": "no target group is known",
    }[missing] in said
    assert cloud.done == []
    assert cloud.told == ["stop demo.service"]


@pytest.mark.parametrize("passes", ["right", "tag"])
def test_what_keeps_it_from_leaving_may_pass(cloud: Cloud, passes: str) -> None:
    if passes == "right":
        cloud.denied = {"DeregisterTargets"}
    else:
        del cloud.metadata[GROUPS_TAG]
    cloud.notice(60)
    watching = watch(cloud)
    cloud.wait_until_asked("DeregisterTargets" if passes == "right" else GROUPS_TAG, 1)
    cloud.denied = set()
    time.sleep(0.3 if passes == "tag" else 0)
    cloud.metadata[GROUPS_TAG] = GROUP
    said, _ = watching.communicate(timeout=30)
    assert f"left {GROUP}" in said
    assert cloud.done == [f"{GROUP} {MINE}"]
    assert cloud.told == ["stop demo.service"]


def test_unable_to_look_it_waits_as_long_as_it_can(cloud: Cloud) -> None:
    cloud.denied = {"DescribeTargetHealth"}
    cloud.notice(7)
    said = run(cloud)
    assert "DescribeTargetHealth failed: not you" in said
    assert cloud.done == [f"{GROUP} {MINE}"]
    assert cloud.told == ["stop demo.service"]


def test_without_a_replacement_a_recommendation_changes_nothing(cloud: Cloud) -> None:
    cloud.metadata["events/recommendations/rebalance"] = "{}"
    watching = watch(cloud)
    cloud.wait_until_asked("events/recommendations/rebalance", 4)
    assert cloud.done == []
    cloud.notice(60)
    said, _ = watching.communicate(timeout=20)
    assert "serving on" in said
    assert cloud.done == [f"{GROUP} {MINE}"]
    assert cloud.told == ["stop demo.service"]


def test_with_one_it_leaves_once_that_is_healthy(cloud: Cloud) -> None:
    cloud.metadata |= {"events/recommendations/rebalance": "{}", REBALANCE_TAG: "on"}
    cloud.states["i-3"] = "initial"
    watching = watch(cloud)
    # At its first look it counts, and compares; then it compares, of all and of its own.
    cloud.wait_until_asked("DescribeTargetHealth", 2 + 3 * 2)
    assert cloud.done == []
    cloud.states["i-3"] = "healthy"
    said, _ = watching.communicate(timeout=20)
    assert "leaving once 2 others are healthy" in said
    assert cloud.done == [f"{GROUP} {MINE}"]
    assert cloud.told == ["stop demo.service"]


def test_without_the_right_it_serves_on_after_a_recommendation(cloud: Cloud) -> None:
    """It is registered still, and no end is known."""
    cloud.metadata |= {"events/recommendations/rebalance": "{}", REBALANCE_TAG: "on"}
    cloud.states["i-3"] = "initial"
    cloud.denied = {"DeregisterTargets"}
    watching = watch(cloud)
    cloud.wait_until_asked("DescribeTargetHealth", 2)
    cloud.states["i-3"] = "healthy"
    cloud.wait_until_asked("DeregisterTargets", 6)
    assert cloud.told == []
    cloud.notice(4)
    said, _ = watching.communicate(timeout=20)
    assert "requests may fail" in said
    assert cloud.told == ["stop demo.service"]


def test_one_that_was_leaving_goes_on(cloud: Cloud, tmp_path: Path) -> None:
    """As after a failure of its own: after a recommendation the others are more than before."""
    (tmp_path / "leaving").touch()
    cloud.states[MINE] = "draining"
    run(cloud)
    assert cloud.done == [f"{GROUP} {MINE}"]
    assert cloud.told == ["stop demo.service"]


def test_what_runs_beside_is_told_at_once_and_waited_for(cloud: Cloud, tmp_path: Path) -> None:
    """A job under way has all the time that is left, and none is begun any more."""
    cloud.drains = False
    cloud.notice(7)
    watching = watch(cloud, "demo-worker.service", "demo-report.timer")
    cloud.wait_until_asked("DescribeTargetHealth", 1)
    assert cloud.told == ["stop --no-block demo-worker.service demo-report.timer"]
    # Else it would be started again.
    assert (tmp_path / "leaving").exists()
    watching.communicate(timeout=20)
    assert cloud.told[1:] == ["stop demo.service", "stop demo-worker.service demo-report.timer"]
