"""With one target group servers come in batches: which ones, what launchers are asked for, and what
is looked at beside their gates."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from spotkiln import tags as t
from spotkiln.aws.serve import stay as staying
from spotkiln.aws.serve.auto_scaling.request import group_request, sizes
from spotkiln.aws.serve.batch import Batch
from spotkiln.aws.serve.gate import watch
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.spot_fleet.request import spot_fleet_request
from spotkiln.aws.serve.stay import Stay, Trials
from spotkiln.aws.serve.watching import SignalWatch
from spotkiln.errors import GateFailed
from spotkiln.serve.batches import batches, in_words, seconds_of
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.gate import GateOutcome, Verdict
from spotkiln.serve.order import Order
from spotkiln.serve.signals import Signal, Word
from spotkiln.serve.spec import FleetSpec
from spotkiln.serve.step import Batch as Asked
from spotkiln.serve.step import Step, batch_of
from spotkiln.serve.stepping import Steer
from spotkiln.serve.traffic import Traffic
from tests.unit import nouns, shapes
from tests.unit.memory import Memory, Ticks
from tests.unit.nouns import TAGS
from tests.unit.serve.test_watch import LIMITS

CANARY = Traffic(batches=("1 for 5 min", "25 % for 30 s", "100 %"), bake_seconds=60)
SERVES = [nouns.fleet()]
BAD = Signal(word=Word.BAD, why="alarm a is in ALARM")


def plan(capacity: int, traffic: Traffic = CANARY) -> tuple[Step, ...]:
    return batches(traffic, nouns.infra(), capacity, SERVES)


# -- which ones --


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("1 for 5 min", Asked(amount=1, share=False, seconds=300)),
        ("25% for 30 s", Asked(amount=25, share=True, seconds=30)),
        ("100 %", Asked(amount=100, share=True)),
    ],
)
def test_a_batch_is_read(text: str, asked: Asked) -> None:
    assert batch_of(text) == asked


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("one", "100 %"), "expected a batch such as"),
        (("0 for 1 min", "100 %"), "expected a batch such as"),
        (("101 %",), "expected a batch such as"),
        (("1",), "expected 100 % without a time as the last batch"),
        (("100 % for 5 min",), "expected 100 % without a time as the last batch"),
        (("2", "1", "100 %"), "more than the one before"),
        (("50 %", "10 %", "100 %"), "more than the one before"),
    ],
)
def test_batches_that_cannot_be(asked: tuple[str, ...], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Traffic(batches=asked)


@pytest.mark.parametrize(
    ("capacity", "expected"),
    [
        (1, [(1, 100, 390)]),
        # A quarter of four is the one that is there.
        (4, [(1, 25, 330), (4, 100, 60)]),
        (10, [(1, 10, 300), (3, 30, 30), (10, 100, 60)]),
        # Never nothing, or a check would not be made.
        (200, [(1, 1, 300), (50, 25, 30), (200, 100, 60)]),
    ],
)
def test_shares_are_rounded_up_and_what_adds_none_lasts_with_the_one_before(
    capacity: int, expected: list[tuple[int, int, float]]
) -> None:
    found = plan(capacity)
    assert [(one.servers, one.percent, one.seconds) for one in found] == expected


def test_numbers_go_with_shares_in_any_order() -> None:
    mixed = Traffic(batches=("20 %", "3", "10 for 1 min", "50 %", "100 %"), bake_seconds=0)
    assert [one.servers for one in plan(10, mixed)] == [2, 3, 10]
    assert [one.servers for one in plan(40, mixed)] == [8, 10, 20, 40]


def test_all_come_at_once_where_nobody_could_be_brought_back_or_there_are_steps() -> None:
    pair = nouns.infra(second=nouns.target_group())
    assert batches(CANARY, nouns.infra(), 4, []) == ()
    assert batches(CANARY, pair, 4, SERVES) == ()
    assert batches(CANARY.at_once(), nouns.infra(), 4, SERVES) == ()
    assert batches(Traffic(), nouns.infra(), 4, SERVES) == ()


def test_they_are_told_before_and_so_is_how_long_it_takes() -> None:
    asked = CANARY.model_copy(update={"alarms": ("a", "b"), "check": "npm run check"})
    assert in_words(asked, plan(10)) == (
        "in batches, each through the gate: 1 server for 300 s, 3 servers for 30 s, 10 servers; in "
        "each of them 'npm run check' must end well; then 60 s in which the old servers can still "
        "serve alone; alarm a, alarm b would take them away"
    )
    assert in_words(asked, ()) == ""
    # Two gates more.
    assert seconds_of(CANARY, plan(10), (20, 100)) == (430, 980)
    assert seconds_of(asked, plan(10), (20, 100)) == (430, 980 + 3 * 300)
    assert seconds_of(CANARY, (), (20, 100)) == (0, 0)


# -- what launchers are asked for --


def order(**changes: Any) -> Order:
    spec = FleetSpec(capacity=10, on_demand=2, on_demand_percentage=50)
    made = {"wanted": spec, "asked": spec, "image": nouns.image(), "infra": nouns.infra()}
    return Order.model_validate({**made, "tags": TAGS, "batches": plan(10), **changes})


def test_the_first_batch_is_asked_for_and_its_on_demand_part() -> None:
    asked = order()
    assert asked.fleet_tags[t.BATCHES] == "1 3 10"
    # It counts as the whole of what the deployment asks for.
    assert asked.fleet_tags[t.CAPACITY] == "10"
    request = spot_fleet_request(asked, "lt-1")
    assert (request["TargetCapacity"], request["OnDemandTargetCapacity"]) == (1, 1)
    assert [asked.sized(n).on_demand_all for n in (1, 2, 3, 10)] == [1, 2, 3, 6]
    whole = order(batches=())
    assert t.BATCHES not in whole.fleet_tags
    assert spot_fleet_request(whole, "lt-1")["TargetCapacity"] == 10


def test_a_group_may_not_have_less_than_its_minimum() -> None:
    request = group_request(order(least=4), "lt-1")
    assert (request["MinSize"], request["DesiredCapacity"], request["MaxSize"]) == (1, 1, 1000)
    assert sizes(order(least=4), 3) == {"MinSize": 3, "DesiredCapacity": 3}
    assert sizes(order(least=4), 10) == {"MinSize": 4, "DesiredCapacity": 10}
    grown = {"AutoScalingGroupName": "web", **sizes(order(), 3)}
    assert shapes.problems("autoscaling", "UpdateAutoScalingGroup", grown) == []


# -- beside the gate --


class Account(Memory):
    """A canary that has just been asked for. It is the clock as well; `at` is what happens when."""

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[float, Callable[[], object]] = {}
        self.infra = nouns.infra()
        spec = FleetSpec(capacity=1)
        asked = Order(wanted=spec, asked=spec, image=nouns.image(), infra=self.infra, tags=TAGS)
        self.fleet: Fleet = launchers(self.aws()).launch(asked, lambda *_: None)
        [self.machine] = self.machines
        self.word = Steer.RESUME
        self.signal: tuple[Signal, ...] = ()

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        for moment in [one for one in self.at if one <= self.time]:
            self.at.pop(moment)()


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    monkeypatch.setattr(SignalWatch, "__init__", lambda *_: None)
    monkeypatch.setattr(SignalWatch, "look", lambda *_, **__: made.signal)
    monkeypatch.setattr(staying, "steered", lambda *_: made.word)
    return made


def gate(account: Account, at: int = 0, trial: Callable[[int], None] | None = None) -> Verdict:
    """Through the gate of one that settles for 20 s, and its batch."""
    stay = Stay(
        account.aws(), account.fleet, plan(10), at,
        watch=SignalWatch.__new__(SignalWatch), trials=Trials(trial),
        strict=False, clock=Ticks(account),
    )  # fmt: skip
    limits = LIMITS.model_copy(update={"settle": 20, "health": 60, "flaps": 2})
    return watch(
        account.aws(), account.fleet, account.infra, limits, Ticks(account),
        lambda *_: None, Batch(stay),
    )  # fmt: skip


def test_it_stays_for_its_time_from_when_it_has_proved_itself(account: Account) -> None:
    assert gate(account).outcome is GateOutcome.HEALTHY
    assert 320 <= account.time <= 335


@pytest.mark.parametrize("on", [1.0, 12.0, 29.0, 150.5, 318.0])
def test_a_bad_signal_takes_it_back_within_five_seconds_at_any_time(
    account: Account, on: float
) -> None:
    def bad() -> None:
        account.signal = (BAD,)

    account.at[on] = bad
    with pytest.raises(GateFailed, match=r"turned back at batch 1 \(1 server\): alarm a is in"):
        gate(account)
    assert account.time - on < 5


def test_a_pause_lasts_and_a_promotion_waits_for_the_gate_alone(account: Account) -> None:
    account.word = Steer.PAUSE
    account.at[1000] = lambda: setattr(account, "word", Steer.PROMOTE)
    assert gate(account).outcome is GateOutcome.HEALTHY
    assert 1000 <= account.time <= 1015
    account.time = 0.0
    assert gate(account, at=2).outcome is GateOutcome.HEALTHY
    assert 20 <= account.time <= 35


def test_one_that_falls_ill_while_it_stays_is_judged_as_at_the_gate(account: Account) -> None:
    account.at[100] = lambda: account.sick.add(account.machine)
    found = gate(account)
    assert found.outcome is GateOutcome.FAILED
    assert account.machine in found.detail
    assert 110 <= account.time <= 135


def test_one_that_recovers_in_time_goes_on(account: Account) -> None:
    account.at[100] = lambda: account.sick.add(account.machine)
    account.at[105] = lambda: account.sick.discard(account.machine)
    assert gate(account).outcome is GateOutcome.HEALTHY
    assert 320 <= account.time <= 345


def test_the_gates_own_ceiling_ends_no_long_stay(account: Account) -> None:
    """It is less than the time of this batch; and at its end the server has just fallen ill."""
    assert LIMITS.ceiling > 300
    limits = LIMITS.model_copy(update={"fulfilment": 10, "health": 20, "settle": 10})
    assert limits.ceiling == 70
    stay = Stay(
        account.aws(), account.fleet, plan(10), 0,
        watch=SignalWatch.__new__(SignalWatch), trials=Trials(None),
        strict=False, clock=Ticks(account),
    )  # fmt: skip
    account.at[305] = lambda: account.sick.add(account.machine)
    account.at[312] = lambda: account.sick.discard(account.machine)
    found = watch(
        account.aws(), account.fleet, account.infra, limits, Ticks(account),
        lambda *_: None, Batch(stay),
    )  # fmt: skip
    assert (found.outcome, account.time > 312) == (GateOutcome.HEALTHY, True)


def test_the_check_is_made_once_it_has_proved_itself(account: Account) -> None:
    seen: list[tuple[int, float]] = []
    gate(account, trial=lambda percent: seen.append((percent, account.time)))
    [(percent, when)] = seen
    assert percent == 10
    assert 20 <= when <= 35
