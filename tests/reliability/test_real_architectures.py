"""A release for x86-64 and arm64 with everything real but the processors: two Packers at the same
time, two machines that test, and one fleet of both. Machines of arm64 run this computer's code.
"""

from typing import Any

import pytest

from rehearsal.account import own_images, tags_of
from tests.reliability.conftest import long
from tests.reliability.load import Load
from tests.reliability.moments import GATE
from tests.reliability.test_real_machines import GROUPS, docker_answers
from tests.reliability.world import World

pytestmark = [
    long,
    pytest.mark.docker,
    pytest.mark.real,
    pytest.mark.prefect,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not docker_answers(), reason="no Docker or no Packer: no real machines"),
]

SECONDS = 900.0
BOTH: dict[str, Any] = {
    "infra": {"other_base_image": "rails-arm"},
    "build": {"other_instance_types": ["t4g.small"]},
    "fleet": {"instance_types": ["t3.micro", "t4g.micro"]},
    "gate": GATE,
}


def test_both_are_baked_tested_and_launched(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("both")
    with World(home, machines="docker", account=GROUPS) as world:
        line = {
            "base": {"name": "rails-arm", "source_image": "debian-13-arm64-*"},
            "builder": {"instance_type": "t4g.small"},
        }
        night = world.zygote.start("nightly", line)
        assert "error" not in night.result(SECONDS), night.tail()

        first = world.start("v1", **BOTH)
        made = first.result(SECONDS)
        assert made.get("outcome") == "released", (made, first.tail())
        truth = world.settled()
        assert (truth.problems(), truth.fleet) == ([], made["fleet"])
        images = {
            one["Architecture"]: tags_of(one)["spotkiln:state"]
            for one in own_images(world.account.ec2)
            if tags_of(one).get("spotkiln:app") == "demo-web-app"
            and not tags_of(one).get("spotkiln:layer")
        }
        assert images == {"x86_64": "tested", "arm64": "tested"}

        with Load(world.box.load_balancer("website")) as load:
            world.box.capacity(0, instance_type="t3.micro")
            second = world.start("v2", **BOTH)
            assert second.result(SECONDS).get("outcome") == "released", second.tail()
        assert load.failures == []
        assert {x["Architecture"] for x in world.account.instances()} == {"arm64"}
        assert world.settled().problems() == []
