"""While both versions serve, a page of one does not ask the other for its stylesheet, if visitors
are kept with one of them; nor does anybody go back and forth between the two."""

import subprocess

import pytest

from tests.traffic.pair import Pair
from tests.traffic.visits import Visitor

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

HALF = {"steps": ["20 % for 30 s", "60 % for 30 s", "100 %"]}


def visits_during(pair: Pair, ref: str, sticky_seconds: int) -> tuple[Visitor, Visitor]:
    """A release with visitors: those who come once, and one who comes again."""
    address = pair.world.box.load_balancer("website")
    with Visitor(address, returns=False) as new, Visitor(address, returns=True) as again:
        made = pair.release(ref, f"sticky {sticky_seconds}", sticky_seconds=sticky_seconds, **HALF)
    assert made["outcome"] == "released", made
    assert new.failures == again.failures == []
    assert len({one.page for one in new.seen}) == 2
    return new, again


def others(pair: Pair) -> tuple[str, str]:
    """First the version that does not serve now."""
    commit = pair.world.settled(pair.active).commit
    command = ["git", "-C", str(pair.world.repository), "rev-parse", "v1^{commit}"]
    v1 = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    return ("v2", "v1") if commit == v1 else ("v1", "v2")


def test_a_page_has_its_stylesheet_and_a_visitor_one_version(pair: Pair) -> None:
    first, second = others(pair)
    free, _ = visits_during(pair, first, 0)
    assert free.broken != []
    pair.world.box.clear_calls()
    new, again = visits_during(pair, second, 200)
    print(f"free: {len(free.broken)} of {len(free.seen)} pages without their stylesheet")
    print(f"sticky: {len(new.broken)} of {len(new.seen)}, {len(again.broken)} of {len(again.seen)}")
    assert new.broken == again.broken == []
    # From the old one to the new one, once.
    assert len(again.versions) <= 2
    # First the cookies, then the weights.
    assert [one[0] for one in pair.changes()] in ([0, 20, 60, 100], [100, 80, 40, 0])
