"""Whatever is killed between two weights: all requests go back to servers that are whole, and
nothing is left."""

import pytest

from tests.reliability.flow_process import FlowProcess
from tests.reliability.scenarios import PRODUCT
from tests.traffic.pair import Pair

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]


def kill_at(pair: Pair, process: FlowProcess, fault: str) -> None:
    pair.world.box.wait_paused(fault, 60)
    process.kill()
    pair.world.box.release(fault, drop=True)
    pair.world.report_crashed(process)


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
