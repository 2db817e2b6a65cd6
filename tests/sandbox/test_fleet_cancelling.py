"""The end of a spot fleet: cancelled, or expired."""

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.client import Sandbox
from tests.sandbox.account import Account, eventually
from tests.sandbox.test_instances import refused

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("quick")]

UNKNOWN = "sfr-11111111-2222-3333-4444-555555555555"


def test_cancelling_with_termination(account: Account, box: Sandbox) -> None:
    box.script(stop_seconds=30)
    fleet = account.request()
    members = account.running_members(fleet)
    answer = account.ec2.cancel_spot_fleet_requests(
        SpotFleetRequestIds=[fleet], TerminateInstances=True
    )
    assert answer["SuccessfulFleetRequests"] == [
        {
            "SpotFleetRequestId": fleet,
            "PreviousSpotFleetRequestState": "active",
            "CurrentSpotFleetRequestState": "cancelled_terminating",
        }
    ]
    account.until_fleet(fleet, "cancelled_terminating", "pending_termination")
    account.until_fleet(fleet, "cancelled")
    assert [account.state(one) for one in members] == ["terminated", "terminated"]


def test_cancelling_without_termination_leaves_the_instances_alone(
    account: Account, box: Sandbox
) -> None:
    fleet = account.request()
    first, second = account.running_members(fleet)
    answer = account.ec2.cancel_spot_fleet_requests(
        SpotFleetRequestIds=[fleet], TerminateInstances=False
    )
    state = answer["SuccessfulFleetRequests"][0]["CurrentSpotFleetRequestState"]
    assert state == "cancelled_running"
    box.kill_machine(first)
    account.until(first, "terminated")
    assert account.state(second) == "running"
    assert account.fleet(fleet)["SpotFleetRequestState"] == "cancelled_running"
    assert len(account.members(fleet)) == 2  # nothing was replaced
    account.ec2.terminate_instances(InstanceIds=[second])
    account.until_fleet(fleet, "cancelled")


def test_each_id_that_cannot_be_cancelled_says_why(account: Account) -> None:
    fleet = account.request(TargetCapacity=0)
    account.ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[fleet], TerminateInstances=True)
    other = account.request(TargetCapacity=0)
    answer = account.ec2.cancel_spot_fleet_requests(
        SpotFleetRequestIds=[fleet, UNKNOWN, "fleet", other], TerminateInstances=True
    )
    codes = [one["Error"]["Code"] for one in answer["UnsuccessfulFleetRequests"]]
    assert codes == [
        "fleetRequestNotInCancellableState",
        "fleetRequestIdDoesNotExist",
        "fleetRequestIdMalformed",
    ]
    assert [one["SpotFleetRequestId"] for one in answer["SuccessfulFleetRequests"]] == [other]


def test_more_than_a_hundred_ids_cancel_nothing(account: Account) -> None:
    fleet = account.request(TargetCapacity=0)
    refused(
        account.ec2.cancel_spot_fleet_requests,
        "InvalidParameterValue",
        SpotFleetRequestIds=[fleet] * 101,
        TerminateInstances=True,
    )
    account.until_fleet(fleet, "active")


def test_launches_under_way_can_arrive_after_the_cancel(account: Account, box: Sandbox) -> None:
    box.capacity(0)
    box.late_launches(10)
    fleet = account.request()
    account.until_fleet(fleet, "active", "error")
    account.ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[fleet], TerminateInstances=True)
    box.clear_capacity()
    late = eventually(lambda: account.members(fleet, "pending", "running"), what="late ones")
    assert len(late) == 2
    assert account.fleet(fleet)["SpotFleetRequestState"] == "cancelled_terminating"


def test_an_expired_fleet_ends(account: Account) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=2)
    fleet = account.request(ValidUntil=soon, TerminateInstancesWithExpiration=True)
    account.until_fleet(fleet, "active", "fulfilled")
    account.until_fleet(fleet, "cancelled")
    assert ("fleetRequestChange", "expired") in account.history(fleet)
