"""One set of servers behind two load balancers, the internal one on another port: released, taken
back, and killed while the old ones leave both."""

from typing import Any

import pytest

from tests.reliability.load import Load
from tests.reliability.scenarios import INSIDE as INTERNAL
from tests.reliability.world import World, without_release_only

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

BOTH: dict[str, Any] = {"infra": {"also_behind": [INTERNAL]}}
# A server in each batch, of a group.
CANARY: dict[str, Any] = {
    "fleet": {"launcher": "auto-scaling"},
    "traffic": {"batches": ["1", "100 %"], "bake_seconds": 0},
}


def answers_with(world: World, codes: str) -> None:
    """What the internal load balancer takes for healthy."""
    world.account.elbv2.modify_target_group(
        TargetGroupArn=world.account.group_arn(INTERNAL), Matcher={"HttpCode": codes}
    )


def serve_both(world: World, servers: set[str]) -> None:
    for name in ("website", INTERNAL):
        assert world.account.targets(name) == dict.fromkeys(servers, "healthy")


def members(world: World, fleet: str) -> set[str]:
    return {one["InstanceId"] for one in world.account.instances(fleet)}


def test_servers_serve_both_and_leave_both(world: World) -> None:
    box, account = world.box, world.account

    # Healthy at one of them is not healthy.
    answers_with(world, "299")
    failed = world.release("v1", "behind", **BOTH)
    assert failed["error"].startswith("ImageRejected"), failed
    assert f"unhealthy in {INTERNAL} (Target.ResponseCodeMismatch" in failed["error"]
    assert account.targets(INTERNAL) == {}
    answers_with(world, "200")

    first = world.release("v1", "behind", **BOTH)
    assert first["outcome"] == "released", first
    serve_both(world, members(world, first["fleet"]))

    # Nobody else's servers may join them there.
    staging = {"target_group": "blog", "also_behind": [INTERNAL]}
    refused = world.release("v1", "behind", infra=staging)
    assert "InputError" in refused["error"]
    assert f"in target group {INTERNAL} ({first['fleet']} of " in refused["error"]

    with Load(box.load_balancer("website")) as outside, Load(box.load_balancer(INTERNAL)) as inside:
        second = world.release("v2", "behind", **BOTH, **CANARY)
        assert second["outcome"] == "released", second
        serve_both(world, members(world, second["fleet"]))

        given = without_release_only(world.parameters("v1", "behind", **BOTH))
        back = world.zygote.start("rollback", given).result()
        assert (back["outcome"], back["image"]) == ("released", first["image"]), back
        serve_both(world, members(world, back["fleet"]))
    assert (outside.failures, inside.failures) == ([], [])
    assert inside.sent

    # The group is taken away again, and the release is killed while the old servers leave both.
    with Load(box.load_balancer("website")) as outside:
        fault = box.fault("DeregisterTargets", "pause", agent="spotkiln/", when="after")
        third = world.start("v1", "behind")
        box.wait_paused(fault, 120)
        third.kill()
        box.clear_faults()
        world.report_crashed(third)
        assert "error" not in world.reconcile()
        assert account.targets(INTERNAL) == {}
        truth = world.settled()
        assert truth.problems() == []
        assert set(account.targets("website")) == set(truth.members)
    assert outside.failures == []
