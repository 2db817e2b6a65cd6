"""The product's AWS layer against a sandbox with simulated machines; no Prefect."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.client import Sandbox
from spotkiln.aws.session import Aws, connect
from tests.sandbox.account import Account

SPEED = 100


@pytest.fixture(scope="package")
def running_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    directory: Path = tmp_path_factory.mktemp("sandbox")
    with Sandbox.start(directory, machines="simulated", speed=SPEED) as box:
        box.script(boot_seconds=1, serve_seconds=1, stop_seconds=1, image_seconds=1)
        yield box


@pytest.fixture
def account(running_box: Sandbox) -> Iterator[Account]:
    """An account that is empty before each test."""
    running_box.reset()
    running_box.script(boot_seconds=1, serve_seconds=1, stop_seconds=1, image_seconds=1)
    yield Account(running_box)


@pytest.fixture(scope="package")
def aws(running_box: Sandbox) -> Iterator[Aws]:
    """One set of clients for all tests: reading botocore's models takes most of a second."""
    with pytest.MonkeyPatch.context() as patch:
        for key, value in running_box.environment.items():
            patch.setenv(key, value)
        yield connect.__wrapped__("eu-west-1")
