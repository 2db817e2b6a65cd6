"""Which further target groups the same servers can join, and what is told of them."""

from typing import Any

import pytest
from pydantic import ValidationError

from spotkiln.bake.further import check_further, doubts, in_words
from spotkiln.bake.infra_names import InfraNames
from spotkiln.errors import InputError
from tests.unit import nouns
from tests.unit.nouns import GROUP

FIRST = nouns.target_group()
INNER = GROUP.replace("website/1", "website-internal/2")
INTERNAL = nouns.target_group(arn=INNER, name="website-internal")
LISTENS = (
    "demo-web-app says that it listens on 3000, so something on the server must listen there, too"
)
EMPTY = "it has no servers of website once the old ones have drained"
ZONES = ("eu-west-1a", "eu-west-1b")


def test_names_may_be_four_others() -> None:
    assert InfraNames(also_behind=["a", "b", "c", "d"]).also_behind == ["a", "b", "c", "d"]
    with pytest.raises(ValidationError, match="at most 4"):
        InfraNames(also_behind=["a", "b", "c", "d", "e"])


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ({"also_behind": ["a", "b", "a"]}, "also_behind names a twice"),
        ({"also_behind": ["website"]}, "also_behind names website, which is target_group"),
        (
            {"also_behind": ["a"], "second_target_group": "website-green"},
            "also_behind and second_target_group do not go together: in the further target groups",
        ),
    ],
)
def test_each_group_is_named_once(names: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        InfraNames(**names)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"vpc": "vpc-2"}, "it is in vpc-2, and website with its servers in vpc-1"),
        ({"target_type": "ip"}, "its target type is 'ip'"),
        ({"protocol": "TCP"}, "its protocol is TCP; expected HTTP"),
        ({"load_balancers": ()}, "no load balancer forwards to it"),
        ({"health_check": nouns.health_check(enabled=False)}, "its health checks are disabled"),
    ],
)
def test_what_cannot_have_the_servers_is_refused(changes: dict[str, Any], says: str) -> None:
    check_further(FIRST, INTERNAL, ZONES, {*ZONES, "eu-west-1c"})
    with pytest.raises(InputError, match=f"'website-internal' of infra.also_behind .*{says}"):
        check_further(FIRST, INTERNAL.model_copy(update=changes), ZONES, ZONES)


def test_its_load_balancer_must_be_where_the_servers_are() -> None:
    with pytest.raises(InputError, match="sends no requests to eu-west-1b, where servers run"):
        check_further(FIRST, INTERNAL, ZONES, ["eu-west-1a"])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        (
            {"port": 8081},
            [f"website-internal sends requests to port 8081: {LISTENS}"],
        ),
        (
            {"health_check": nouns.health_check(port="9000")},
            ["website-internal checks health on port 9000, which must answer on the server, too"],
        ),
        (
            {"health_check": nouns.health_check(path="/internal")},
            ["website-internal asks for /internal and not for /up: both must answer well"],
        ),
    ],
)
def test_what_the_application_does_not_say_is_told(
    changes: dict[str, Any], told: list[str]
) -> None:
    found = nouns.infra(also=(INTERNAL.model_copy(update=changes),))
    app = nouns.settled(port=3000, health_path="/up")
    assert doubts(app, found) == told
    # What a deployment leaves open is in the commit.
    assert doubts(nouns.app(), found) == []


def test_a_health_port_of_its_own_may_have_requests_too() -> None:
    group = INTERNAL.model_copy(update={"port": 3001})
    app = nouns.settled(port=3000, health_port=3001, health_path="/up")
    assert doubts(app, nouns.infra(also=(group,))) == []


def test_a_plan_tells_what_servers_join_and_leave() -> None:
    found = nouns.infra(also=(INTERNAL,))
    assert in_words(found, ["website-internal"]) == ["also behind website-internal, port 3000"]
    assert in_words(found, ["website-admin"]) == [
        "also behind website-internal, port 3000: for the first time",
        f"not behind website-admin any more: {EMPTY}",
    ]
    assert in_words(nouns.infra(), []) == []
