"""Rules of a listener: which priority is free, and what stands before it."""

import pytest

from spotkiln.errors import InputError
from spotkiln.serve.rules import (
    MOST_PRIORITY,
    Listener,
    Rule,
    choose_listener,
    free_priority,
    require_reached,
)

HOST = "a.preview.example.com"


def rule(priority: int | None, *hosts: str, narrow: bool = False) -> Rule:
    return Rule(arn=f"rule-{priority}", priority=priority, hosts=hosts, narrow=narrow)


def listener(port: int, protocol: str = "HTTP", *groups: str) -> Listener:
    return Listener(arn=f"listener-{port}", protocol=protocol, port=port, groups=groups)


def test_the_first_free_priority_is_taken() -> None:
    rules = [rule(None), rule(5), rule(6), rule(8)]
    assert free_priority(rules, 5) == 7
    assert free_priority(rules, 1) == 1
    # Somebody else was quicker.
    assert free_priority(rules, 5, {7}) == 9
    assert free_priority([rule(MOST_PRIORITY - 1)], MOST_PRIORITY - 1) == MOST_PRIORITY
    with pytest.raises(InputError, match="begin lower"):
        free_priority([rule(MOST_PRIORITY)], MOST_PRIORITY)


@pytest.mark.parametrize(
    "before",
    [
        rule(9, "*.preview.example.com"),
        rule(9, "A.Preview.example.com"),
        rule(9, "x.example.com", "?.preview.*"),
        rule(9),
    ],
)
def test_a_rule_before_it_that_takes_the_host_is_an_error(before: Rule) -> None:
    with pytest.raises(InputError, match="rule 9 of the listener takes"):
        require_reached([before], HOST, 10)


@pytest.mark.parametrize(
    "other",
    [
        rule(11, "*.preview.example.com"),
        rule(None),
        rule(9, "b.preview.example.com"),
        rule(9, "*.preview.example.com", narrow=True),
        rule(9, narrow=True),
    ],
)
def test_others_are_none_of_its_business(other: Rule) -> None:
    require_reached([other], HOST, 10)


def test_the_listener_that_forwards_to_the_group_is_taken() -> None:
    group = "arn:aws:x:targetgroup/website/1"
    plain, secure = listener(80, "HTTP", group), listener(443, "HTTPS", group)
    redirects = listener(8080)
    assert choose_listener([redirects, plain, secure], group, 0) == secure
    assert choose_listener([redirects, plain], group, 0) == plain
    assert choose_listener([redirects, plain, secure], group, 8080) == redirects
    with pytest.raises(InputError, match="no listener that forwards to website; there are: HTTP:8"):
        choose_listener([redirects], group, 0)
    with pytest.raises(InputError, match="no listener on port 1"):
        choose_listener([plain], group, 1)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (listener(80), "http://h"),
        (listener(8080), "http://h:8080"),
        (listener(443, "HTTPS"), "https://h"),
        (listener(8443, "HTTPS"), "https://h:8443"),
    ],
)
def test_an_address_tells_how_to_get_there(one: Listener, expected: str) -> None:
    assert one.url.format(host="h") == expected
