"""Tests run side by side: see tests/side_by_side.py."""

import pytest

from tests.side_by_side import ByFolder, in_order


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFolder:
    return ByFolder(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    in_order(items)
