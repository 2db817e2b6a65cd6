"""Which target the load balancer sends a request to."""

import pytest

from sandbox.balancing.headers import end_to_end
from sandbox.balancing.load_balancer import pick
from sandbox.balancing.routes import (
    Rule,
    Share,
    TargetRoute,
    TargetStateName,
    rule_for,
    share_for,
)
from tests.sandbox.balanced import route


def test_healthy_targets_take_turns() -> None:
    routes = [route("a", "healthy"), route("b", "unhealthy"), route("c", "healthy")]
    picked = [pick(routes, turn) for turn in range(4)]
    assert [found.instance_id for found in picked if found] == ["a", "c", "a", "c"]


def test_without_a_healthy_one_all_registered_ones_get_requests() -> None:
    routes = [route("a", "initial"), route("b", "unhealthy"), route("c", "draining")]
    picked = {found.instance_id for turn in range(6) if (found := pick(routes, turn))}
    assert picked == {"a", "b"}


@pytest.mark.parametrize("state", ["draining", "unused"])
def test_leaving_targets_get_nothing(state: TargetStateName) -> None:
    assert pick([route("a", state)], 0) is None


def test_a_target_without_an_address_is_passed_over() -> None:
    assert pick([TargetRoute("a", 3000, "healthy", None)], 0) is None


def to(name: str) -> tuple[Share, ...]:
    return (Share(name, ()),)


@pytest.mark.parametrize(
    ("host", "path", "group"),
    [
        ("a.preview.example.com", "/", "a"),
        ("A.Preview.Example.com:8080", "/x", "a"),
        ("b.preview.example.com", "/", "wild"),
        ("preview.example.com", "/", "rest"),
        ("example.com", "/api/x", "api"),
        ("x[1].example.com", "/", "odd"),
        ("x1.example.com", "/", "rest"),
        ("", "/", "rest"),
    ],
)
def test_the_first_rule_that_fits_decides(host: str, path: str, group: str) -> None:
    rules = [
        Rule(to("a"), hosts=("a.preview.example.com",)),
        Rule(to("api"), hosts=("example.com",), paths=("/api/*",)),
        Rule(to("wild"), hosts=("*.preview.example.com",)),
        Rule(to("odd"), hosts=("x[1].example.com",)),
        Rule(to("rest")),
    ]
    found = rule_for(rules, host, path)
    assert found is not None
    assert found.shares[0].group == group


def test_requests_are_shared_out_by_weight() -> None:
    shares = (Share("old", (), 90), Share("new", (), 10), Share("none", (), 0))
    taken = [found.group for turn in range(100) if (found := share_for(shares, turn))]
    assert (taken.count("new"), taken.count("none")) == (10, 0)
    assert "new" in taken[:20]
    assert share_for((Share("none", (), 0),), 3) is None


def test_headers_of_one_connection_stay_there() -> None:
    headers = {"Connection": "close, X-Mine", "X-Mine": "1", "TE": "trailers", "Accept": "*/*"}
    assert dict(end_to_end(headers)) == {"Accept": "*/*"}
