"""Cloud Custodian: its policies read everything that a release uses, and act on some of it."""

import json
from pathlib import Path

import pytest

from tests.clients.conftest import Run
from tests.sandbox.account import Account, eventually

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]

POLICIES = Path(__file__).with_name("policies.yml")


def test_policies_read_and_act(run: Run, account: Account, tmp_path: Path) -> None:
    server = account.run(InstanceMarketOptions={"MarketType": "spot"})
    account.until(server, "running")
    image = account.make_image(server)
    eventually(lambda: account.image(image)["State"] == "available", what="the image")
    account.make_group("of-custodian")
    account.in_service("of-custodian")
    account.request()
    out = str(tmp_path / "out")
    where = ("--region", "eu-west-1", "-s", out, "--cache-period", "0")
    run("c7n", "custodian", "run", *where, str(POLICIES))

    def found(policy: str) -> list[dict[str, str]]:
        return list(json.loads((tmp_path / "out" / policy / "resources.json").read_text()))

    assert server in [one["InstanceId"] for one in found("servers-without-owner")]
    assert {"Key": "owner", "Value": "nobody"} in account.instance(server)["Tags"]
    assert account.instance(server)["MetadataOptions"]["HttpTokens"] == "required"
    assert [one["ImageId"] for one in found("images-of-our-own")] == [image]
    assert {"Key": "unused", "Value": "yes"} in account.image(image)["Tags"]
    counts = {name: len(found(name)) for name in ("snapshots", "load-balancers", "scaling-groups")}
    assert counts == {"snapshots": 1, "load-balancers": 1, "scaling-groups": 0}
    for policy in ("volumes", "target-groups", "fleets", "roles", "profiles", "parameters"):
        assert found(policy), policy
    for policy in ("secrets", "networks", "subnets", "keys", "interfaces", "templates"):
        assert found(policy), policy
