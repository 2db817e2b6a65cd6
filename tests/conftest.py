"""Which tests run side by side, under `pytest --numprocesses`.

Tests of one folder share a world (a Prefect server, a sandbox), so one process runs them, one after
the other. Those with real machines run in one process too: two cores boot no more at once. What
takes longest starts first, for nothing is left then to run beside it.
"""

from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadScopeScheduling

LONGEST_FIRST = ("release", "demo", "machines", "team", "browser", "reliability", "nightly", "cli")


def group_of(file: str) -> str:
    """Of a file, as `tests/cli/test_worker.py`."""
    path = PurePosixPath(file)
    real = path.match("images/*") or path.match("test_docker_*")
    return "machines" if real else path.parts[1]


class ByFolder(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFolder:
    return ByFolder(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {group: rank for rank, group in enumerate(LONGEST_FIRST)}
    groups = {item: group_of(item.nodeid.partition("::")[0]) for item in items}
    items.sort(key=lambda item: ranks.get(groups[item], len(ranks)))
