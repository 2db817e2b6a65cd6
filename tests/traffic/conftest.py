"""One world for this folder: two target groups behind the rules of one listener."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.traffic.pair import Pair, PairWorld


@pytest.fixture(scope="package")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PairWorld]:
    home: Path = tmp_path_factory.mktemp("traffic")
    with PairWorld(home) as world:
        yield world


@pytest.fixture
def pair(started: PairWorld) -> Iterator[Pair]:
    """One of them serves; whatever a test leaves must be nothing."""
    started.box.forget_ended()
    pair = Pair(started)
    if not pair.serving:
        assert pair.release("v1")["outcome"] == "released"
    started.box.clear_calls()
    yield pair
    started.box.clear_faults()
    pair.clear_metrics()
    assert pair.problems() == []
