import shutil
import subprocess
from collections.abc import Iterator

import pytest

from rehearsal.account import base_key
from sandbox.client import Sandbox
from tests.images.cloud import Cloud


def _docker_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    done = subprocess.run(["docker", "info"], capture_output=True, timeout=30, check=False)
    return done.returncode == 0


CLOUDS: list[Cloud] = []

# What the servers' role may read and write: the settings of test_configuration's application, the
# logs of test_logs'.
READS = {"ParameterPath": "/shop/production", "SecretPath": "shop/production"}
ACCOUNT = {"target_groups": [{"name": "website", "stack": {**READS, "LogGroups": "/teller/*"}}]}


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    if not _docker_answers():
        pytest.skip("Docker does not answer: no real machines")
    if shutil.which("packer") is None:
        pytest.skip("Packer is not installed")
    folder = tmp_path_factory.mktemp("images")
    with Sandbox.start(
        folder / "sandbox", machines="docker", account=ACCOUNT, kept=(base_key(),)
    ) as sandbox:
        CLOUDS.append(Cloud(sandbox, folder))
        yield CLOUDS[-1]
        CLOUDS.pop()


@pytest.fixture(autouse=True, scope="module")
def ended() -> Iterator[None]:
    """No machine of a file's is there for the next one's."""
    yield
    for one in CLOUDS:
        one.end_machines()
