"""Taking fleets away: what registers late is deregistered, and waited for, too."""

from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.retire import retire
from spotkiln.serve.fleet import Phase
from tests.unit.memory import DELAY, Memory, Ticks
from tests.unit.nouns import GROUP, TAGS


class Account(Memory):
    """One fleet of two, which is retired. It is the clock as well."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.said: list[str] = []
        marks = {**TAGS, t.PHASE: str(Phase.RETIRING), t.IMAGE: "ami-1"}
        groups = {"TargetGroupsConfig": {"TargetGroups": [{"Arn": GROUP}]}}
        config: dict[str, Any] = {
            "ClientToken": "1",
            "TargetCapacity": 2,
            "LoadBalancersConfig": groups,
            "TagSpecifications": [{"Tags": t.to_aws(marks)}],
        }
        self.fleet = self.request_spot_fleet({"SpotFleetRequestConfig": config})[
            "SpotFleetRequestId"
        ]
        self.time = 100.0

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def retire(self) -> list[str]:
        aws = self.aws()
        found = launchers(aws).find(self.fleet)
        assert found
        clock = Ticks(self)
        gone = retire(
            aws, [found], target_group=GROUP, delay=int(DELAY), clock=clock, say=self.said.append
        )
        return [one.id for one in gone]

    def once_at(self, operation: str, nth: int, do: Any) -> None:
        """Do something right before the nth such call."""
        seen: list[str] = []

        def before(name: str) -> None:
            self.calls.append(name)
            if name == operation:
                seen.append(name)
                if len(seen) == nth:
                    do()

        self.before = before


@pytest.fixture
def account() -> Account:
    return Account()


def all_gone(account: Account) -> None:
    assert account.torn == []
    assert {one.state for one in account.machines.values()} == {"terminated"}
    assert account.targets == {}
    assert account.fleets[account.fleet].state == "cancelled"


def test_nothing_is_terminated_before_it_has_drained(account: Account) -> None:
    gone = account.retire()
    assert len(gone) == 2
    all_gone(account)


def test_a_member_that_registers_while_others_drain_is_drained_too(account: Account) -> None:
    """It was launched, and EC2 had not registered it yet at the first look."""
    (late,) = account.launch(account.fleet, serves=False)
    account.once_at("describe_target_health", 2, lambda: account.targets.update({late: 0.0}))
    gone = account.retire()
    assert late in gone
    all_gone(account)


@pytest.mark.parametrize(
    ("call", "nth"),
    [
        ("describe_instances", 1),
        ("describe_target_health", 1),
        ("deregister_targets", 1),
        ("describe_target_health", 2),
        ("terminate_instances", 1),
        ("describe_instances", 3),
    ],
)
def test_one_that_is_launched_at_any_moment_is_drained_too(
    account: Account, call: str, nth: int
) -> None:
    """The cancelled fleet had ordered it before."""
    account.once_at(call, nth, lambda: account.launch(account.fleet))
    gone = account.retire()
    assert len(gone) == 3
    all_gone(account)


@pytest.mark.parametrize("serves", [True, False])
def test_one_that_comes_after_the_others_were_terminated_is_drained_too(
    account: Account, serves: bool
) -> None:
    account.once_at("terminate_instances", 1, lambda: account.launch(account.fleet, serves=serves))
    gone = account.retire()
    assert len(gone) == 3
    all_gone(account)


def test_several_may_come_one_after_the_other(account: Account) -> None:
    looks: list[str] = []

    def before(name: str) -> None:
        if name == "describe_target_health" and len(looks) < 8:
            looks.append(name)
            if len(looks) % 2 == 0:
                account.launch(account.fleet)

    account.before = before
    gone = account.retire()
    assert len(gone) == 6
    all_gone(account)


def test_what_drains_already_is_not_deregistered_again(account: Account) -> None:
    for name in account.targets:
        account.targets[name] = account.time - 1
    account.once_at("none", 1, lambda: None)
    account.retire()
    assert "deregister_targets" not in account.calls
    all_gone(account)
