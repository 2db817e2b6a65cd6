"""Machines that end as soon as they are launched, or that cannot find out how they are set up."""

from spotkiln.serve.ending import VOLUMES
from spotkiln.serve.gate import Cause, GateOutcome, Verdict
from spotkiln.serve.judge import judge
from spotkiln.serve.observation import Observation
from spotkiln.serve.unready import Unready
from tests.unit.looks import LIMITS, OWN_END, Healths, ended, look

FULL = "Client.VolumeLimitExceeded"
BOOTING: Healths = {"i-1": "initial", "i-2": "initial"}
ROLE = "shop-role.service has failed"


def of(seen: Observation) -> Verdict:
    return judge(LIMITS, 2, [seen])


def test_one_that_ended_at_once_is_enough_while_none_runs() -> None:
    found = of(look(0, ended=[ended("i-1", FULL)]))
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.MISCONFIGURED)
    assert found.detail == f"1 instances ended as soon as they were launched: i-1 ({FULL})"
    assert found.advice == VOLUMES


def test_beside_one_that_runs_it_may_have_been_an_accident() -> None:
    assert (
        of(look(0, {"i-2": "initial"}, ended=[ended("i-1", FULL)])).outcome is GateOutcome.WAITING
    )


def test_one_that_shut_down_later_may_have_been_one_too() -> None:
    assert of(look(0, ended=[ended("i-1", OWN_END)])).outcome is GateOutcome.WAITING


def test_of_both_kinds_what_ended_at_once_decides() -> None:
    found = of(look(0, ended=[ended("i-1", OWN_END), ended("i-2", OWN_END), ended("i-3", FULL)]))
    assert found.cause is Cause.MISCONFIGURED


def with_unready(*ones: Unready) -> Observation:
    seen = look(0, BOOTING, ended=[ended("i-0", OWN_END)])
    return seen.model_copy(update={"unready": ones})


def test_a_machine_that_cannot_find_out_its_settings_ends_the_wait() -> None:
    one = Unready(instance="i-1", why=ROLE, advice="Set DATABASE_URL.")
    other = Unready(instance="i-2", why=ROLE)
    found = of(with_unready(one, other))
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.MISCONFIGURED)
    assert found.detail == f"i-1: {ROLE}; i-2: {ROLE}"
    assert found.advice.startswith("Set DATABASE_URL.")
    assert of(with_unready(other)).advice.startswith("See the evidence.")


def test_one_that_is_gone_is_not_waited_for() -> None:
    assert of(with_unready(Unready(instance="i-0", why=ROLE))).outcome is GateOutcome.WAITING
