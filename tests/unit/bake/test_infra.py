"""What is found by name, and whether it fits."""

from contextlib import suppress
from typing import Any

import pytest

from spotkiln.bake.configuration import Configuration
from spotkiln.bake.fit import check_fit
from spotkiln.bake.infra import exactly_one, require_apart
from spotkiln.bake.infra_names import InfraNames
from spotkiln.errors import InputError
from tests.unit import nouns


def test_exactly_one() -> None:
    assert exactly_one("role", "here", "a", {"arn:a": 7}, ["a", "b"]) == 7


def test_none_lists_what_there_is() -> None:
    with pytest.raises(InputError) as caught:
        exactly_one("target group", "eu-west-1", "web", {}, ["website", "api"])
    assert str(caught.value) == (
        "no target group 'web' in eu-west-1; there are: api, website. Create it or name another"
    )


def test_none_among_none() -> None:
    with pytest.raises(InputError, match="there are: none"):
        exactly_one("key pair", "eu-west-1", "demo", {}, [])


def test_several_lists_all() -> None:
    with pytest.raises(InputError) as caught:
        exactly_one("security group", "vpc-1", "Rails App", {"sg-2": 2, "sg-1": 1}, ["Rails App"])
    assert str(caught.value) == (
        "expected exactly one security group 'Rails App' in vpc-1, found 2: sg-1, sg-2; "
        "rename all but one, or name another"
    )


def test_a_thousand_names_are_not_all_listed() -> None:
    with pytest.raises(InputError) as caught:
        exactly_one("key pair", "here", "x", {}, [f"key-{n}" for n in range(1000)])
    assert str(caught.value).count("key-") == 20


@pytest.mark.parametrize(
    "check", [{}, {"port": "3000"}, {"path": "/up?full=1"}, {"port": "3000", "path": "/up?"}]
)
def test_a_group_fits_the_application_that_it_asks_and_no_other(check: dict[str, Any]) -> None:
    group = nouns.target_group(health_check=nouns.health_check(**check))
    fitting = []
    for port, path in [(3000, "/up"), (3001, "/up"), (3000, "/u"), (3000, "/up/full")]:
        with suppress(InputError):
            check_fit(nouns.app(port=port, health_path=path), group)
            fitting.append((port, path))
    assert fitting == [(3000, "/up")]


@pytest.mark.parametrize(
    ("group", "check", "said"),
    [
        (
            {"target_type": "ip"},
            {},
            "its target type is 'ip', and what launches the servers registers",
        ),
        ({"protocol": "TCP"}, {}, "its protocol is TCP; expected HTTP"),
        ({"load_balancers": ()}, {}, "no load balancer forwards to it"),
        ({"port": 80}, {}, "it sends requests to port 80, demo-web-app listens on 3000"),
        ({}, {"port": "81"}, "it checks health on port 81, demo-web-app answers on 3000"),
        ({}, {"enabled": False}, "its health checks are disabled"),
        ({}, {"path": "/"}, "it asks for /, demo-web-app's health path is /up"),
        (
            {"protocol": "HTTPS"},
            {"protocol": "HTTPS", "path": "/"},
            "it asks for /, demo-web-app's health path is /up",
        ),
    ],
)
def test_what_does_not_fit(group: dict[str, Any], check: dict[str, Any], said: str) -> None:
    odd = nouns.target_group(health_check=nouns.health_check(**check), **group)
    with pytest.raises(InputError) as caught:
        check_fit(nouns.settled(), odd)
    assert str(caught.value).startswith("target group 'website' does not fit demo-web-app: ")
    assert said in str(caught.value)


def test_all_that_does_not_fit_is_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        check_fit(nouns.app(port=8080, health_path="/health"), nouns.target_group())
    assert "listens on 8080" in str(caught.value)
    assert "health path is /health" in str(caught.value)


def test_what_a_deployment_leaves_open_is_not_compared() -> None:
    """It may be in the commit; the rest of the target group must be right all the same."""
    check_fit(nouns.app(), nouns.target_group(port=8080))
    check_fit(nouns.app(port=8080), nouns.target_group(port=8080))
    with pytest.raises(InputError, match="listens on 9000"):
        check_fit(nouns.app(port=9000), nouns.target_group(port=8080))
    with pytest.raises(InputError, match="no load balancer"):
        check_fit(nouns.app(), nouns.target_group(load_balancers=()))


@pytest.mark.parametrize(
    ("health_port", "checked", "said"),
    [
        (None, "traffic-port", ""),
        (3000, "3000", ""),
        (9090, "9090", ""),
        (9090, "traffic-port", "it checks health on the port of its traffic, .* answers on 9090"),
        (9090, "3000", "it checks health on port 3000, demo-web-app answers on 9090"),
        (None, "9090", "it checks health on port 9090, demo-web-app answers on 3000"),
    ],
)
def test_the_health_check_asks_at_the_port_that_answers(
    health_port: int | None, checked: str, said: str
) -> None:
    """Once the commit is known; what a deployment leaves open may be in there."""
    group = nouns.target_group(health_check=nouns.health_check(port=checked))
    check_fit(nouns.app(port=3000), group)
    if not said:
        check_fit(nouns.settled(health_port=health_port), group)
        return
    for app in (nouns.settled(health_port=health_port), nouns.app(health_port=health_port)):
        if app.health_port is not None:
            with pytest.raises(InputError, match=said):
                check_fit(app, group)


PRODUCTION = Configuration(parameters=("/shop/production/",), secrets=("shop/production",))
TESTS = Configuration(parameters=("/shop/test/",))


def apart(
    asked: Configuration = PRODUCTION,
    tests: Configuration = TESTS,
    builders: str = "",
    **names: Any,
) -> None:
    require_apart(InfraNames(**names), builders, asked, tests)


def test_a_machine_that_tests_apart_from_the_servers() -> None:
    apart(test_instance_profile="image-test", test_security_groups=["tests"])
    apart(builders="builder")
    apart(tests=Configuration())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"test_instance_profile": "website"}, "'website' (infra.test_instance_profile)"),
        ({"builders": "website"}, "'website' (the builder's) is the servers' own"),
        (
            {"builders": "builder", "test_security_groups": ["tests", "Rails App"]},
            "infra.test_security_groups has the servers' Rails App: name groups of its own",
        ),
        (
            {"builders": "builder", "tests": PRODUCTION},
            "test_configuration and configuration both read /shop/production/, shop/production",
        ),
        ({}, "it is to read /shop/test/ with a role of its own, and has none"),
    ],
)
def test_a_machine_that_tests_with_what_the_servers_have_is_refused(
    given: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError, match="must not reach what the servers reach") as refused:
        apart(**given)
    assert told in str(refused.value)
