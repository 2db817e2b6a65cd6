"""A builder on a Spot machine: taken back in the middle, or left behind by a kill."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.client import Sandbox
from spotkiln import tags as t
from spotkiln.aws.bake.discard import discard_builders
from spotkiln.aws.keep.carry_out import carry_out
from spotkiln.aws.keep.facts import gather
from spotkiln.aws.session import Aws, connect
from spotkiln.bake.builder import Place
from spotkiln.keep.reconcile import decide
from spotkiln.poll import RealClock
from spotkiln.tasks.bake import packer as steps
from tests.look_alikes import DEAD, INHERITED
from tests.sandbox.account import Account, eventually

pytestmark = pytest.mark.sandbox

NONE: frozenset[str] = frozenset()
KEY = f"spotkiln-builder-{DEAD}"
PACKERS = "packer-fleet-launch-template-aB3dE5g"


@pytest.fixture
def connected(
    running_box: Sandbox, account: Account, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Account]:
    """For steps that connect by themselves."""
    for name, value in running_box.process_environment().items():
        monkeypatch.setenv(name, value)
    connect.cache_clear()
    yield account
    connect.cache_clear()


def application(folder: Path, **behaviour: Any) -> dict[str, object]:
    archive = folder / "app.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        content = json.dumps(behaviour).encode()
        entry = tarfile.TarInfo(".sandbox.json")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    (folder / "units").mkdir()
    return {
        "app_name": "demo",
        "app_archive": str(archive),
        "units": str(folder / "units"),
        "commit": "0" * 40,
        "manifest": str(folder / "manifest.json"),
        "image_name": "demo/deaddeaddead/demo-deaddeaddead",
    }


def test_one_that_is_taken_back_is_followed_by_on_demand(
    connected: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected.box.script(boot_seconds=1, stop_seconds=1, image_seconds=1, interrupt_after=1)
    said: list[str] = []
    monkeypatch.setattr(steps, "say", lambda text, **_: said.append(text))
    subnet = connected.subnets()["eu-west-1a"]
    marks = {t.RELEASE: DEAD, t.ROLE: "builder"}
    run = steps.run_template(
        "bake",
        "app.pkr.hcl",
        {
            **application(tmp_path, bake_seconds=200),
            "region": "eu-west-1",
            "endpoint": connected.box.environment["AWS_ENDPOINT_URL"],
            "source_ami": connected.debian,
            "ssh_source_cidrs": ["127.0.0.0/8"],
            "key_pair_name": KEY,
            "run_tags": marks,
            "tags": marks,
        },
        tmp_path / "bake",
        60.0,
        places=[
            Place(types=("t3.small",), subnet=subnet, spot=True),
            Place(types=("t3.medium",), subnet=subnet, spot=True),
            Place(types=("t3.small",), subnet=subnet),
        ],
    )
    assert run.exit_code == 0, run.why
    assert run.used.startswith("On-Demand t3.small in eu-west-1a, ")
    assert run.used.endswith(" USD")
    (why,) = [one for one in said if "took" in one]
    assert why.startswith("EC2 took i-")
    assert "a Spot t3.small in" in why
    # The first one's price is told, too.
    assert [one.split(",")[0] for one in said if one.startswith("bake: ")] == [
        "bake: Spot t3.small in eu-west-1a",
        "bake: On-Demand t3.small in eu-west-1a",
    ]
    assert connected.ec2.describe_launch_templates()["LaunchTemplates"] == []


def killed(account: Account) -> tuple[str, str]:
    """What Packer 1.6.6 leaves if it is killed before it has tagged its machine: that, and its
    launch template."""
    account.ec2.create_key_pair(KeyName=KEY)
    pairs = [
        {"Key": key, "Value": value} for key, value in {**INHERITED, t.ROLE: "builder"}.items()
    ]
    template = account.ec2.create_launch_template(
        LaunchTemplateName=PACKERS,
        LaunchTemplateData={
            "ImageId": account.debian,
            "InstanceType": "t3.micro",
            "KeyName": KEY,
            "InstanceMarketOptions": {"MarketType": "spot"},
        },
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": pairs}],
    )["LaunchTemplate"]["LaunchTemplateId"]
    named = {"LaunchTemplateId": template, "Version": "1"}
    made = account.ec2.create_fleet(
        Type="instant",
        LaunchTemplateConfigs=[{"LaunchTemplateSpecification": named}],
        TargetCapacitySpecification={
            "TotalTargetCapacity": 1,
            "DefaultTargetCapacityType": "spot",
        },
    )
    return template, made["Instances"][0]["InstanceIds"][0]


def tagged(account: Account, machine: str) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in account.instance(machine)["Tags"]}


def test_reconcile_ends_what_a_kill_left(aws: Aws, account: Account) -> None:
    template, machine = killed(account)
    assert not any(one.ids == (machine,) for one in decide(gather(aws, frozenset({DEAD}))))
    actions = decide(gather(aws, NONE))
    assert {one.ids for one in actions} >= {(template,), (machine,)}
    for action in actions:
        carry_out(aws, action, clock=RealClock(), say=lambda _: None)
    assert tagged(account, machine)[t.RELEASE] == DEAD
    eventually(lambda: account.state(machine) == "terminated", what="the builder's end")
    assert account.ec2.describe_launch_templates()["LaunchTemplates"] == []


def test_undoing_ends_one_that_nobody_has_tagged(aws: Aws, account: Account) -> None:
    _, machine = killed(account)
    assert discard_builders(aws, DEAD, lambda _: None) == [machine]
    assert tagged(account, machine)[t.RELEASE] == DEAD
    assert discard_builders(aws, DEAD, lambda _: None) == []
