"""Gates that fail for what is not the image's fault: the cause is told, no version is lost."""

import time
from typing import Any

import pytest

from tests.release.pages import commit_of, page
from tests.reliability.conftest import long
from tests.reliability.test_spot import first_instance_of_a_second_fleet
from tests.reliability.world import SPEED, World, without_release_only

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

SERVERS = {"aws:ec2spot:fleet-request-id": "sfr-*"}
# For ever, as far as a test goes: what is told at once is not waited for.
PATIENT = {"polls": 1, "boot_seconds": 20, "fulfilment_seconds": 7200}
# So long that a test can do something meanwhile.
LASTING = {"polls": 60, "boot_seconds": 20}


@pytest.fixture(scope="module")
def made(started: World) -> list[dict[str, Any]]:
    """v1 was released and then v2, which serves."""
    both = [started.release(ref, "blame", keep_versions=5) for ref in ("v1", "v2")]
    assert [one["outcome"] for one in both] == ["released", "released"], both
    return both


@pytest.fixture
def versions(world: World, made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """They are as they were: no test of these brings anything else to serve, but for the last."""
    assert world.account.look().fleet == made[1]["fleet"]
    world.box.clear_calls()
    return made


def released(world: World) -> set[str]:
    return {str(one["ImageId"]) for one in world.account.released_images()}


def asked_for(world: World) -> int:
    """How many fleets; trials of the call do not count."""
    calls = world.box.calls()
    return sum(one["operation"] == "RequestSpotFleet" and not one["error"] for one in calls)


def serves_on(world: World, fleet: str) -> None:
    truth = world.settled()
    assert truth.problems() == []
    assert truth.fleet == fleet


def back_up(world: World) -> None:
    """The database answers again: a later rule wins."""
    world.box.script(match=SERVERS, health=200)
    deadline = time.monotonic() + 20
    while world.account.look().problems() and time.monotonic() < deadline:
        time.sleep(0.1)


def roll_back(world: World) -> dict[str, Any]:
    given = without_release_only(world.parameters("v1", keep_versions=5))
    return world.zygote.start("rollback", given).result()


def test_a_database_down_during_a_release_blames_no_image(
    world: World, versions: list[dict[str, Any]]
) -> None:
    before = released(world)
    process = world.start("v1", "while it goes down", keep_versions=5, gate=LASTING)
    first_instance_of_a_second_fleet(world)
    world.box.script(match=SERVERS, health=500)
    failed = process.result()
    assert failed["error"].startswith("GateFailed"), failed
    assert "outside: what serves was unhealthy in the same minutes" in failed["error"]
    assert "outside" in page(world, "evidence-")
    back_up(world)
    serves_on(world, versions[1]["fleet"])
    assert released(world) == before


def test_a_fleet_that_somebody_cancels_is_not_asked_for_again(
    world: World, versions: list[dict[str, Any]]
) -> None:
    process = world.start("v1", "cancelled", fleet={"on_demand_fallback": True}, gate=LASTING)
    first_instance_of_a_second_fleet(world)
    new = [
        one["SpotFleetRequestId"]
        for one in world.account.fleets()
        if one["SpotFleetRequestId"] != versions[1]["fleet"]
    ]
    world.account.ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=new, TerminateInstances=True)
    failed = process.result()
    assert failed["error"].startswith("GateFailed"), failed
    assert "cancelled: the fleet is cancelled" in failed["error"]
    assert asked_for(world) == 1
    serves_on(world, versions[1]["fleet"])


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("Client.InternalError", "KMS key"),
        pytest.param("Client.VolumeLimitExceeded", "EBS volumes", marks=long),
    ],
)
def test_instances_that_cannot_be_launched_blame_no_image(
    world: World, versions: list[dict[str, Any]], code: str, advice: str
) -> None:
    before = released(world)
    new = {**SERVERS, "spotkiln:commit": commit_of(world, "v1")}
    world.box.script(match=new, ends_by=code)
    failed = roll_back(world)
    assert failed["error"].startswith("GateFailed"), failed
    assert "misconfigured" in failed["error"]
    assert code in failed["error"]
    assert advice in failed["error"]
    assert released(world) == before
    world.box.clear_scripts()
    serves_on(world, versions[1]["fleet"])


@pytest.mark.parametrize("envelope", [pytest.param("error", marks=long), "blacklisted"])
def test_a_quota_ends_the_gate_at_once_in_either_envelope(
    world: World, versions: list[dict[str, Any]], envelope: str
) -> None:
    world.box.refuse_launches("VcpuLimitExceeded", envelope)
    begin = time.monotonic()
    failed = world.release("v1", f"quota {envelope}", gate=PATIENT)
    assert failed["error"].startswith("CapacityError"), failed
    assert "VcpuLimitExceeded" in failed["error"]
    assert "Service Quotas" in failed["error"]
    assert time.monotonic() - begin < PATIENT["fulfilment_seconds"] / SPEED / 4
    world.box.clear_capacity()
    serves_on(world, versions[1]["fleet"])


def test_a_right_that_is_missing_asks_for_no_other_fleet(
    world: World, versions: list[dict[str, Any]]
) -> None:
    world.box.refuse_launches("UnauthorizedOperation")
    failed = world.release("v1", "right", gate=PATIENT, fleet={"on_demand_fallback": True})
    assert failed["error"].startswith("GateFailed"), failed
    assert "iam:PassRole" in failed["error"]
    assert asked_for(world) == 1
    world.box.clear_capacity()
    serves_on(world, versions[1]["fleet"])


def test_a_closed_security_group_is_found_and_blames_no_image(
    world: World, versions: list[dict[str, Any]]
) -> None:
    before = released(world)
    new = {**SERVERS, "spotkiln:commit": commit_of(world, "v1")}
    world.box.script(match=new, health="timeout")
    groups = world.account.ec2.describe_security_groups(GroupNames=["website-servers"])
    group = groups["SecurityGroups"][0]
    rules = {"GroupId": group["GroupId"], "IpPermissions": group["IpPermissions"]}
    # Open, it is the application that does not answer; but not an image that was released.
    assert "ImageRejected" in world.release("v1", "open")["error"]
    world.account.ec2.revoke_security_group_ingress(**rules)
    try:
        failed = roll_back(world)
    finally:
        world.account.ec2.authorize_security_group_ingress(**rules)
    assert failed["error"].startswith("GateFailed"), failed
    assert f"({group['GroupId']}" in failed["error"] or group["GroupId"] in failed["error"]
    assert "lets the load balancer" in failed["error"]
    assert "port 3000" in failed["error"]
    assert released(world) == before
    world.box.clear_scripts()
    serves_on(world, versions[1]["fleet"])


def test_the_evidence_has_the_applications_last_lines_failing_servers_first(
    world: World, versions: list[dict[str, Any]]
) -> None:
    words = "could not connect to the database"
    new = {**SERVERS, "spotkiln:commit": commit_of(world, "v1")}
    world.box.script(match=new, health=200)
    said = f"2026-11-26T01:00:46+0000 i-1 demo-web-app[65]: {words}"
    world.box.script(match=new, health=500, console=said, times=1)
    failed = world.release("v1", "half sick", fleet={"capacity": 4})
    assert "ImageRejected" in failed["error"]
    text, summary = page(world, "evidence-"), page(world, "release-demo-web-app")
    assert words in summary[: summary.index("## Where the time went")]
    own = text.index("## The application's last lines on i-")
    assert f"`{words}`" in text[own : text.index("## Machines, failing ones first")]
    first = text.index("## Console of i-")
    assert words in text[first : text.index("## Console of i-", first + 1)]
    assert text.index("failing check") < own < first < text.index("## What EC2 says of the fleet")
    serves_on(world, versions[1]["fleet"])


def test_a_database_down_during_a_rollback_loses_no_version(
    world: World, versions: list[dict[str, Any]]
) -> None:
    before = released(world)
    world.box.script(match=SERVERS, health=500)
    for _ in range(2):
        failed = roll_back(world)
        assert failed["error"].startswith("GateFailed: the new servers did not pass the gate: out")
        assert released(world) == before
    back_up(world)
    serves_on(world, versions[1]["fleet"])
    # The very version that could not prove itself while it was down.
    back = roll_back(world)
    assert back["outcome"] == "released", back
    assert back["image"] == versions[0]["image"]
