"""A sandbox with simulated machines, one process for this folder, a hundred times as fast."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.client import Sandbox
from tests.sandbox.account import Account

SPEED = 100


@pytest.fixture(scope="package")
def running_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    directory: Path = tmp_path_factory.mktemp("sandbox")
    with Sandbox.start(directory, machines="simulated", speed=SPEED) as box:
        yield box


@pytest.fixture
def box(running_box: Sandbox) -> Iterator[Sandbox]:
    """Without faults, limits or scripts of an earlier test."""
    running_box.clear_calls()
    yield running_box
    running_box.clear_faults()
    running_box.clear_limits()
    running_box.date_ahead(0)
    running_box.clear_capacity()
    running_box.late_launches(None)
    running_box.clear_scripts()


@pytest.fixture(scope="package")
def running_account(running_box: Sandbox) -> Account:
    return Account(running_box)


@pytest.fixture
def account(box: Sandbox, running_account: Account) -> Iterator[Account]:
    """boto3 clients for it, and shorthands; what a test makes is gone afterwards."""
    yield running_account
    box.clear_faults()
    running_account.remove_everything()


@pytest.fixture
def quick(box: Sandbox) -> None:
    """Machines that boot, serve and stop within seconds of the sandbox's time."""
    box.script(boot_seconds=5, serve_seconds=5, stop_seconds=3)
