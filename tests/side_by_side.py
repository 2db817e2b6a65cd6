"""Which process runs which tests next, under `pytest --numprocesses`.

Tests of a folder share a world (a Prefect server, a sandbox) that each process starts for itself.
So a process stays in its folder while there is something left to do there, then opens the longest
folder that nobody is in. In the end, when all are open, it starts a second world for the files of
one of them.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadScopeScheduling

LONGEST_FIRST = (
    "release",
    "up",
    "demo",
    "team",
    "machines",
    "reliability",
    "browser",
    "cli",
    "approval",
    "nightly",
    "receiver",
    "traffic",
    "wheel",
    "sandbox",
    "aws",
    # Many short files, which in the end keep all processes busy.
    "unit",
)
# Their files need nothing of each other but the world, so that several processes can share them.
BY_FILE = {"demo", "release", "reliability", "sandbox", "unit", "up"}


def group_of(nodeid: str) -> str:
    """What is run by one process, one after the other. Of a test, as
    `tests/cli/test_worker.py::test_told_twice_it_ends_at_once`."""
    path = PurePosixPath(nodeid.partition("::")[0])
    # Those with real machines: two cores boot no more at once.
    if path.match("images/*") or path.match("test_docker_*"):
        return "machines"
    folder = path.parts[1]
    return "/".join(path.parts[1:]) if folder in BY_FILE else folder


def folder_of(group: str) -> str:
    return group.partition("/")[0]


def rank(group: str) -> int:
    folder = folder_of(group)
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


def choose(waiting: Sequence[str], here: str, open_ones: set[str]) -> str:
    """One of the waiting groups, for a process that is in the folder `here`. `open_ones`: folders
    that some process is in."""
    for group in waiting:
        if folder_of(group) == here:
            return group
    for group in sorted(waiting, key=rank):
        if folder_of(group) not in open_ones:
            return group
    # The folder with the most left to do.
    left = [folder_of(group) for group in waiting]
    return max(waiting, key=lambda group: left.count(folder_of(group)))


class ByFolder(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def _assign_work_unit(self, node: object) -> None:
        at = {one: folder_of(list(work)[-1]) for one, work in self.assigned_work.items() if work}
        group = choose(list(self.workqueue), at.get(node, ""), set(at.values()))
        self.workqueue.move_to_end(group, last=False)
        super()._assign_work_unit(node)


def in_order(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: rank(group_of(item.nodeid)))
