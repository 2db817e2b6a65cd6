"""Programs that others wrote for AWS, against the sandbox.

They are installed outside the repository: `make clients` does so and runs these tests. Without it
they are skipped.
"""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from sandbox.client import Sandbox
from tests.sandbox.account import Account

# A folder with an environment for each of them, as scripts/clients.sh makes it.
INSTALLED = os.environ.get("CLIENTS", "")

Run = Callable[..., str]


def said_by(command: list[str], environment: Mapping[str, str], ends_with: int = 0) -> str:
    """What a client printed. Fails if it ends with another code than the one expected."""
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    told = done.stdout + done.stderr
    assert done.returncode == ends_with, told
    return told


@pytest.fixture(scope="package")
def clients() -> Path:
    if not INSTALLED:
        pytest.skip("foreign clients are tried by `make clients`")
    return Path(INSTALLED)


@pytest.fixture(scope="package")
def box(clients: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    del clients
    with Sandbox.start(
        tmp_path_factory.mktemp("sandbox"), machines="simulated", speed=100
    ) as started:
        yield started


@pytest.fixture
def account(box: Sandbox) -> Iterator[Account]:
    made = Account(box)
    yield made
    made.remove_everything()


@pytest.fixture
def run(box: Sandbox, clients: Path) -> Run:
    """Runs a client's program; see `said_by`."""
    environment = {
        **box.process_environment(),
        "AWS_PAGER": "",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "1",
        "HOME": str(clients),
        # What it tells must not depend on where these tests run.
        "LC_ALL": "C.UTF-8",
    }

    def run(client: str, program: str, *arguments: str, ends_with: int = 0) -> str:
        command = [str(clients / client / "bin" / program), *arguments]
        return said_by(command, environment, ends_with)

    return run
