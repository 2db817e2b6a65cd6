"""The application's own check in each step of a hand-over."""

import threading
import time

import pytest

from spotkiln.aws.serve.shift import hand_over
from spotkiln.errors import GateFailed, InfrastructureError
from spotkiln.serve.stepping import Steer
from tests.unit.clock import FakeClock
from tests.unit.serve.shifting import (
    STEPS,
    Balancer,
    balancer,
    fleet,
    fleets,
    infra,
    quiet,
    shift_all,
    steered,
)

__all__ = ["balancer", "fleets", "quiet"]


class Waiter(FakeClock):
    """Gives another thread time while it sleeps."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        time.sleep(0.002)


@pytest.mark.usefixtures("fleets")
def test_the_applications_check_is_made_once_in_each_step(balancer: Balancer) -> None:
    seen: list[tuple[int, int]] = []
    trial = lambda percent: seen.append((percent, balancer.shares()[-1]))  # noqa: E731
    shift_all(balancer, clock=Waiter(), trial=trial)
    assert seen == [(10, 10), (50, 50), (100, 100)]


@pytest.mark.usefixtures("fleets")
def test_a_red_check_brings_the_old_servers_back(balancer: Balancer) -> None:
    def red(percent: int) -> None:
        if percent == 50:
            raise GateFailed("the check did not end well", cause="check", last_lines="got 500")

    with pytest.raises(GateFailed, match=r"turned back at step 2 \(50 %\): the check did") as told:
        shift_all(balancer, clock=Waiter(), trial=red)
    assert told.value.last_lines == "got 500"
    assert balancer.shares() == [10, 50, 0]
    assert balancer.given_back


@pytest.mark.usefixtures("fleets")
def test_requests_go_back_before_a_check_has_ended(
    balancer: Balancer, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, back = threading.Event(), []

    def long(_: int) -> None:
        goes_on.wait(10)

    def say(text: str) -> None:
        if text.startswith("waiting for the end of the check"):
            back.append(balancer.given_back)
            goes_on.set()

    steered(monkeypatch, [Steer.RESUME, Steer.RESUME, Steer.ABORT])
    with pytest.raises(GateFailed, match="a person said abort"):
        hand_over(
            balancer.aws(), fleet(), infra(), STEPS, trial=long,
            clock=Waiter(), check=lambda: None, say=say, progress=lambda *_: None,
        )  # fmt: skip
    assert back == [True]


@pytest.mark.usefixtures("fleets")
def test_a_check_that_could_not_be_made_is_an_error(balancer: Balancer) -> None:
    def no(_: int) -> None:
        raise InfrastructureError("no machine for it")

    with pytest.raises(InfrastructureError, match="no machine for it"):
        shift_all(balancer, clock=Waiter(), trial=no)
    assert balancer.given_back
