"""One application of a night: its run is started once, followed, and judged by what it left."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from spotkiln.errors import DeadlineExceeded, InfrastructureError
from spotkiln.release.release import Outcome
from spotkiln.release.result import Result
from spotkiln.start.night import NightSpec, Rebuilt
from spotkiln.start.rebuild import LOOKS, RELEASE_SECONDS, or_failed, rebuild
from spotkiln.start.run import Run
from tests.unit.clock import FakeClock
from tests.unit.nouns import START

MIDNIGHT = datetime(2024, 5, 1, 0, tzinfo=UTC)


def run(state: str, name: str = "", message: str = "") -> Run:
    return Run(
        id="r-1", created=START, state=state, state_name=name or state.capitalize(),
        message=message, name="shop 3f2a91c nightly", pool="spotkiln",
    )  # fmt: skip


def left(outcome: Outcome, cause: str = "") -> Result:
    return Result(release="shop-000000000000", outcome=outcome, cause=cause)


class FakeReleases:
    """One run, which is in these states one after the other and stays in the last."""

    def __init__(self, *states: Run, left: Result | None = None) -> None:
        self.states = list(states)
        self.left = left
        self.started: list[tuple[str, tuple[str, ...], str]] = []

    def start(self, application: str, tags: Iterable[str], key: str) -> Run:
        self.started.append((application, tuple(tags), key))
        return run("SCHEDULED")

    def read(self, run: str) -> Run:
        assert run == "r-1"
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def result(self, run: str) -> Result | None:
        assert run == "r-1"
        return self.left

    def page(self, run: str) -> str:
        return f"http://ui/{run}"


def rebuilt(
    releases: FakeReleases, spec: NightSpec | None = None, said: list[str] | None = None
) -> Rebuilt:
    said = [] if said is None else said
    return rebuild(
        "shop", spec or NightSpec(), "base-01", releases,
        now=MIDNIGHT, clock=FakeClock(), say=said.append,
    )  # fmt: skip


def test_its_run_is_started_once_a_night_and_says_who_started_it() -> None:
    releases = FakeReleases(run("RUNNING"), run("COMPLETED"), left=left(Outcome.RELEASED))
    found = rebuilt(releases)
    assert releases.started == [("shop", ("trigger:nightly",), "base-01/shop")]
    assert found == Rebuilt(application="shop", outcome="released", run="r-1", url="http://ui/r-1")


@pytest.mark.parametrize(
    ("state", "result", "outcome", "cause"),
    [
        (run("COMPLETED"), left(Outcome.UNCHANGED), "unchanged", ""),
        (run("COMPLETED"), left(Outcome.HELD, "held since"), "held", "held since"),
        (run("COMPLETED", message="fine"), None, "released", ""),
        # Its own cause is better than Prefect's message; a killed run left none.
        (run("FAILED", message="raised"), left(Outcome.ROLLED_BACK, "red"), "rolled back", "red"),
        (run("CRASHED", message="was killed"), None, "failed", "was killed"),
        # It served, and then something else failed.
        (run("FAILED", message="raised"), left(Outcome.RELEASED), "failed", "raised"),
        (run("CANCELLED"), left(Outcome.RELEASED, "stopped"), "cancelled", "stopped"),
    ],
)
def test_what_came_of_it(state: Run, result: Result | None, outcome: str, cause: str) -> None:
    found = rebuilt(FakeReleases(state, left=result))
    assert (found.outcome, found.cause) == (outcome, cause)


def test_nothing_is_started_in_quiet_hours() -> None:
    releases = FakeReleases(run("COMPLETED"))
    found = rebuilt(releases, NightSpec(quiet_hours="22:00-06:00 UTC"))
    assert (found.outcome, found.run, releases.started) == ("quiet", "", [])
    assert found.cause == "not started, for it is quiet from 22:00-06:00 UTC"


def test_a_run_that_no_worker_takes_is_told_once() -> None:
    late = run("SCHEDULED", "Late")
    said: list[str] = []
    releases = FakeReleases(
        run("SCHEDULED"), late, late, run("RUNNING"), run("COMPLETED"), left=left(Outcome.RELEASED)
    )
    assert rebuilt(releases, said=said).outcome == "released"
    assert said == [
        "no worker takes run shop 3f2a91c nightly: has spotkiln one with room for another?"
    ]


def test_a_run_without_an_end_is_waited_for_so_long() -> None:
    clock = FakeClock()
    with pytest.raises(DeadlineExceeded, match=r"release run r-1 to end \(it goes on\).*Running"):
        rebuild(
            "shop", NightSpec(), "base-01", FakeReleases(run("RUNNING")),
            now=MIDNIGHT, clock=clock, say=lambda _: None,
        )  # fmt: skip
    assert clock.time == pytest.approx(RELEASE_SECONDS)
    assert max(clock.slept) <= LOOKS.maximum


def test_a_rebuild_that_raised_has_failed() -> None:
    fine = Rebuilt(application="shop", outcome="released")
    assert or_failed("shop", fine) is fine
    error = InfrastructureError("Prefect is away")
    assert or_failed("shop", error) == Rebuilt(
        application="shop", outcome="failed", cause="Prefect is away"
    )


def test_it_is_not_looked_at_more_often_than_it_can_change() -> None:
    clock = FakeClock()
    states = [run("RUNNING")] * 20
    rebuild(
        "shop", NightSpec(), "base-01", FakeReleases(*states, run("COMPLETED")),
        now=MIDNIGHT + timedelta(hours=1), clock=clock, say=lambda _: None,
    )  # fmt: skip
    assert (clock.slept[0], clock.slept[-1]) == (LOOKS.first, LOOKS.maximum)


def test_one_that_waits_for_the_end_of_a_freeze_is_not_waited_for() -> None:
    words = "frozen until Mon 2024-05-06 07:00 CEST (Fri 16:00 - Mon 07:00 Europe/Berlin)"
    releases = FakeReleases(run("RUNNING"), run("SCHEDULED", "Frozen", words))
    found = rebuilt(releases)
    assert (found.outcome, found.cause, found.failed) == ("frozen", words, False)
