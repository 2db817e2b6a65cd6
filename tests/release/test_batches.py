"""With one target group the new servers come in batches, the first of them a canary: what is bad of
one takes all of them away, and the old ones serve on."""

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from rehearsal.account import tags_of
from spotkiln.aws.serve.steer import ask
from spotkiln.serve.stepping import Steer
from tests.reliability.conftest import long
from tests.reliability.flow_process import FlowProcess
from tests.reliability.load import Load
from tests.reliability.world import MACHINES, STAND_IN, World
from tests.sandbox.account import eventually
from tests.traffic.pair import ALARM, set_alarm

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

GROUP, FLEET = "auto-scaling", "spot-fleet"
# In the sandbox's seconds.
CANARY: dict[str, Any] = {"batches": ["1 for 600 s", "100 %"], "alarms": [ALARM], "bake_seconds": 0}
QUICK: dict[str, Any] = {"batches": ["1 for 10 s", "2", "100 %"], "bake_seconds": 10}
# Of what AWS is asked, how many there are to be.
SIZES = {
    "RequestSpotFleet": lambda given: given["SpotFleetRequestConfig"]["TargetCapacity"],
    "ModifySpotFleetRequest": lambda given: given["TargetCapacity"],
    "CreateAutoScalingGroup": lambda given: given["DesiredCapacity"],
    "UpdateAutoScalingGroup": lambda given: given["DesiredCapacity"],
}


@pytest.fixture(scope="module", autouse=True)
def small_again(started: World) -> Iterator[None]:
    """Two servers afterwards, for other tests."""
    yield
    assert started.release("v1", "batches", fleet={"most": 2})["outcome"] == "released"


@pytest.fixture(autouse=True)
def load(world: World) -> Iterator[Load]:
    truth = world.settled()
    if not truth.fleet or truth.problems():
        made = world.release("v1", "batches")
        assert made["outcome"] == "released", made
    set_alarm(world, "OK")
    world.box.clear_calls()
    with Load(world.box.load_balancer("website"), 0.05) as load:
        yield load
        assert load.failures == []
    assert load.sent


def sizes(world: World) -> list[int]:
    """Those that were asked for, one after the other; a trial is none."""
    return [
        int(SIZES[one["operation"]](one["parameters"]))
        for one in world.box.calls()
        if one["operation"] in SIZES
        and not one["error"]
        and str(one["parameters"].get("DryRun", "")).lower() != "true"
    ]


def steer(world: World, word: Steer) -> None:
    """As the command does."""
    group: Any = SimpleNamespace(name="website", arn=world.account.group_arn("website"))
    account = world.account
    aws: Any = SimpleNamespace(
        ec2=account.ec2, scaling=account.scaling, elbv2=account.elbv2, region="eu-west-1"
    )
    ask(aws, group, word)


def until_healthy(world: World, number: int, process: FlowProcess) -> None:
    def is_so() -> bool:
        assert not process.ended.is_set(), (process.result(), process.tail())
        return [*world.account.targets("website").values()].count("healthy") == number

    eventually(is_so, what=f"{number} healthy servers", timeout=90)


# The other tests of these are a Spot Fleet's.
@pytest.mark.parametrize("launcher", [GROUP, pytest.param(FLEET, marks=long)])
def test_an_alarm_takes_the_canary_away_and_the_next_release_goes_to_its_end(
    world: World, launcher: str
) -> None:
    before = world.settled()
    fleet = {"launcher": launcher, "capacity": 3}
    process = world.start("v2", f"canary {launcher}", fleet=fleet, traffic=CANARY)
    until_healthy(world, before.capacity + 1, process)
    set_alarm(world, "ALARM")
    made = process.result()
    why = f"turned back at batch 1 (1 server): alarm {ALARM} is in ALARM"
    assert why in made.get("error", ""), made
    after = world.settled()
    assert (after.problems(), after.fleet) == ([], before.fleet)
    # The old servers alone are the ones that were there.
    assert after.members == before.members
    assert sizes(world) == [1]

    world.box.clear_calls()
    set_alarm(world, "OK")
    made = world.release("v2", f"canary {launcher}", fleet=fleet, traffic=QUICK)
    assert made["outcome"] == "released", made
    assert sizes(world) == [1, 2, 3]
    truth = world.settled()
    assert (truth.problems(), truth.fleet, truth.capacity) == ([], made["fleet"], 3)
    # It counts as what was asked for, and not as scaled.
    same = world.release("v2", f"canary {launcher}", fleet=fleet, traffic=QUICK, force=False)
    assert same["outcome"] == "unchanged", same
    if launcher == GROUP:
        [group] = world.account.scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        assert (group["MinSize"], group["DesiredCapacity"]) == (3, 3)
        assert tags_of(group)["spotkiln:batches"] == "1 2 3"


def test_a_person_pauses_and_promotes_and_the_rest_comes_at_once(world: World) -> None:
    before = world.settled()
    process = world.start("v2", "steered", fleet={"capacity": 4}, traffic=QUICK | CANARY)
    until_healthy(world, before.capacity + 1, process)
    steer(world, Steer.PROMOTE)
    made = process.result()
    assert made["outcome"] == "released", made
    assert sizes(world) == [1, 4]
    assert world.settled().capacity == 4


def test_a_check_asks_the_canary_itself_and_a_red_one_takes_it_away(world: World) -> None:
    before = world.settled()
    script = {**MACHINES, **STAND_IN, "task_status": 1, "task_output": ["got 500"]}
    world.box.script(**script)
    process = world.start("v2", "checked", traffic={**CANARY, "check": "npm run check"})
    made = process.result()
    assert "turned back at batch 1 (1 server): the check did not end well" in made["error"], made
    assert re.search(r"check of http://172\.31\.\d+\.\d+:3000, for at most", process.log())
    after = world.settled()
    assert (after.problems(), after.members) == ([], before.members)


def test_sick_servers_never_come_beyond_the_canary(world: World) -> None:
    before = world.settled()
    made = world.release("sick", "canary", traffic=QUICK)
    assert "ImageRejected" in made["error"], made
    after = world.settled()
    assert (after.problems(), after.members) == ([], before.members)
    assert sizes(world) == [1]
