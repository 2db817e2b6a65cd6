"""While both versions serve, a page of one does not ask the other for its stylesheet, if visitors
are kept with one of them; nor does anybody go back and forth between the two."""

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


def test_a_page_has_its_stylesheet_and_a_visitor_one_version(pair: Pair) -> None:
    free, _ = visits_during(pair, "v2", 0)
    assert free.broken != []
    pair.world.box.clear_calls()
    new, again = visits_during(pair, "v1", 100)
    print(f"free: {len(free.broken)} of {len(free.seen)} pages without their stylesheet")
    print(f"sticky: {len(new.broken)} of {len(new.seen)}, {len(again.broken)} of {len(again.seen)}")
    assert new.broken == again.broken == []
    # From the old one to the new one, once.
    assert len(again.versions) <= 2
    # First the cookies, then the weights.
    assert [one[0] for one in pair.changes()] in ([0, 20, 60, 100], [100, 80, 40, 0])
