"""Two regions of one account, each a sandbox of its own: an application is released in both, in the
second from a copy of what the first has released, with the worker's rights to its own region."""

from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal.worker import as_worker
from sandbox.client import Sandbox
from spotkiln import tags as t
from spotkiln.account.roles import WORKER
from tests.release.test_two_accounts import released, seen, tags
from tests.reliability.conftest import long
from tests.reliability.flow_process import Zygote
from tests.reliability.truth import Account
from tests.reliability.world import MACHINES, SPEED, STAND_IN, World

pytestmark = [
    *(pytest.mark.sandbox, pytest.mark.prefect, pytest.mark.timeout(600)),
    long,
]

FRANKFURT = "eu-central-1"
TAKEN = {"take_from": {"region": "eu-west-1"}}


class Region:
    def __init__(self, box: Sandbox, world: World, zygote: Zygote) -> None:
        self.box, self.world, self.zygote = box, world, zygote
        self.account = Account(box)

    def release(self, variant: str, **changes: Any) -> dict[str, Any]:
        given = self.world.parameters("v1", variant, **changes)
        return dict(self.zygote.start("release", given).result())

    def made(self, operation: str) -> int:
        return len([one for one in self.box.calls() if one["operation"] == operation])


@pytest.fixture(scope="module")
def second(started: World) -> Iterator[Region]:
    home = started.home / "frankfurt"
    with Sandbox.start(home, speed=SPEED, region=FRANKFURT) as box:
        box.script(**MACHINES, **STAND_IN)
        box.join(started.box)
        Account(box).base_image()
        variables = {**started.environment, **as_worker(box)}
        with Zygote(started.home / "frankfurt-runs", variables, SPEED) as zygote:
            zygote.wait_until_ready()
            yield Region(box, started, zygote)


def test_each_region_bakes_and_serves_its_own(world: World, second: Region) -> None:
    here = released(world.release("v1", "of two regions"))
    there = released(second.release("of two regions"))
    assert there["image"] != here["image"]
    assert second.made("CreateImage") >= 1
    look = second.account.look()
    assert (len(look.healthy), look.problems()) == (2, [])
    assert len(world.account.look().healthy) == 2
    assert second.box.rights()[WORKER]["refused"] == []


def test_the_second_takes_what_the_first_has_released(world: World, second: Region) -> None:
    refused = second.release("taken along", images=TAKEN)
    assert "eu-west-1 has no released image of this digest" in refused["error"]
    first = released(world.release("v1", "taken along"))
    second.box.clear_calls()
    made = released(second.release("taken along", images=TAKEN))
    assert (second.made("CopyImage"), second.made("CreateImage")) == (1, 0)
    assert tags(seen(second.account, made["image"]))[t.COPIED_FROM] == f"eu-west-1/{first['image']}"
    # Its rights are to its own region: that the original is being copied it may not say.
    denied = {one["action"] for one in world.box.rights()[WORKER]["refused"]}
    assert denied == {"ec2:CreateTags"}
