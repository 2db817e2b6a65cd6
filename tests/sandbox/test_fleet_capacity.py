"""What a spot fleet does where EC2 gives it nothing, or not all that it asks for."""

import pytest

from sandbox.client import Sandbox
from tests.sandbox.account import Account

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("quick")]


def test_without_capacity_nothing_is_launched_and_the_history_says_why(
    account: Account, box: Sandbox
) -> None:
    box.capacity(0)
    subnet = account.subnets()["eu-west-1a"]
    fleet = account.request(spec={"SubnetId": subnet})
    account.until_fleet(fleet, "active", "error")
    assert account.members(fleet) == []
    information, error = account.events(fleet)[-2:]
    assert information["EventInformation"]["EventSubType"] == "launchSpecTemporarilyBlacklisted"
    assert "InsufficientInstanceCapacity" in information["EventInformation"]["EventDescription"]
    assert "eu-west-1a" in information["EventInformation"]["EventDescription"]
    assert error["EventInformation"]["EventSubType"] == "allLaunchSpecsTemporarilyBlacklisted"
    box.clear_capacity()
    account.until_fleet(fleet, "active", "fulfilled")


def test_what_one_pool_lacks_another_gives(account: Account, box: Sandbox) -> None:
    zones = account.subnets()
    box.capacity(1, zone="eu-west-1a")
    fleet = account.request(
        TargetCapacity=3,
        spec={"SubnetId": f"{zones['eu-west-1a']},{zones['eu-west-1b']}"},
        AllocationStrategy="diversified",
    )
    account.until_fleet(fleet, "active", "fulfilled")
    placed = [one["Placement"]["AvailabilityZone"] for one in account.members(fleet)]
    assert sorted(placed) == ["eu-west-1a", "eu-west-1b", "eu-west-1b"]


def test_the_account_has_a_quota_of_spot_instances(account: Account, box: Sandbox) -> None:
    box.spot_instance_limit(1)
    fleet = account.request()
    account.until_fleet(fleet, "active", "error")
    assert ("error", "spotInstanceCountLimitExceeded") in account.history(fleet)
    assert len(account.members(fleet)) == 1
    box.spot_instance_limit(None)
    account.until_fleet(fleet, "active", "fulfilled")


def test_the_quota_may_be_told_inside_another_error(account: Account, box: Sandbox) -> None:
    box.spot_instance_limit(1, inside=True)
    fleet = account.request()
    account.until_fleet(fleet, "active", "error")
    told = {
        one["EventInformation"]["EventSubType"]: one["EventInformation"]["EventDescription"]
        for one in account.events(fleet)
        if one["EventType"] in ("error", "information")
    }
    assert set(told) == {
        "launchSpecTemporarilyBlacklisted",
        "allLaunchSpecsTemporarilyBlacklisted",
    }
    assert "Error Code: MaxSpotInstanceCountExceeded" in told["launchSpecTemporarilyBlacklisted"]
    assert len(account.members(fleet)) == 1
    box.spot_instance_limit(None)
    account.until_fleet(fleet, "active", "fulfilled")


@pytest.mark.parametrize(
    ("code", "envelope", "sub_type"),
    [
        ("VcpuLimitExceeded", "blacklisted", "launchSpecTemporarilyBlacklisted"),
        ("VcpuLimitExceeded", "error", "spotFleetRequestConfigurationInvalid"),
        ("MaxSpotInstanceCountExceeded", "error", "spotInstanceCountLimitExceeded"),
        ("InsufficientFreeAddressesInSubnet", "error", "spotFleetRequestConfigurationInvalid"),
        ("UnauthorizedOperation", "blacklisted", "launchSpecTemporarilyBlacklisted"),
        ("InvalidKMSKey.InvalidState", "blacklisted", "launchSpecTemporarilyBlacklisted"),
        ("InvalidParameterValue", "error", "spotFleetRequestConfigurationInvalid"),
    ],
)
def test_launches_can_be_refused_for_any_reason_in_either_envelope(
    account: Account, box: Sandbox, code: str, envelope: str, sub_type: str
) -> None:
    box.refuse_launches(code, envelope)
    fleet = account.request()
    account.until_fleet(fleet, "active", "error")
    assert account.members(fleet) == []
    texts = [
        one["EventInformation"]["EventDescription"]
        for one in account.events(fleet)
        if one["EventInformation"]["EventSubType"] == sub_type
    ]
    assert texts
    assert all(f"Error Code: {code}" in text for text in texts)
    box.clear_capacity()
    account.until_fleet(fleet, "active", "fulfilled")


def test_a_refusal_may_be_one_zones_alone(account: Account, box: Sandbox) -> None:
    zones = account.subnets()
    box.refuse_launches("InsufficientFreeAddressesInSubnet", zone="eu-west-1a")
    fleet = account.request(
        spec={"SubnetId": f"{zones['eu-west-1a']},{zones['eu-west-1b']}"},
    )
    account.until_fleet(fleet, "active", "fulfilled")
    placed = {one["Placement"]["AvailabilityZone"] for one in account.members(fleet)}
    assert placed == {"eu-west-1b"}


def test_weights_count_units(account: Account) -> None:
    fleet = account.request(TargetCapacity=5, spec={"WeightedCapacity": 2.0})
    account.until_fleet(fleet, "active", "fulfilled")
    assert len(account.members(fleet)) == 3
    assert account.fleet(fleet)["SpotFleetRequestConfig"]["FulfilledCapacity"] == 6.0
