"""Which server is replaced long after the gate, and when none is."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotkiln import tags as t
from spotkiln.release.unhealthy import Sick, Watched, event_of, watch
from spotkiln.show.evidence import unhealthy_page
from spotkiln.target import Health, Instance
from tests.unit import nouns
from tests.unit.nouns import START

FLEET = nouns.fleet(capacity=3)
PATIENCE = timedelta(minutes=10)


def member(name: str, minutes: float | None = None) -> Instance:
    """Seen unhealthy so many minutes ago; None: never."""
    since = {} if minutes is None else {t.UNHEALTHY_SINCE: ago(minutes)}
    return nouns.instance(name, tags=since)


def ago(minutes: float) -> str:
    return (START - timedelta(minutes=minutes)).isoformat(timespec="seconds")


def look(*seen: tuple[Instance, str, str], **changes: Any) -> Watched:
    fleet = FLEET.model_copy(update=changes)
    return watch(
        fleet,
        [one for one, _, _ in seen],
        [nouns.target(one.id, health, reason) for one, health, reason in seen],
        now=START,
        patience=PATIENCE,
    )


WELL = (member("i-1"), "healthy", "")
ALSO_WELL = (member("i-2"), "healthy", "")


def test_all_is_well() -> None:
    assert look(WELL, ALSO_WELL, (member("i-3"), "healthy", "")) == Watched()


def test_the_first_sight_is_noted_and_the_recovery_too() -> None:
    found = look(WELL, (member("i-2", 3), "healthy", ""), (member("i-3"), "unhealthy", "x"))
    assert found == Watched(mark=("i-3",), clear=("i-2",))


def test_not_yet() -> None:
    assert look(WELL, ALSO_WELL, (member("i-3", 9.9), "unhealthy", "")).replace is None


@pytest.mark.parametrize("health", ["unhealthy", "unused", "unregistered"])
def test_long_unhealthy_it_is_replaced(health: str) -> None:
    found = look(WELL, ALSO_WELL, (member("i-3", 10), health, "Target.Timeout"))
    assert found.replace
    assert found.replace.instance == "i-3"
    assert found.mark == ()


def test_one_at_a_time_and_the_oldest_first() -> None:
    found = look(WELL, (member("i-2", 20), "unhealthy", ""), (member("i-3", 30), "unhealthy", ""))
    assert found.replace
    assert found.replace.instance == "i-3"


@pytest.mark.parametrize("health", ["initial", "draining"])
def test_not_while_another_is_on_its_way(health: str) -> None:
    found = look(WELL, (member("i-2"), health, ""), (member("i-3", 30), "unhealthy", ""))
    assert found.replace is None
    assert found.why == "of 3 servers 1 are healthy, and others on their way"


@pytest.mark.parametrize("health", ["unregistered", "unhealthy"])
def test_not_while_another_boots_whatever_is_said_of_it(health: str) -> None:
    young = nouns.instance("i-2", launched=START - timedelta(minutes=2))
    found = look(WELL, (young, health, ""), (member("i-3", 30), "unhealthy", ""))
    assert found.replace is None


def test_not_while_one_is_missing() -> None:
    assert look(WELL, (member("i-3", 30), "unhealthy", "")).replace is None


def test_one_too_many_may_go() -> None:
    """EC2 leaves those that it recommended to rebalance, and that left their target group."""
    found = look(WELL, ALSO_WELL, (member("i-3", 30), "unregistered", ""), capacity=2)
    assert found.replace
    assert found.replace.instance == "i-3"


def test_never_when_all_are() -> None:
    found = look(*((member(f"i-{n}", 30), "unhealthy", "Target.Timeout") for n in range(3)))
    assert found.replace is None
    assert found.why == "none of the 3 servers is healthy: that is not theirs alone"


@pytest.mark.parametrize(
    ("health", "reason"),
    [
        ("unused", "Target.NotInUse"),
        ("unhealthy", "Elb.InternalError"),
        ("unavailable", "Target.HealthCheckDisabled"),
    ],
)
def test_not_for_what_is_the_load_balancers(health: str, reason: str) -> None:
    found = look(WELL, ALSO_WELL, (member("i-3", 30), health, reason))
    assert (found.replace, found.mark) == (None, ())


def test_a_tag_that_is_no_time_is_written_anew() -> None:
    odd = nouns.instance("i-3", tags={t.UNHEALTHY_SINCE: "yesterday"})
    assert look(WELL, ALSO_WELL, (odd, "unhealthy", "")).mark == ("i-3",)


@given(
    st.lists(
        st.tuples(st.sampled_from(Health), st.none() | st.floats(0, 60)), min_size=1, max_size=6
    ),
    st.integers(1, 6),
)
def test_it_never_costs_a_healthy_one(
    seen: list[tuple[Health, float | None]], capacity: int
) -> None:
    found = look(
        *((member(f"i-{n}", age), health, "") for n, (health, age) in enumerate(seen)),
        capacity=capacity,
    )
    healthy = {f"i-{n}" for n, (health, _) in enumerate(seen) if health is Health.HEALTHY}
    if found.replace:
        assert healthy
        assert found.replace.instance not in healthy
        assert found.replace.since
        assert found.replace.since <= START - PATIENCE
    assert not healthy & {*found.mark}
    assert {*found.clear} <= healthy


def test_what_is_told() -> None:
    sick = Sick(instance="i-3", target=nouns.target("i-3", "unhealthy", "Target.Timeout"))
    sick = sick.model_copy(update={"since": START})
    event = event_of(FLEET, sick)
    assert event.name == "spotkiln.server.replaced"
    assert event.payload["since"] == "2024-05-01 12:00:00 UTC"
    page = unhealthy_page(FLEET, sick, "panic\n")
    assert page.startswith("# i-3 was replaced\n")
    assert "i-3 unhealthy (Target.Timeout), unhealthy since 2024-05-01 12:00:00 UTC" in page
    assert "panic" in page
