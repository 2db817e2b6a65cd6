"""One world for all of this folder: a sandbox with simulated machines, a Prefect server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.scenarios import INSIDE
from tests.reliability.world import MACHINES, STAND_IN, World


@pytest.fixture(scope="package")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home: Path = tmp_path_factory.mktemp("release")
    # The second is staging's, where there is one; the third is for the same servers as the first.
    website = {"name": "website", "stack": {"AlsoBehind": INSIDE}}
    inside = {"name": INSIDE, "port": 3001, "by_hand": True}
    with World(home, account={"target_groups": [website, "blog", inside]}) as world:
        yield world


@pytest.fixture
def world(started: World) -> Iterator[World]:
    """Quiet again after each test: no faults, no limits, machines as they were."""
    started.box.clear_calls()
    started.box.forget_ended()
    yield started
    started.box.clear_faults()
    started.box.clear_capacity()
    started.box.clear_scripts()
    started.box.script(**MACHINES, **STAND_IN)
