"""Instances and their health."""

import pytest

from spotkiln.target import Health, Target
from tests.unit.nouns import instance


@pytest.mark.parametrize(
    ("state", "live", "gone"),
    [
        ("pending", True, False),
        ("running", True, False),
        ("stopping", False, False),
        ("stopped", False, False),
        ("shutting-down", False, False),
        ("terminated", False, True),
    ],
)
def test_states(state: str, live: bool, gone: bool) -> None:
    one = instance("i-1", state)
    assert (one.live, one.gone) == (live, gone)


@pytest.mark.parametrize(
    ("code", "interrupted"),
    [
        ("Server.SpotInstanceTermination", True),
        ("Server.SpotInstanceShutdown", True),
        ("Client.InstanceInitiatedShutdown", False),
        ("Server.InsufficientInstanceCapacity", False),
        ("", False),
    ],
)
def test_interrupted(code: str, interrupted: bool) -> None:
    assert instance("i-1", "terminated", code).interrupted is interrupted


def test_a_target_reads_as_a_sentence() -> None:
    bad = Target(
        instance="i-1",
        health=Health.UNHEALTHY,
        reason="Target.ResponseCodeMismatch",
        description="Health checks failed with these codes: [500]",
    )
    assert str(bad) == (
        "i-1 unhealthy (Target.ResponseCodeMismatch: Health checks failed with these codes: [500])"
    )
    assert str(Target(instance="i-2", health=Health.HEALTHY)) == "i-2 healthy"
