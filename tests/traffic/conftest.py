"""One world for this folder: two target groups behind the rules of one listener."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spotkiln.aws.serve.split import split
from tests.traffic.pair import TEST_PORT, Pair, PairWorld


@pytest.fixture(scope="package")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PairWorld]:
    home: Path = tmp_path_factory.mktemp("traffic")
    with PairWorld(home) as world:
        elbv2 = world.account.elbv2
        listener = Pair(world).listener
        # One rule beside the default one: both have weights then.
        own = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/up"]}}
        elbv2.create_rule(
            ListenerArn=listener,
            Priority=10,
            Conditions=[own],
            Actions=[{"Type": "forward", "TargetGroupArn": world.account.group_arn("website")}],
        )
        said: list[str] = []
        aws: Any = Pair(world)
        for _ in range(2):  # it can be repeated
            split(aws, "website", "website-green", said.append)
        assert said[0] == "made target group website-green, like website"
        assert len([one for one in said if "forwards to both" in one]) == 2
        elbv2.create_listener(
            LoadBalancerArn=Pair(world).balancer,
            Protocol="HTTP",
            Port=TEST_PORT,
            DefaultActions=[
                {"Type": "forward", "TargetGroupArn": world.account.group_arn("website-green")}
            ],
        )
        yield world


@pytest.fixture
def pair(started: PairWorld) -> Iterator[Pair]:
    """One of them serves; whatever a test leaves must be nothing."""
    started.box.forget_ended()
    pair = Pair(started)
    if not pair.serving:
        assert pair.release("v1")["outcome"] == "released"
    started.box.clear_calls()
    yield pair
    started.box.clear_faults()
    pair.clear_metrics()
    assert pair.problems() == []
