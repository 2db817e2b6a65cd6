"""Spot Fleet as a launcher: how its calls are repeated, and what of its answers is no error."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.errors import AwsError, AwsRefused
from spotkiln.aws.serve.spot_fleet.launcher import MEMBER, SpotFleet
from spotkiln.errors import SpotkilnError
from spotkiln.serve.fleet import State
from spotkiln.serve.order import Order
from spotkiln.serve.spec import FleetSpec
from tests.unit import nouns
from tests.unit.memory import Memory
from tests.unit.nouns import TAGS

RELEASE = "new-0123456789ab"


def order(**changes: Any) -> Order:
    spec = FleetSpec(capacity=2)
    made = Order(
        wanted=spec,
        asked=spec,
        image=nouns.image(),
        infra=nouns.infra(),
        tags={**TAGS, t.RELEASE: RELEASE},
    )
    return made.model_copy(update=changes)


def refused(code: str, operation: str = "X") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


class Account(Memory):
    """`refusing` are operations that answer with an error, with its code."""

    def __init__(self) -> None:
        super().__init__()
        self.refusing: dict[str, str] = {}
        self.cancelled: list[list[str]] = []
        self.failed: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.before = self._before
        self.launcher = SpotFleet(self.aws())

    def _before(self, operation: str) -> None:
        self.calls.append(operation)
        if code := self.refusing.get(operation):
            raise refused(code, operation)

    def cancel_spot_fleet_requests(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["TerminateInstances"] is False
        self.cancelled.append(asked["SpotFleetRequestIds"])
        return {"UnsuccessfulFleetRequests": self.failed}


@pytest.fixture
def account() -> Account:
    return Account()


def nothing(*_: str) -> None:
    pass


# -- launch --


def test_the_same_order_twice_is_one_fleet_of_one_template(account: Account) -> None:
    first, again = (account.launcher.launch(order(), nothing) for _ in range(2))
    assert (first, len(account.fleets), len(account.templates)) == (again, 1, 1)
    found = account.launcher.find(first.id)
    assert found is not None
    assert (found.tags, found.target_groups) == (first.tags, first.target_groups)
    assert found.state is first.state is State.KEPT


def test_another_attempt_is_another_fleet_that_counts_as_what_was_asked_for(
    account: Account,
) -> None:
    first = account.launcher.launch(order(), nothing)
    wanted = FleetSpec(capacity=2, on_demand=1)
    second = account.launcher.launch(order(wanted=wanted), nothing)
    assert second.id != first.id
    assert second.parts != first.parts
    assert second.tags[t.SETTINGS] == first.tags[t.SETTINGS]


def test_each_thing_is_noted_as_soon_as_it_is_asked_for(account: Account) -> None:
    """Whoever is stopped in between knows of what there is."""
    noted: list[tuple[str, str]] = []
    account.refusing = {"request_spot_fleet": "InternalError"}
    with pytest.raises(AwsError):
        account.launcher.launch(order(), lambda kind, name: noted.append((kind, name)))
    assert noted == [("launch-template", name) for name in account.templates]
    account.refusing = {}
    fleet = account.launcher.launch(order(), lambda kind, name: noted.append((kind, name)))
    assert noted[-1] == ("spot-fleet-request", fleet.id)


def test_a_template_that_an_earlier_try_made_is_taken(account: Account) -> None:
    made = account.launcher.launch(order(), nothing)
    account.refusing = {
        "create_launch_template": "InvalidLaunchTemplateName.AlreadyExistsException"
    }
    assert account.launcher.launch(order(), nothing).parts == made.parts


# -- look --


@pytest.mark.parametrize(
    "code", ["InvalidSpotFleetRequestId.NotFound", "InvalidSpotFleetRequestId.Malformed"]
)
def test_a_fleet_that_aws_does_not_tell_of_is_none_and_has_no_members(
    account: Account, code: str
) -> None:
    fleet = account.launcher.launch(order(), nothing)
    account.refusing = {"describe_spot_fleet_requests": code, "describe_spot_fleet_instances": code}
    assert account.launcher.find(fleet.id) is None
    assert [one.id for one in account.launcher.members(fleet.id)] == list(account.machines)


@pytest.mark.parametrize(
    ("operation", "look"),
    [
        ("describe_spot_fleet_requests", lambda launcher: launcher.find("sfr-1")),
        ("describe_spot_fleet_instances", lambda launcher: launcher.members("sfr-1")),
    ],
)
def test_an_error_is_not_taken_for_an_answer(
    account: Account, operation: str, look: Callable[[SpotFleet], object]
) -> None:
    account.refusing = {operation: "UnauthorizedOperation"}
    with pytest.raises(SpotkilnError, match="no right"):
        look(account.launcher)


def test_members_without_ec2s_tag_are_told_by_the_fleet(account: Account) -> None:
    fleet = account.launcher.launch(order(), nothing)
    first, second = account.machines
    del account.machines[second].tags[MEMBER]
    found = account.launcher.members(fleet.id)
    assert [(one.id, one.fleet) for one in found] == [(first, fleet.id), (second, fleet.id)]


def test_the_fleet_is_not_asked_once_the_tag_shows_enough(account: Account) -> None:
    fleet = account.launcher.launch(order(), nothing)
    first, _ = account.machines
    for enough, asked in ((0, False), (2, False), (3, True), (None, True)):
        account.calls.clear()
        account.launcher.members(fleet.id, enough)
        assert ("describe_spot_fleet_instances" in account.calls) is asked, enough
    # What has ended is not enough of anything.
    account.machines[first].state = "terminated"
    account.calls.clear()
    account.launcher.members(fleet.id, 2)
    assert "describe_spot_fleet_instances" in account.calls


# -- stop and remove --


def failure(code: str) -> dict[str, Any]:
    return {"SpotFleetRequestId": "sfr-1", "Error": {"Code": code, "Message": "it said no"}}


@pytest.mark.parametrize(
    "code", ["fleetRequestNotInCancellableState", "fleetRequestIdDoesNotExist"]
)
def test_one_that_was_stopped_before_is_no_error(account: Account, code: str) -> None:
    account.failed = [failure(code)]
    account.launcher.stop_replacing(["sfr-1"])
    assert account.cancelled == [["sfr-1"]]


def test_one_that_aws_does_not_stop_is_an_error_with_its_reason(account: Account) -> None:
    account.failed = [failure("fleetRequestIdDoesNotExist"), failure("unexpectedError")]
    with pytest.raises(AwsError, match=r"not cancelled: sfr-1: it said no$"):
        account.launcher.stop_replacing(["sfr-1"])


def test_no_call_names_more_than_aws_takes(account: Account) -> None:
    names = [f"sfr-{n:03d}" for n in range(250)]
    account.launcher.stop_replacing(reversed(names))
    assert [len(one) for one in account.cancelled] == [100, 100, 50]
    assert [name for one in account.cancelled for name in one] == names
    account.cancelled.clear()
    account.launcher.stop_replacing([])
    assert account.cancelled == []


def test_a_part_that_is_gone_is_no_error_and_a_right_that_is_missing_is(account: Account) -> None:
    account.refusing = {"delete_launch_template": "InvalidLaunchTemplateId.NotFound"}
    account.launcher.remove_part("lt-1")
    account.refusing = {"delete_launch_template": "InvalidParameterValue"}
    with pytest.raises(AwsRefused, match="deleting launch template lt-1"):
        account.launcher.remove_part("lt-1")


def test_parts_are_ours_by_the_name_that_the_release_chose(account: Account) -> None:
    made = account.launcher.launch(order(), nothing)
    account.templates |= {"copy": RELEASE, "spotkiln-other-0123456789ab-00000000": "other"}
    found = {one.id: one.ours for one in account.launcher.parts(RELEASE)}
    assert found == {made.parts[0]: True, "copy": False}
    assert len(account.launcher.parts()) == 3
