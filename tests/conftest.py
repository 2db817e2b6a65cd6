"""Tests run side by side (tests/side_by_side.py), leave no process behind (tests/started.py), and
tell what they cost (tests/meter.py)."""

import gc
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests import meter, started
from tests.side_by_side import ByFolder, folder_of, group_of, in_order

METER = pytest.StashKey[meter.Meter]()
# By folder, of all processes that run tests.
SPENT = pytest.StashKey[dict[str, float]]()

# Ten thousand tests are collected by each process, and nothing of that is garbage: the collector
# would look through all of it again and again, a third of the time that collecting takes.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFolder:
    return ByFolder(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    in_order(items)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SPENT] = {}
    # The one that only gives tests to others starts those: its mark would be theirs as well.
    if not getattr(config.option, "numprocesses", None):
        config.stash[METER] = meter.Meter(started.begin())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    result = yield
    # To look at all processes for each test would be dear.
    if meter.asked() and (nextitem is None or nextitem.path != item.path):
        item.config.stash[METER].read(folder_of(group_of(item.nodeid)))
    return result


def add(config: pytest.Config, spent: Mapping[str, float]) -> None:
    known = config.stash[SPENT]
    for folder, seconds in spent.items():
        known[folder] = known.get(folder, 0) + seconds


def pytest_sessionfinish(session: pytest.Session) -> None:
    own = session.config.stash.get(METER, None)
    if meter.asked() and own:
        add(session.config, own.folders)
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["spent"] = dict(own.folders)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """One of those who ran tests has ended."""
    spent = getattr(node, "workeroutput", {}).get("spent", {})
    add(node.config, spent)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if spent := config.stash[SPENT]:
        terminalreporter.section("processor time")
        for line in meter.table(spent):
            terminalreporter.line(line)
