"""The listener for smoke tests."""

import pytest

from spotkiln.aws.serve.smoke import find_smoke_listener, point_at
from spotkiln.aws.serve.weights import find_rules
from spotkiln.bake.infra import SmokeListener
from spotkiln.errors import InputError
from tests.unit.serve.shifting import (
    BLUE,
    GREEN,
    RULES,
    TESTS,
    Balancer,
    balancer,
    forward,
    infra,
    quiet,
)

__all__ = ["balancer", "quiet"]


def test_the_listener_for_smoke_tests(balancer: Balancer) -> None:
    found = find_smoke_listener(balancer.aws(), BLUE, GREEN, 8081)
    assert found == SmokeListener(arn=TESTS, url="http://shop.example:8081")
    assert point_at(balancer.aws(), infra(), BLUE) == "http://shop.example:8081"
    assert balancer.tests == [{"Type": "forward", "TargetGroupArn": BLUE.arn}]
    with pytest.raises(InputError, match=r"a listener of port 9090.* has 443, 8081"):
        find_smoke_listener(balancer.aws(), BLUE, GREEN, 9090)
    balancer.tests = [{"Type": "forward", "TargetGroupArn": f"{BLUE.arn}-other"}]
    with pytest.raises(InputError, match="does more than to forward to website or website-green"):
        find_smoke_listener(balancer.aws(), BLUE, GREEN, 8081)


def test_its_rule_is_none_of_the_pair_s(balancer: Balancer) -> None:
    balancer.tests = [forward(0, 100)]
    assert find_rules(balancer.aws(), BLUE, GREEN, without=TESTS) == RULES
    assert len(find_rules(balancer.aws(), BLUE, GREEN)) == 3
