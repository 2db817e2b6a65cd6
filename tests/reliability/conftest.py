"""One world for all of this folder: a Prefect server, a sandbox with simulated machines, two target
groups. LONG=1 in the environment also plays what takes minutes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.load import Load
from tests.reliability.world import World

GROUPS = {"target_groups": ["website", "blog"]}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and "running_world" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.sandbox)
            item.add_marker(pytest.mark.prefect)


long = pytest.mark.skipif(not os.environ.get("LONG"), reason="takes minutes: set LONG=1")


@pytest.fixture(scope="package")
def running_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("world"), account=GROUPS, others=True) as world:
        yield world


@pytest.fixture
def world(running_world: World) -> Iterator[World]:
    """v1 serves `website`; whatever a test leaves must be nothing."""
    running_world.box.forget_ended()
    if not running_world.account.serving():
        assert running_world.release("v1")["outcome"] == "released"
    yield running_world
    running_world.box.clear_faults()
    running_world.box.clear_capacity()
    running_world.box.late_launches(None)
    assert running_world.settled().problems() == []


@pytest.fixture
def load(running_world: World) -> Iterator[Load]:
    with Load(running_world.box.load_balancer("website")) as load:
        yield load
