"""A pair of target groups is one environment: known by the first, wherever the servers are."""

from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.bake.infra import Infra, TargetGroup, check_pair
from spotkiln.errors import InputError
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.order import Order
from spotkiln.serve.serving import newest_serving, retirees, serving
from spotkiln.serve.spec import FleetSpec
from tests.unit import nouns

FIRST = nouns.target_group()
SECOND = nouns.target_group(arn=f"{FIRST.arn}-2", name="website-green")


def pair() -> Infra:
    return nouns.infra(second=SECOND)


def fleet(name: str, group: TargetGroup, **changes: Any) -> Fleet:
    """As a launcher tells of it."""
    tags = {t.PHASE: "serving", t.PAIR: FIRST.arn} if group is SECOND else {t.PHASE: "serving"}
    told = nouns.fleet(name, **changes).model_dump()
    return Fleet.model_validate(
        {**told, "target_groups": (group.arn,), "tags": {**told["tags"], **tags}}
    )


def test_a_fleet_in_the_second_group_counts_for_the_first() -> None:
    found = fleet("sfr-2", SECOND)
    assert found.target_groups == (FIRST.arn,)
    assert found.group == found.registered == SECOND.arn
    assert found.group_names == {"website"}
    # It is so, too, after it was kept as text.
    assert Fleet.model_validate_json(found.model_dump_json()) == found


def test_without_the_tag_a_fleet_counts_where_it_is() -> None:
    alone = fleet("sfr-1", FIRST)
    assert (alone.group, alone.registered) == (FIRST.arn, "")
    assert alone.target_groups == (FIRST.arn,)


def test_one_of_the_two_serves_and_replaces_the_other() -> None:
    old, new = fleet("sfr-1", FIRST), fleet("sfr-2", SECOND)
    line = serving([old, new], FIRST.arn)
    assert {one.id for one in line} == {"sfr-1", "sfr-2"}
    assert list(newest_serving([old, new])) == [FIRST.arn]
    assert [one.id for one in retirees([old, new], FIRST.arn, line[0])] == [line[1].id]


def test_what_is_launched_into_the_second_group_is_known_by_the_first() -> None:
    into = pair().into("website-green")
    assert (into.target_group, into.home, into.second) == (SECOND, FIRST, None)
    assert pair().into("website") == pair()
    assert nouns.infra().into("website").home == FIRST
    order = Order(
        wanted=FleetSpec(), asked=FleetSpec(), image=nouns.image(), infra=into, tags=nouns.TAGS
    )
    assert order.fleet_tags[t.PAIR] == FIRST.arn
    alone = order.model_copy(update={"infra": pair()})
    assert t.PAIR not in alone.fleet_tags
    # Where its servers are is no setting of theirs.
    assert alone.fleet_tags[t.SETTINGS] == order.fleet_tags[t.SETTINGS]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"port": 4000}, "port: 3000 and 4000"),
        ({"deregistration_delay": 300}, "deregistration delay: 5 and 300"),
        ({"health_check": nouns.health_check(path="/other")}, "health check: "),
        ({"sticky": True}, "website-green keeps visitors with one server"),
    ],
)
def test_a_pair_must_be_alike(changes: dict[str, Any], says: str) -> None:
    check_pair(FIRST, SECOND)
    with pytest.raises(InputError, match=says):
        check_pair(FIRST, SECOND.model_copy(update=changes))
