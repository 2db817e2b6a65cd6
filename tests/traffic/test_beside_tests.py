"""With an idle target group servers are launched while the image is tested: red tests, a kill and a
cancellation take them back, and no request reaches them before the tests are over."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.reliability.conftest import long
from tests.reliability.flow_process import FlowProcess
from tests.reliability.load import Load
from tests.reliability.world import MACHINES, STAND_IN
from tests.traffic.pair import TEST_PORT, Pair
from tests.traffic.test_smoke import SMOKE, pointed_at

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

# In the sandbox's seconds: servers are there long before tests of this length have ended.
LONG = {**MACHINES, **STAND_IN, "test_seconds": 300}


@pytest.fixture(autouse=True)
def load(pair: Pair) -> Iterator[Load]:
    with Load(pair.world.box.load_balancer("website"), 0.05) as load:
        yield load
        pair.world.box.script(**MACHINES, **STAND_IN)
        assert load.failures == []


def requested(pair: Pair) -> list[dict[str, Any]]:
    return [
        one
        for one in pair.world.box.calls()
        if one["operation"] == "RequestSpotFleet"
        and not one["error"]
        and "True" not in str(one["parameters"].get("DryRun"))
    ]


def pending(pair: Pair, process: FlowProcess) -> None:
    """Until the new servers are healthy, and the tests are under way."""
    pair.until(lambda: len(healthy(pair)) == 2, "new servers", process)


def healthy(pair: Pair) -> list[str]:
    told = pair.elbv2.describe_target_health(TargetGroupArn=pair.arns[pair.idle])
    states = [one["TargetHealth"]["State"] for one in told["TargetHealthDescriptions"]]
    return [one for one in states if one == "healthy"]


def test_traffic_waits_for_tests_that_take_longer_and_for_the_smoke_test(pair: Pair) -> None:
    """New servers are asked first by the application's own command, at a port of its own."""
    new = pair.idle
    pair.world.box.script(**{**LONG, "test_seconds": 120})
    process = pair.start("v2", "beside", **SMOKE)
    pending(pair, process)
    assert pair.changes() == []
    made = process.result()
    assert made["outcome"] == "released", made
    assert (pair.active, pointed_at(pair)) == (new, new)
    address = pair.world.box.load_balancer(f"website:{TEST_PORT}")
    assert httpx.get(f"{address}/up", trust_env=False).status_code == 200
    told = process.log()
    assert f":{TEST_PORT}, for at most 300 s: npm run smoke" in told
    assert "[stand-in] export URL=http://" in told
    tested = next(x["n"] for x in pair.world.box.calls() if "'tested'" in str(x["parameters"]))
    first = min(x["n"] for x in pair.world.box.calls() if x["operation"] == "ModifyRule")
    assert requested(pair)[0]["n"] < tested < first
    tried = next(
        x["n"]
        for x in pair.world.box.calls()
        if x["operation"] == "RunInstances" and "'smoke'" in str(x["parameters"])
    )
    assert tried < first
    assert pair.problems() == []


def test_red_tests_take_the_servers_back(pair: Pair) -> None:
    before = (pair.active, pair.serving)
    pair.world.box.script(**{**LONG, "test_seconds": 60})
    process = pair.start("red", "beside red")
    made = process.result()
    assert "TestsFailed" in made["error"], made
    assert len(requested(pair)) == 1
    assert (pair.active, pair.serving) == before
    assert pair.changes() == []
    assert pair.problems() == []


@pytest.mark.parametrize("packer_too", [False, pytest.param(True, marks=long)])
def test_killed_while_both_are_under_way_leaves_nothing_after_reconcile(
    pair: Pair, *, packer_too: bool
) -> None:
    before = (pair.active, pair.serving)
    pair.world.box.script(**LONG)
    process = pair.start("v2", f"beside killed {packer_too}")
    pending(pair, process)
    process.kill(packer_too=packer_too)
    pair.world.report_crashed(process)
    pair.world.reconcile()
    pair.world.reconcile()
    assert (pair.active, pair.serving) == before
    assert pair.problems() == []


def test_cancelled_while_both_are_under_way_leaves_nothing(pair: Pair) -> None:
    before = (pair.active, pair.serving)
    pair.world.box.script(**LONG)
    process = pair.start("v2", "beside cancelled")
    pending(pair, process)
    process.terminate()
    assert process.ended.wait(40), process.tail()
    assert (pair.active, pair.serving) == before
    assert pair.problems() == []
