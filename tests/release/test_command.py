"""One command with what the servers have: its machine goes, whatever becomes of the run."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal.account import tags_of
from tests.reliability.flow_process import FlowProcess
from tests.reliability.world import MACHINES, STAND_IN, World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]
COMMAND = ["bin/rails", "runner", "puts 'a b'"]


def start(world: World, *command: str, **changes: Any) -> FlowProcess:
    # Named, so that no deployment is asked for them.
    given = {"app": "demo-web-app", "command": list(command or COMMAND), "infra": {}, **changes}
    return world.zygote.start("run", given)


@pytest.fixture(scope="module")
def served(started: World) -> str:
    """What serves in all of these tests: a command changes nothing of it."""
    made = started.release("v1")
    assert made["outcome"] == "released", made
    return str(made["fleet"])


@pytest.fixture
def serving(world: World, served: str) -> World:
    truth = world.settled()
    assert (truth.problems(), truth.fleet) == ([], served)
    world.box.clear_calls()
    return world


@pytest.fixture
def slow(serving: World) -> Iterator[World]:
    serving.box.script(**{**MACHINES, **STAND_IN, "task_seconds": 300})
    yield serving


def machine(world: World, process: FlowProcess) -> dict[str, Any]:
    """The one that was launched, once it is there."""
    deadline = time.monotonic() + 60
    while True:
        for one in world.account.instances():
            if tags_of(one).get("spotkiln:role") == "task" and one["State"]["Name"] == "running":
                return one
        assert time.monotonic() < deadline, process.tail()
        assert not process.ended.is_set(), process.tail()
        time.sleep(0.05)


def test_its_machine_is_as_the_servers_are_and_goes(slow: World) -> None:
    process = start(slow)
    one = machine(slow, process)
    (server, *_) = slow.account.instances(slow.settled().fleet)
    assert one["ImageId"] == server["ImageId"]
    assert one["IamInstanceProfile"]["Arn"] == server["IamInstanceProfile"]["Arn"]
    groups = {x["GroupId"] for x in one["SecurityGroups"]}
    assert {x["GroupId"] for x in server["SecurityGroups"]} < groups
    marks = tags_of(one)
    assert marks["spotkiln:app"] == "demo-web-app"
    assert "runner" not in str(marks)
    # While it lives, reconcile leaves its machine alone.
    slow.reconcile()
    assert process.result() == {"code": 0, "why": ""}
    assert "exec bin/rails runner 'puts '\"'\"'a b'\"'\"''" in process.log()
    assert slow.settled().problems() == []


def test_a_folder_of_its_image_that_the_deployment_has_no_file_system_for(serving: World) -> None:
    """Its machine would mount nothing, and run nothing: that is known before one is launched."""
    image = serving.settled().image
    tag = {"Key": "spotkiln:mounts", "Value": "uploads"}
    serving.account.ec2.create_tags(Resources=[image], Tags=[tag])
    try:
        ended = start(serving).result()["error"]
    finally:
        serving.account.ec2.delete_tags(Resources=[image], Tags=[tag])
    assert ended.startswith("InputError: ")
    assert "add `infra.mounts: {uploads: NAME}`" in ended
    assert "RunInstances" not in {one["operation"] for one in serving.box.calls()}


def test_its_exit_status_is_handed_on(serving: World) -> None:
    serving.box.script(**{**MACHINES, **STAND_IN, "task_status": 3})
    process = start(serving)
    assert "it ended with exit status 3" in process.result()["error"]
    assert serving.settled().problems() == []


def test_an_image_of_an_earlier_version_is_told(serving: World) -> None:
    serving.box.script(**{**MACHINES, **STAND_IN, "task_unit": "missing"})
    ended = start(serving).result()["error"]
    assert ended.startswith("InputError: ami-")
    assert "an earlier version of Spotkiln" in ended
    launched = [x for x in serving.box.calls() if x["operation"] == "RunInstances"]
    assert len([x for x in launched if x["parameters"].get("DryRun") is None]) == 1
    assert serving.settled().problems() == []


def test_cancelled_it_leaves_nothing(slow: World) -> None:
    process = start(slow)
    machine(slow, process)
    process.terminate()
    assert process.ended.wait(40), process.tail()
    assert slow.settled().problems() == []


@pytest.mark.parametrize("packer_too", [False, True])
def test_killed_it_leaves_nothing_after_reconcile(slow: World, *, packer_too: bool) -> None:
    process = start(slow)
    machine(slow, process)
    process.kill(packer_too=packer_too)
    slow.report_crashed(process)
    slow.reconcile()
    assert slow.settled().problems() == []


def test_nothing_is_launched_where_nothing_serves(world: World) -> None:
    world.box.clear_calls()
    ended = start(world, infra={"target_group": "blog"}).result()
    assert ended["error"].startswith("InputError: nothing of demo-web-app serves blog yet")
    assert not [x for x in world.box.calls() if x["mutating"] and not x["error"]]
