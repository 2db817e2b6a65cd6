"""A Prefect server and a receiver for all of this folder; tests use repositories of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.receiver.service import Server, Service, environment_of


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and "server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.prefect)


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("prefect"))
    yield server
    server.stop()


@pytest.fixture(scope="package")
def receiver(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("receiver"), environment_of(server)) as service:
        yield service


@pytest.fixture
def repository(tmp_path: Path) -> str:
    """One that no other test's deployments listen to."""
    return f"https://git.example.com/team/{tmp_path.name}.git"
