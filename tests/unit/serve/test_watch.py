"""What the gate asks at each look, and that no verdict rests on what it saw before."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.serve.gate import WHOLE_EVERY, Watch, watch
from spotkiln.aws.serve.launchers import launchers
from spotkiln.bake.configuration import Configuration, Known
from spotkiln.bake.junit import TestsFailed
from spotkiln.bake.mounts import Mount
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.gate import Cause, GateOutcome, Limits, Verdict
from spotkiln.serve.observation import Observation
from spotkiln.serve.order import Order
from spotkiln.serve.spec import FleetSpec
from tests.unit import nouns
from tests.unit.memory import Memory, Ticks
from tests.unit.nouns import TAGS

LIMITS = Limits(
    polls=2, settle=300, fulfilment=600, grace=10, recovery=10, health=400, losses=0, flaps=5
)
MEMBERS, FLEET, HEALTH = (
    "describe_instances",
    "describe_spot_fleet_requests",
    "describe_target_health",
)
HISTORY = "describe_spot_fleet_request_history"


class Account(Memory):
    """One fleet of two that has just been asked for. It is the clock as well; `at` is what happens
    when."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.at: dict[float, Callable[[], object]] = {}
        self.infra = nouns.infra()
        spec = FleetSpec(capacity=2)
        order = Order(
            wanted=spec,
            asked=spec,
            image=nouns.image(),
            infra=self.infra,
            tags={**TAGS, t.RELEASE: "new"},
        )
        self.fleet: Fleet = launchers(self.aws()).launch(order, lambda *_: None)
        self.before = self.calls.append
        self.first, self.second = self.machines

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        for moment in [one for one in self.at if one <= self.time]:
            self.at.pop(moment)()

    def end(self, name: str, reason: str) -> None:
        self.machines[name].state, self.machines[name].reason = "terminated", reason

    def called(self, do: Callable[[], object]) -> list[str]:
        self.calls.clear()
        do()
        return list(self.calls)


@pytest.fixture
def account() -> Account:
    return Account()


def verdict(account: Account, limits: Limits = LIMITS) -> tuple[Verdict, list[Observation]]:
    seen: list[Observation] = []
    found = watch(
        account.aws(),
        account.fleet,
        account.infra,
        limits,
        Ticks(account),
        lambda one, _: seen.append(one),
    )
    return found, seen


def test_while_all_is_well_only_the_load_balancer_is_asked(account: Account) -> None:
    looking = Watch(account.aws(), account.fleet, account.infra, Ticks(account))
    assert account.called(looking.look) == [MEMBERS, HEALTH]
    for _ in range(WHOLE_EVERY - 2):
        assert account.called(looking.look) == [HEALTH]
    assert account.called(looking.look) == [MEMBERS, FLEET, HEALTH]
    assert account.called(lambda: looking.look(whole=True)) == [MEMBERS, FLEET, HEALTH]


def test_while_one_is_missing_its_launcher_is_asked_and_in_time_what_hinders_it(
    account: Account,
) -> None:
    account.end(account.second, "Server.SpotInstanceTermination")
    looking = Watch(account.aws(), account.fleet, account.infra, Ticks(account))
    asked = account.called(looking.look)
    # As the tag shows too few, the fleet is asked for its members too.
    assert asked == [MEMBERS, "describe_spot_fleet_instances", FLEET, HEALTH]
    account.sleep(31)
    account.fleets[account.fleet.id].history = [
        {
            "Timestamp": account.now,
            "EventType": "error",
            "EventInformation": {"EventSubType": "spotInstanceCountLimitExceeded"},
        }
    ]
    assert HISTORY in account.called(looking.look)
    [problem] = looking.seen[-1].problems
    assert problem.text == "spotInstanceCountLimitExceeded"
    assert HISTORY not in account.called(looking.look)
    assert looking.seen[-1].problems == (problem,)


def test_one_that_the_load_balancer_does_not_check_is_looked_at(account: Account) -> None:
    looking = Watch(account.aws(), account.fleet, account.infra, Ticks(account))
    looking.look()
    del account.targets[account.first]
    looking.look()
    assert account.called(looking.look) == [MEMBERS, HEALTH]


@pytest.mark.parametrize("moment", range(10, 60, 5))
def test_no_image_is_blamed_for_one_that_somebody_has_ended(account: Account, moment: int) -> None:
    """The load balancer calls it unhealthy before it knows that it is gone."""

    def end() -> None:
        account.end(account.first, "Client.UserInitiatedShutdown")
        account.sick.add(account.first)

    account.at = {float(moment): end}
    found, seen = verdict(account)
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.OUTSIDE)
    assert account.first in found.detail
    assert not seen[-1].instances[0].live


def test_one_that_ec2_took_back_is_waited_for(account: Account) -> None:
    def end() -> None:
        account.end(account.first, "Server.SpotInstanceTermination")
        account.sick.add(account.first)

    account.at = {12.0: end, 30.0: lambda: account.launch(account.fleet.id)}
    found, _ = verdict(account)
    assert found.outcome is GateOutcome.HEALTHY


def test_nobody_is_promoted_who_was_healthy_a_moment_ago(account: Account) -> None:
    """Cancelled by somebody, while all of its servers go on serving."""
    account.at = {
        8.0: lambda: setattr(account.fleets[account.fleet.id], "state", "cancelled_running")
    }
    found, seen = verdict(account, LIMITS.model_copy(update={"settle": 10}))
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.CANCELLED)
    assert len(seen[-1].healthy) == 2


def test_a_new_server_of_its_own_is_not_what_serves(account: Account) -> None:
    """The fleet replaces one that is at risk before it ends: the third is no control."""
    third: list[str] = []

    def rebalance() -> None:
        third.extend(account.launch(account.fleet.id))
        account.sick.update(third)

    account.at = {12.0: rebalance, 14.0: lambda: account.sick.add(account.first)}
    found, seen = verdict(account)
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.FAILING_CHECK)
    assert [one.control for one in seen] == [()] * len(seen)
    assert third[0] in {one.id for one in seen[-1].instances}


def test_who_serves_beside_it_is_asked_for_once(account: Account) -> None:
    account.targets["i-old"] = 0.0
    looking = Watch(account.aws(), account.fleet, account.infra, Ticks(account))
    assert account.called(looking.look) == [MEMBERS, HEALTH]
    assert account.called(looking.look) == [HEALTH]
    account.targets["i-other"] = 0.0
    assert account.called(looking.look) == [HEALTH, MEMBERS]
    assert account.called(looking.look) == [HEALTH]
    assert [one.instance for one in looking.seen[-1].control] == ["i-old", "i-other"]


def test_an_unhealthy_one_is_to_blame_when_it_runs(account: Account) -> None:
    account.at = {12.0: lambda: account.sick.add(account.first)}
    found, _ = verdict(account)
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.FAILING_CHECK)


# -- how often --


def looked_at(account: Account, limits: Limits = LIMITS) -> list[float]:
    found, seen = verdict(account, limits)
    assert found.outcome is GateOutcome.HEALTHY
    return [one.at for one in seen]


def test_it_looks_often_only_while_one_is_still_to_become_healthy(account: Account) -> None:
    """They boot for a minute, and a minute later they are healthy."""
    for name in (account.first, account.second):
        account.machines[name].state = "pending"
        account.sick.add(name)

    def run() -> None:
        for name in (account.first, account.second):
            account.machines[name].state = "running"

    account.at = {60.0: run, 120.0: account.sick.clear}
    moments = looked_at(account, LIMITS.model_copy(update={"settle": 40, "grace": 200}))
    gaps = [(start, round(end - start, 3)) for start, end in pairwise(moments)]
    assert max(gap for start, gap in gaps) == 10
    assert {gap for start, gap in gaps if 60 < start < 120} == {5.0}
    healthy = next(at for at in moments if at >= 120)
    assert [at - healthy for at in moments if at >= healthy] == [0, 10, 20, 30, 40]


def test_it_looks_seldom_as_long_as_something_else_is_waited_for_and_then_at_once(
    account: Account,
) -> None:
    account.sick = {account.first, account.second}
    account.at = {60.0: account.sick.clear}
    limits, seen = LIMITS.model_copy(update={"settle": 20, "grace": 200}), list[float]()

    def patient() -> bool:
        return account.time < 47

    found = watch(
        account.aws(), account.fleet, account.infra, limits, Ticks(account),
        lambda one, _: seen.append(one.at), patient=patient,
    )  # fmt: skip
    assert found.outcome is GateOutcome.HEALTHY
    # Healthy at 62: the first look after that counts.
    assert seen == [3, 18, 33, 47, 52, 57, 62, 72, 82]


def test_red_tests_are_heard_of_at_once_though_it_looks_seldom(account: Account) -> None:
    account.sick = {account.first, account.second}

    def red(*_: object) -> None:
        if account.time >= 20:
            raise TestsFailed("red")

    with pytest.raises(TestsFailed):
        watch(
            account.aws(), account.fleet, account.infra,
            LIMITS.model_copy(update={"grace": 200}), Ticks(account), red,
            patient=lambda: account.time < 20,
        )  # fmt: skip
    assert account.time == 20


def test_the_look_that_was_expected_to_decide_is_a_whole_one(account: Account) -> None:
    """It is not asked twice."""
    moments: list[float] = []
    limits = LIMITS.model_copy(update={"settle": 5})
    asked = account.called(lambda: moments.extend(looked_at(account, limits)))
    assert asked[-3:] == [MEMBERS, FLEET, HEALTH]
    assert asked.count(HEALTH) == len(moments)


# -- a machine that cannot serve --

WHO = "demo-web-app-config"
FAILED = f"""\
2026-11-26T01:00:46+0000 i-1 {WHO}[65]: config: missing: DATABASE_URL; looked in /x/; nothing of \
demo-web-app starts here
2026-11-26T01:00:47+0000 i-1 systemd[1]: {WHO}.service: Main process exited, code=exited, status=1/F
2026-11-26T01:00:47+0000 i-1 systemd[1]: {WHO}.service: Failed with result 'exit-code'.
"""
MOUNTS = "demo-web-app-mounts"
UNMOUNTED = f"""\
2026-11-26T01:00:46+0000 i-1 {MOUNTS}[65]: mounts: fs-1:/ could not be mounted at uploads
2026-11-26T01:00:47+0000 i-1 systemd[1]: {MOUNTS}.service: Failed with result 'exit-code'.
"""
CONSOLE = "get_console_output"
PATIENT = LIMITS.model_copy(update={"grace": 300})


def configured(account: Account) -> None:
    known = Known(sources=Configuration(parameters=("/x/",)))
    account.infra = nouns.infra(configuration=known)


def test_one_without_its_settings_ends_the_gate_at_once(account: Account) -> None:
    configured(account)
    account.sick = {account.first, account.second}
    account.machines[account.second].console = FAILED
    found, seen = verdict(account, PATIENT)
    assert found.cause is Cause.MISCONFIGURED
    assert found.detail == (
        f"{account.second}: {WHO}.service failed: its process ended with exit status 1"
    )
    assert "its settings DATABASE_URL are missing" in found.advice
    assert seen[-1].at < 60


def test_one_without_its_file_system_ends_the_gate_at_once(account: Account) -> None:
    mount = Mount(folder="uploads", name="files", source="fs-1:/")
    account.infra = nouns.infra(mounts=(mount,))
    account.sick = {account.first, account.second}
    account.machines[account.second].console = UNMOUNTED
    found, seen = verdict(account, PATIENT)
    assert found.cause is Cause.MISCONFIGURED
    assert found.detail == f"{account.second}: {MOUNTS}.service failed (exit-code)"
    assert found.advice.startswith("It said: mounts: fs-1:/ could not be mounted at uploads")
    assert seen[-1].at < 60


def test_a_machine_that_boots_slowly_is_waited_for(account: Account) -> None:
    configured(account)
    account.sick = {account.first, account.second}
    account.machines[account.second].console = "still booting\n"
    found, seen = verdict(account, PATIENT)
    assert found.cause is Cause.FAILING_CHECK
    assert seen[-1].at >= 300


def test_no_console_is_read_where_nothing_is_configured_or_all_is_well(account: Account) -> None:
    account.sick = {account.first}
    account.machines[account.first].console = "still booting\n"
    looking = Watch(account.aws(), account.fleet, account.infra, Ticks(account))
    account.sleep(60)
    assert CONSOLE not in account.called(looking.look)
    configured(account)
    looking = Watch(account.aws(), account.fleet, account.infra, Ticks(account))
    assert CONSOLE not in account.called(looking.look)
    account.sleep(60)
    assert account.called(looking.look).count(CONSOLE) == 1
    assert CONSOLE not in account.called(looking.look)
    account.sick = set()
    account.sleep(60)
    assert CONSOLE not in account.called(looking.look)


def test_a_console_that_cannot_be_read_is_no_verdict(account: Account) -> None:
    configured(account)
    account.sick = {account.first, account.second}

    def refused(call: str) -> None:
        if call == CONSOLE:
            raise ClientError({"Error": {"Code": "UnauthorizedOperation"}}, call)

    account.before = refused
    found, _ = verdict(account, PATIENT)
    assert found.cause is Cause.FAILING_CHECK


def test_what_serves_in_the_other_group_is_asked_as_seldom_as_it_can_change(
    account: Account,
) -> None:
    other = nouns.target_group(name="website-green")
    infra = account.infra.model_copy(update={"second": other})
    check = other.health_check
    looking = Watch(account.aws(), account.fleet, infra, Ticks(account))
    assert account.called(looking.look) == [MEMBERS, HEALTH, HEALTH]
    assert account.called(looking.look) == [HEALTH]
    account.sleep(check.healthy_threshold * check.interval)
    assert account.called(looking.look) == [HEALTH, HEALTH]
    # No verdict rests on what it was a moment ago.
    assert account.called(lambda: looking.look(whole=True))[-2:] == [HEALTH, HEALTH]
