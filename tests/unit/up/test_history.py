"""What schedules have planned while nothing ran is not made up for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from examples.up.history import is_missed

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def run(minutes: float, *, scheduled: bool = True) -> dict[str, Any]:
    when = NOW + timedelta(minutes=minutes)
    return {"auto_scheduled": scheduled, "expected_start_time": when.isoformat()}


@pytest.mark.parametrize(
    ("one", "schedules", "missed"),
    [
        (run(-1), True, True),
        (run(1), True, False),
        (run(1), False, True),
        # What a person has asked for is done, however late.
        (run(-1, scheduled=False), True, False),
        (run(-1, scheduled=False), False, False),
    ],
)
def test_only_a_schedules_run_is_dropped(
    one: dict[str, Any], schedules: bool, missed: bool
) -> None:
    assert is_missed(one, NOW, schedules=schedules) is missed
