"""Whatever is killed between two weights: all requests go back to servers that are whole, and
nothing is left."""

import pytest

from tests.reliability.flow_process import FlowProcess
from tests.reliability.scenarios import PRODUCT
from tests.sandbox.account import eventually
from tests.traffic.pair import Pair

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]


def kill_at(pair: Pair, process: FlowProcess, fault: str) -> None:
    pair.world.box.wait_paused(fault, 60)
    process.kill()
    pair.world.box.release(fault, drop=True)
    pair.world.report_crashed(process)


def test_a_killed_release_whose_servers_somebody_took_away_leaves_no_weight(pair: Pair) -> None:
    before = (pair.active, pair.serving)
    fault = pair.world.box.fault("ModifyListener", "pause", agent=PRODUCT, when="after")
    kill_at(pair, pair.start("v2", "taken away"), fault)
    assert pair.disorder() != []
    doomed = [one["SpotFleetRequestId"] for one in pair.world.account.fleets()]
    doomed.remove(before[1])
    pair.world.account.ec2.cancel_spot_fleet_requests(
        SpotFleetRequestIds=doomed, TerminateInstances=True
    )
    gone = pair.world.account.instances
    eventually(lambda: not gone(doomed[0]), what="its servers are gone")
    pair.world.reconcile()
    assert (pair.active, pair.serving) == before
    assert pair.problems() == []
    assert pair.world.reconcile()["actions"] == []


def test_a_reconcile_that_is_killed_as_well_and_two_at_once(pair: Pair) -> None:
    box, before = pair.world.box, (pair.active, pair.serving)
    fault = box.fault("ModifyListener", "pause", nth=2, agent=PRODUCT, when="after")
    kill_at(pair, pair.start("v2", "killed"), fault)
    assert pair.active != before[0]
    # It gives one rule's requests back, and dies before the other's.
    fault = box.fault("ModifyRule", "pause", nth=1, agent=PRODUCT, when="after")
    kill_at(pair, pair.world.zygote.start("reconcile", {}), fault)
    assert pair.disorder() != []
    both = [pair.world.zygote.start("reconcile", {}) for _ in range(2)]
    for one in both:
        assert "actions" in one.result()
    assert (pair.active, pair.serving) == before
    assert pair.problems() == []
    # Another one finds nothing to do.
    assert pair.world.reconcile()["actions"] == []
