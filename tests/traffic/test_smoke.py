"""New servers are tried by the application's own command before anybody else asks them."""

from collections.abc import Iterator

import pytest

from tests.reliability.world import MACHINES, STAND_IN
from tests.traffic.pair import TEST_PORT, Pair

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

SMOKE = {"smoke": "npm run smoke"}


@pytest.fixture(autouse=True)
def quick(pair: Pair) -> Iterator[None]:
    yield
    pair.world.box.script(**MACHINES, **STAND_IN)


def pointed_at(pair: Pair) -> str:
    """The name of the target group that answers at the port for smoke tests."""
    names = {arn: name for name, arn in pair.arns.items()}
    return names[pair.listeners[TEST_PORT]["DefaultActions"][0]["TargetGroupArn"]]


def test_a_check_is_made_in_each_step_and_a_red_one_brings_the_old_ones_back(pair: Pair) -> None:
    new, before, box = pair.idle, (pair.active, pair.serving), pair.world.box
    second = box.fault("RunInstances", "pause", nth=2, text="'check'")
    process = pair.start("v2", "check", check="npm run check", bake_seconds=600)
    # That of the bake time.
    box.wait_paused(second, 120)
    assert pair.weights()[new] == 100
    box.script(**MACHINES, **STAND_IN, task_status=1, task_output=["got 500"])
    box.release(second)
    made = process.result()
    assert "turned back at step 2 (100 %): the check did not end well" in made["error"], made
    assert (pair.active, pair.serving) == before
    assert pointed_at(pair) == new


def test_a_red_one_takes_them_back_and_nothing_was_touched(pair: Pair) -> None:
    before = (pair.active, pair.serving)
    script = {**MACHINES, **STAND_IN, "task_status": 1, "task_output": ["expected 200, got 500"]}
    pair.world.box.script(**script)
    made = pair.release("v2", "red smoke", **SMOKE)
    assert "the smoke test did not end well: it ended with exit status 1" in made["error"], made
    assert (pair.active, pair.serving) == before
    assert pair.changes() == []
