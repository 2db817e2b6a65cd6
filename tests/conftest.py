"""Which tests run side by side, under `pytest --numprocesses`.

Tests of one folder share a world (a Prefect server, a sandbox), so one process runs them, one after
the other; only tests/unit has none. Those with real machines, but for the demo's, run in one
process too: two cores boot no more at once. What takes longest starts first, for in the end
nothing is left to run beside it.
"""

from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadScopeScheduling

LONGEST_FIRST = (
    "release",
    "demo",
    "machines",
    "team",
    "browser",
    "reliability",
    "cli",
    "approval",
    "nightly",
)


def group_of(nodeid: str) -> str:
    """Of a test, as `tests/cli/test_worker.py::test_told_twice_it_ends_at_once`."""
    path = PurePosixPath(nodeid.partition("::")[0])
    real = path.match("images/*") or path.match("test_docker_*")
    if real:
        return "machines"
    # Those of one room share nothing.
    return "/".join(path.parts[1:]) if path.parts[1] == "unit" else path.parts[1]


class ByFolder(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFolder:
    return ByFolder(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {group: rank for rank, group in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: ranks.get(group_of(item.nodeid), len(ranks)))
