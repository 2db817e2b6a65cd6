"""A sandbox that goes on where the last one of its directory ended: in order, or by `kill -9`."""

import os
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.client import Sandbox
from sandbox.infrastructure import Group, Infrastructure
from sandbox.process.directory import Directory
from sandbox.process.keeper import EVERY_SECONDS
from sandbox.settings import Settings, aws
from tests.sandbox.account import Account

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(180)]

SPEED = 50
SERVING = {"Key": "spotkiln:phase", "Value": "serving"}


def start(directory: Path) -> Sandbox:
    return Sandbox.start(directory, machines="simulated", speed=SPEED, resume=True)


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def killed(box: Sandbox) -> None:
    time.sleep(EVERY_SECONDS + 1)
    os.kill(int(box.description["pid"]), signal.SIGKILL)
    # A busy machine takes its time to end it, and until then the directory is in use.
    until(lambda: not Directory(box.directory).running())


def in_order(box: Sandbox) -> None:
    box.stop()


def healthy(account: Account, arn: str) -> set[str]:
    return {name for name, told in account.health(arn).items() if told["State"] == "healthy"}


def arn_of(account: Account, name: str) -> str:
    groups = account.elbv2.describe_target_groups(Names=[name])["TargetGroups"]
    return str(groups[0]["TargetGroupArn"])


@pytest.mark.parametrize("end", [in_order, killed])
def test_what_was_released_serves_again(tmp_path: Path, end: Callable[[Sandbox], None]) -> None:
    box = start(tmp_path)
    account = Account(box)
    builder = account.run()
    account.until(builder, "running")
    image = account.make_image(builder, Name="mine")
    until(lambda: account.image(image)["State"] == "available")
    Infrastructure(box).put_group(Group("shop", 8000))
    Settings(box).set_parameter("/shop/staging/A", "one", secure=True)
    Settings(box).set_secret("shop/staging", "B", "two")
    arn = arn_of(account, "shop")
    groups = {"TargetGroupsConfig": {"TargetGroups": [{"Arn": arn}]}}
    fleet = account.request(ImageId=image, LoadBalancersConfig=groups)
    until(lambda: len(healthy(account, arn)) == 2)
    before = healthy(account, arn)
    account.ec2.create_tags(Resources=[fleet], Tags=[SERVING])
    end(box)
    kept = tmp_path / "account.kept"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    # Once more: what was taken over is handed on.
    between = start(tmp_path)
    assert between.description["resumed"]
    until(lambda: len(healthy(Account(between), arn)) == 2)
    end(between)

    with start(tmp_path) as again:
        assert again.description["resumed"] == "goes on with what the last sandbox left"
        account = Account(again)
        assert arn_of(account, "shop") == arn
        # Its hosts died, so the fleet has replaced them, as at AWS.
        until(lambda: len(healthy(account, arn)) == 2)
        assert healthy(account, arn).isdisjoint(before)
        assert account.fleet(fleet)["SpotFleetRequestState"] == "active"
        assert account.fleet(fleet)["Tags"] == [SERVING]
        names = [name for name, *_ in Settings(again).parameters("/shop/", values=True)]
        assert names == ["/shop/staging/A"]
        value = aws(again, "ssm").get_parameter(Name="/shop/staging/A", WithDecryption=True)
        assert value["Parameter"]["Value"] == "one"
        assert ("shop/staging", "B") in Settings(again).secrets()
        # What was there from the start is there once.
        images = account.ec2.describe_images()["Images"]
        assert len({one["ImageId"] for one in images}) == len(images)
        assert [one["Name"] for one in account.ec2.describe_images(Owners=["self"])["Images"]] == [
            "mine"
        ]


def test_without_it_everything_is_new(tmp_path: Path) -> None:
    box = start(tmp_path)
    Infrastructure(box).put_group(Group("shop", 8000))
    box.stop()
    assert (tmp_path / "account.kept").exists()
    with Sandbox.start(tmp_path, machines="simulated") as other:
        assert other.description["resumed"] == ""
        assert "shop" not in Infrastructure(other).groups()
    assert not (tmp_path / "account.kept").exists()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda kept: kept.write_bytes(kept.read_bytes()[:-100]), "it cannot be read"),
        (lambda kept: kept.write_bytes(b'{"code": "old", "machines": "simulated"}\n'), "another"),
    ],
)
def test_what_cannot_be_read_is_told_and_left(
    tmp_path: Path, damage: Callable[[Path], object], told: str
) -> None:
    start(tmp_path).stop()
    damage(tmp_path / "account.kept")
    with start(tmp_path) as box:
        assert told in box.description["resumed"]
        assert set(Infrastructure(box).groups()) == {"website", "website-green"}
