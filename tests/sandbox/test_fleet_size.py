"""How a spot fleet keeps its size, and how that is changed."""

import pytest

from sandbox.client import Sandbox
from tests.sandbox.account import Account, eventually

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("quick")]


def test_a_lost_instance_is_replaced(account: Account, box: Sandbox) -> None:
    fleet = account.request()
    first, second = account.running_members(fleet)
    box.kill_machine(first)
    eventually(lambda: len(account.members(fleet)) == 3, what="a replacement")
    assert second in account.running_members(fleet)
    reason = account.instance(first)["StateReason"]["Code"]
    assert reason == "Server.SpotInstanceTermination"


def test_an_interrupted_instance_is_replaced_after_it_has_gone(
    account: Account, box: Sandbox
) -> None:
    fleet = account.request(TargetCapacity=1)
    (instance,) = account.running_members(fleet, 1)
    box.interrupt(instance, notice_seconds=40)
    assert len(account.members(fleet)) == 1
    account.until(instance, "terminated")
    assert account.running_members(fleet, 1) != [instance]


def test_with_rebalancing_the_replacement_comes_with_the_notice(
    account: Account, box: Sandbox
) -> None:
    fleet = account.request(
        TargetCapacity=1,
        SpotMaintenanceStrategies={"CapacityRebalance": {"ReplacementStrategy": "launch"}},
    )
    (instance,) = account.running_members(fleet, 1)
    box.interrupt(instance, notice_seconds=400)
    eventually(lambda: len(account.members(fleet)) == 2, what="a replacement")
    assert account.state(instance) == "running"


def test_with_rebalancing_it_comes_with_the_recommendation(account: Account, box: Sandbox) -> None:
    rebalance = {"CapacityRebalance": {"ReplacementStrategy": "launch"}}
    fleet = account.request(TargetCapacity=1, SpotMaintenanceStrategies=rebalance)
    (instance,) = account.running_members(fleet, 1)
    box.recommend_rebalance(instance)
    members = account.running_members(fleet, 2)
    # EC2 leaves both; who ends the first is no reason for a third.
    account.ec2.terminate_instances(InstanceIds=[instance])
    account.until(instance, "terminated")
    assert account.running_members(fleet, 1) == [one for one in members if one != instance]


def test_without_rebalancing_a_recommendation_changes_nothing(
    account: Account, box: Sandbox
) -> None:
    fleet = account.request(TargetCapacity=1)
    (instance,) = account.running_members(fleet, 1)
    box.recommend_rebalance(instance)
    box.interrupt(instance, notice_seconds=40)
    account.until(instance, "terminated")
    assert account.running_members(fleet, 1) != [instance]


def test_a_fleet_of_type_request_replaces_nothing(account: Account, box: Sandbox) -> None:
    fleet = account.request(Type="request", TargetCapacity=1)
    (instance,) = account.running_members(fleet, 1)
    box.kill_machine(instance)
    account.until(instance, "terminated")
    account.until_fleet(fleet, "active", "pending_fulfillment")
    assert len(account.members(fleet)) == 1


def test_modifying_grows_and_shrinks(account: Account) -> None:
    fleet = account.request(TargetCapacity=1)
    account.until_fleet(fleet, "active", "fulfilled")
    account.ec2.modify_spot_fleet_request(SpotFleetRequestId=fleet, TargetCapacity=3)
    assert account.fleet(fleet)["SpotFleetRequestState"] == "modifying"
    account.until_fleet(fleet, "active", "fulfilled")
    members = account.running_members(fleet, 3)
    account.ec2.modify_spot_fleet_request(SpotFleetRequestId=fleet, TargetCapacity=1)
    kept = account.running_members(fleet, 1)
    assert kept == members[:1]
    history = account.history(fleet)
    assert history.count(("fleetRequestChange", "modify_succeeded")) == 2
    assert history.count(("instanceChange", "termination_notified")) == 2
