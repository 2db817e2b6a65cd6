"""What AWS tells of a configuration."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from spotkiln.aws.bake import configuration

CHANGED = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)


class ParameterStore:
    """botocore gives each moment in the time zone of the machine that asks."""

    def __init__(self, zone: timezone) -> None:
        self._changed = CHANGED.astimezone(zone)

    def get_paginator(self, _: str) -> "ParameterStore":
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        one = {"Name": "/shop/production/A", "Version": 2, "LastModifiedDate": self._changed}
        return [{"Parameters": [one]}]


def test_a_version_is_the_same_wherever_one_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts among the servers' settings: another one launches them anew."""
    seen = []
    for hours in (0, 1, -8):
        store = ParameterStore(timezone(timedelta(hours=hours)))
        monkeypatch.setattr(configuration, "client_of", lambda *_, store=store: store)
        seen += configuration.parameters(None, "/shop/production/")  # type: ignore[arg-type]
    assert [one.version for one in seen] == ["2 of 2026-11-26 01:00:00+00:00"] * 3
