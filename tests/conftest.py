"""Tests run side by side: see tests/side_by_side.py."""

import gc

import pytest

from tests.side_by_side import ByFolder, in_order

# Ten thousand tests are collected by each process, and nothing of that is garbage: the collector
# would look through all of it again and again, a third of the time that collecting takes.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFolder:
    return ByFolder(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    in_order(items)
