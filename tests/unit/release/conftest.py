"""Flows without Prefect."""

from pathlib import Path

import pytest

from tests.unit.release.paths import World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    monkeypatch.setenv("SPOTKILN_HOME", str(tmp_path))
    return World(monkeypatch)
