"""What tasks/serve drives: promotion, the comparison with what serves, the way through the gate,
quotas and prices. Against an account in memory."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.aws.serve import price, quota
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.pass_gate import pass_gate
from spotkiln.aws.serve.promote import promote
from spotkiln.aws.serve.replace import retire_replaced
from spotkiln.aws.serve.serving import is_unchanged, serving_now, sized
from spotkiln.errors import (
    CapacityError,
    GateFailed,
    ImageRejected,
    InfrastructureError,
    SpotkilnError,
)
from spotkiln.serve.evidence import Evidence
from spotkiln.serve.fleet import Fleet, Phase
from spotkiln.serve.gate import Cause, GatePolicy, Verdict
from spotkiln.serve.order import Order
from spotkiln.serve.quota import Market, Room
from spotkiln.serve.spec import FleetSpec
from spotkiln.target import Health
from tests.unit import nouns
from tests.unit.memory import Memory, Ticks
from tests.unit.nouns import TAGS

SPEC = FleetSpec(capacity=2)
IMAGE = nouns.image()
INFRA = nouns.infra()
POLICY = GatePolicy(polls=1, boot_seconds=1, grace_seconds=5)


class Account(Memory):
    """It is the clock as well; `at` is what happens when."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.at: dict[float, Callable[[], object]] = {}

    def ordered(self, release: str, spec: FleetSpec = SPEC) -> Fleet:
        tags = {**TAGS, t.RELEASE: release}
        order = Order(wanted=spec, asked=spec, image=IMAGE, infra=INFRA, tags=tags)
        return launchers(self.aws()).launch(order, lambda *_: None)

    def promoted(self, release: str, before: list[Fleet] | None = None) -> Fleet:
        return promote(self.aws(), self.ordered(release), INFRA, before or [])

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        for moment in [one for one in self.at if one <= self.time]:
            self.at.pop(moment)()

    def is_unchanged(self, current: Fleet, spec: FleetSpec = SPEC, **infra: Any) -> bool:
        clock, wanted = Ticks(self), nouns.infra(**infra)
        return is_unchanged(self.aws(), wanted, spec, IMAGE, current, clock, self.said.append)


@pytest.fixture
def account() -> Account:
    return Account()


# -- promotion --


def test_promoted_it_serves_from_now_on(account: Account) -> None:
    account.time = 60
    fleet = account.promoted("one")
    assert fleet.phase is Phase.SERVING
    assert fleet.promoted == account.now
    assert [one.id for one in serving_now(account.aws(), INFRA)] == [fleet.id]
    assert serving_now(account.aws(), INFRA)[0].tags == fleet.tags


def test_one_that_was_cancelled_is_not_promoted(account: Account) -> None:
    fleet = account.ordered("one")
    account.fleets[fleet.id].state = "cancelled_running"
    with pytest.raises(InfrastructureError, match="passed the gate, but is cancelled_running now"):
        promote(account.aws(), fleet, INFRA, [])
    assert account.fleets[fleet.id].tags[t.PHASE] == "pending"


def test_one_whose_turn_another_took_is_not_promoted(account: Account) -> None:
    before = account.promoted("old")
    fleet, other = account.ordered("one"), account.ordered("other")
    promote(account.aws(), other, INFRA, [before])
    with pytest.raises(InfrastructureError, match="of other was promoted meanwhile"):
        promote(account.aws(), fleet, INFRA, [before])
    assert account.fleets[fleet.id].tags[t.PHASE] == "pending"


def test_between_the_look_and_the_write_another_may_be_promoted(account: Account) -> None:
    """Then it is pending again, and the other serves."""
    fleet, other = account.ordered("one"), account.ordered("other")
    seen: list[str] = []

    def before(operation: str) -> None:
        seen.append(operation)
        if seen.count("create_tags") == 1 and operation == "create_tags":
            account.before = lambda _: None
            promote(account.aws(), other, INFRA, [])

    account.before = before
    with pytest.raises(InfrastructureError, match="promoted meanwhile"):
        promote(account.aws(), fleet, INFRA, [])
    assert [one.id for one in serving_now(account.aws(), INFRA)] == [other.id]


# -- what it replaces --


def test_what_was_promoted_before_is_retired_and_announced(account: Account) -> None:
    old = account.promoted("old")
    account.time += 10
    new = account.promoted("new", [old])
    gone = retire_replaced(account.aws(), INFRA, new, Ticks(account), account.said.append)
    assert [one.id for one in gone] == [old.id]
    assert account.fleets[old.id].tags[t.PHASE] == "retiring"
    assert account.fleets[old.id].state == "cancelled"
    assert account.torn == []
    assert account.said[-1] == f"retired {old.id} with 2 instances"


def test_one_that_is_not_the_newest_retires_nothing(account: Account) -> None:
    old = account.promoted("old")
    account.time += 10
    new = account.promoted("new", [old])
    with pytest.raises(InfrastructureError, match=f"nothing is retired for {old.id}: {new.id}"):
        retire_replaced(account.aws(), INFRA, old, Ticks(account), account.said.append)
    assert {one.state for one in account.fleets.values()} == {"active"}


# -- whether anything is to be done --


def test_the_same_again_whole_and_healthy_is_unchanged(account: Account) -> None:
    fleet = account.promoted("one")
    assert account.is_unchanged(fleet)
    assert account.time == 0
    assert not account.is_unchanged(fleet, FleetSpec(capacity=2, on_demand=1))
    assert not account.is_unchanged(fleet, FleetSpec(capacity=3))
    assert not account.is_unchanged(fleet, key_pair="")


def test_another_launcher_is_a_change(account: Account) -> None:
    fleet = account.promoted("one").model_copy(update={"launcher": "Another"})
    assert not account.is_unchanged(fleet)


def test_one_that_recovers_is_waited_for(account: Account) -> None:
    fleet = account.promoted("one")
    sick = next(iter(account.machines))
    account.sick.add(sick)
    account.at = {4.0: lambda: account.sick.discard(sick)}
    assert account.is_unchanged(fleet)
    assert account.said == []


def test_one_that_stays_unhealthy_is_a_reason_to_release(account: Account) -> None:
    fleet = account.promoted("one")
    account.sick.add(next(iter(account.machines)))
    assert not account.is_unchanged(fleet)
    assert account.said[0].startswith(f"{fleet.id} serves this image already, but not whole")
    # Two checks of 5 s, and a little: for no longer.
    assert account.time <= 20


def test_as_many_as_serve_are_asked_for(account: Account) -> None:
    fleet = account.promoted("one")
    assert sized(account.aws(), INFRA, SPEC).spec.capacity == 2
    account.fleets[fleet.id].config["TargetCapacity"] = 5
    assert sized(account.aws(), INFRA, SPEC).spec.capacity == 5
    assert sized(account.aws(), INFRA, FleetSpec(capacity=2, most=3)).spec.capacity == 3


# -- the gate --


class Shown:
    def __init__(self) -> None:
        self.looks = 0
        self.kept: list[tuple[Verdict, Evidence]] = []

    def progress(self, *_: object) -> None:
        self.looks += 1

    def keep(self, verdict: Verdict, evidence: Evidence) -> None:
        self.kept.append((verdict, evidence))


def through(account: Account, fleet: Fleet, policy: GatePolicy = POLICY) -> tuple[Any, Shown]:
    shown = Shown()
    try:
        return (
            pass_gate(
                account.aws(),
                fleet,
                INFRA,
                policy,
                clock=Ticks(account),
                say=account.said.append,
                progress=shown.progress,
                keep=shown.keep,
            ),
            shown,
        )
    except SpotkilnError as error:
        return error, shown


def test_who_passes_is_told_with_its_servers(account: Account) -> None:
    account.promoted("old")
    fleet = account.ordered("new")
    servers, shown = through(account, fleet)
    mine = [name for name, one in account.machines.items() if one.fleet == fleet.id]
    assert [(one.instance, one.health) for one in servers] == [(x, Health.HEALTHY) for x in mine]
    assert {one.fleet for one in servers} == {fleet.id}
    assert (shown.kept, shown.looks > 1) == ([], True)
    assert account.said == [
        "deadlines: 600 s to launch, 5 s of grace, 85 s to be healthy, and then 5 s without a break"
    ]


def test_an_image_whose_servers_are_unhealthy_is_rejected_with_its_last_lines(
    account: Account,
) -> None:
    fleet = account.ordered("new")
    for name, one in account.machines.items():
        one.console = "boot\nno database\n"
        account.sick.add(name)
    error, shown = through(account, fleet)
    assert isinstance(error, ImageRejected)
    assert error.cause == Cause.FAILING_CHECK
    assert error.last_lines.endswith("no database")
    [(verdict, evidence)] = shown.kept
    assert str(error).startswith(f"the new servers did not pass the gate: {verdict}\n")
    assert len(evidence.consoles) == 2


def test_a_cancelled_fleet_blames_nobody(account: Account) -> None:
    fleet = account.ordered("new")
    account.fleets[fleet.id].state = "cancelled_running"
    error, _ = through(account, fleet, POLICY)
    assert isinstance(error, GateFailed)
    assert not isinstance(error, ImageRejected)
    assert error.cause == Cause.CANCELLED
    assert str(error).endswith(
        "Somebody or something cancelled it. CloudTrail says who (CancelSpotFleetRequests)."
    )


def test_without_machines_there_is_no_verdict_on_the_image(account: Account) -> None:
    fleet = account.ordered("new")
    for one in account.machines.values():
        one.state, one.reason = "terminated", "Server.InsufficientInstanceCapacity"
    error, _ = through(account, fleet, GatePolicy(fulfilment_seconds=30))
    assert isinstance(error, CapacityError)


# -- what is only looked up --


def quotas(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    def rooms(*_: object) -> tuple[dict[Market, Room], dict[str, int]]:
        return {Market.SPOT: Room(limit=limit, used=2)}, dict.fromkeys(SPEC.instance_types, 2)

    monkeypatch.setattr(quota, "rooms", rooms)


def test_a_market_without_room_is_told(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    quotas(monkeypatch, 5)
    [short], unknown = quota.lacking(account.aws(), SPEC)
    assert (short.market, short.room.free, short.certain, unknown) == (Market.SPOT, 3, True, "")
    quotas(monkeypatch, 6)
    assert quota.lacking(account.aws(), SPEC) == ([], "")


def test_quotas_that_cannot_be_looked_up_are_told_and_stop_nothing(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rooms(*_: object) -> None:
        raise SpotkilnError("no right")

    monkeypatch.setattr(quota, "rooms", rooms)
    assert quota.lacking(account.aws(), SPEC) == ([], "the quotas were not checked: no right")


def test_prices_that_cannot_be_had_are_told_each_by_itself(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no network")

    def say(text: str, level: int) -> None:
        assert level == logging.WARNING
        account.said.append(text)

    monkeypatch.setattr(price, "on_demand_prices", fails)
    monkeypatch.setattr(price, "spot_prices", lambda *_: {"t3.micro": {"eu-west-1a": 0.1}})
    found = price.known_prices(account.aws(), ["t3.micro"], ["eu-west-1a"], say)
    assert (found.spot, found.on_demand) == ({"t3.micro": {"eu-west-1a": 0.1}}, {})
    assert account.said == ["On-Demand prices are unknown: no network"]
    monkeypatch.setattr(price, "spot_prices", fails)
    assert price.known_prices(account.aws(), ["t3.micro"], [], say).spot == {}
    assert account.said[1] == "Spot prices are unknown: no network"
