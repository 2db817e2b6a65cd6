"""The command's own calls are answered by the same stand-in for Prefect's API as the door's."""

import time
from collections.abc import Iterator

import pytest

from tests.unit.prefect_api.conftest import fake

__all__ = ["fake"]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times are shown as they are on this machine."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
