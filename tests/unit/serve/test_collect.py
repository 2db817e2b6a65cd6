"""What is saved of a failed fleet, and that nothing which cannot be had stands in the way."""

from datetime import timedelta
from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.aws.serve.evidence import collect
from spotkiln.aws.serve.launchers import launchers
from spotkiln.errors import SpotkilnError
from spotkiln.serve.evidence import CONSOLES
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.order import Order
from spotkiln.serve.spec import FleetSpec
from spotkiln.target import Health
from tests.unit import nouns
from tests.unit.memory import Memory
from tests.unit.nouns import START, TAGS


class Account(Memory):
    """A fleet whose servers do not serve, beside one that does."""

    def __init__(self, capacity: int = 2) -> None:
        super().__init__()
        self.serves = self._launch("old", 1)
        self.fleet = self._launch("new", capacity)
        self.mine = [name for name, one in self.machines.items() if one.fleet == self.fleet.id]
        self.sick |= {*self.mine}
        self.fleets[self.fleet.id].history = [
            event(1, "instanceChange", "launched", InstanceId=self.mine[0]),
            event(0, "fleetRequestChange", "submitted"),
        ]
        for name in self.mine:
            self.machines[name].console = f"boot of {name}\nno database\n"

    def _launch(self, release: str, capacity: int) -> Fleet:
        spec = FleetSpec(capacity=capacity)
        order = Order(
            wanted=spec,
            asked=spec,
            image=nouns.image(),
            infra=nouns.infra(),
            tags={**TAGS, t.RELEASE: release},
        )
        return launchers(self.aws()).launch(order, lambda *_: None)


def event(second: int, kind: str, what: str, **more: str) -> dict[str, Any]:
    return {
        "Timestamp": START + timedelta(seconds=second),
        "EventType": kind,
        "EventInformation": {"EventSubType": what, **more},
    }


def test_targets_history_and_consoles_of_the_new_fleet_alone() -> None:
    account = Account()
    found = collect(account.aws(), account.fleet, nouns.infra())
    assert [one.instance for one in found.targets] == account.mine
    assert {one.health for one in found.targets} == {Health.UNHEALTHY}
    assert [one.id for one in found.instances] == account.mine
    assert found.history == (
        "2024-05-01 12:00:00 UTC fleetRequestChange submitted",
        f"2024-05-01 12:00:01 UTC instanceChange launched {account.mine[0]}",
    )
    assert found.consoles == {name: f"boot of {name}\nno database\n" for name in account.mine}


def test_what_ended_is_among_it_and_what_failed_comes_first() -> None:
    account = Account(3)
    first, second, third = account.mine
    account.sick.discard(first)
    ended = account.machines[second]
    ended.state, ended.reason = "terminated", "Client.InstanceInitiatedShutdown"
    found = collect(account.aws(), account.fleet, nouns.infra())
    assert [one.id for one in found.instances] == [third, second, first]
    # One that does not live is no target any more.
    assert [one.instance for one in found.targets] == [third, first]


def test_the_consoles_of_a_few_do() -> None:
    account = Account(CONSOLES + 2)
    found = collect(account.aws(), account.fleet, nouns.infra())
    assert list(found.consoles) == [one.id for one in found.instances[:CONSOLES]]


@pytest.mark.parametrize(
    ("operation", "lost"),
    [
        ("describe_spot_fleet_request_history", {"history"}),
        ("describe_instances", {"targets", "instances", "consoles"}),
        ("describe_target_health", {"targets"}),
        ("get_console_output", {"consoles"}),
    ],
)
def test_what_cannot_be_had_is_left_out(operation: str, lost: set[str]) -> None:
    account = Account()

    def before(name: str) -> None:
        if name == operation:
            raise SpotkilnError("AWS is away")

    account.before = before
    found = collect(account.aws(), account.fleet, nouns.infra())
    parts = {"targets", "instances", "history", "consoles"}
    assert {one for one in parts if not getattr(found, one)} == lost
