"""A world with what the command needs: deployments and a worker."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rehearsal.prefect_local import POOL, shipped
from spotkiln.aws.session import connect
from spotkiln.cli.main import main
from tests.prefect_settings import prefect_settings
from tests.reliability.world import World

Command = Callable[..., tuple[int, str, str]]


def deploy(
    world: World,
    flow: str,
    parameters: dict[str, Any],
    tags: Sequence[str] = (),
    name: str = "demo",
) -> None:
    """As `prefect deploy` does it, with the settings of a test."""
    flow_id = world.api.post("/flows/", json={"name": flow}).raise_for_status().json()["id"]
    world.api.post(
        "/deployments/",
        json={
            "name": name,
            "flow_id": flow_id,
            "entrypoint": f"spotkiln.flows.{flow}.{flow}",
            **shipped(flow),
            "parameters": parameters,
            "tags": list(tags),
        },
    ).raise_for_status()


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """v1 was released, and then v2, which serves."""
    home: Path = tmp_path_factory.mktemp("cli")
    with World(home) as world:
        world.api.post("/work_pools/", json={"name": POOL, "type": "process"}).raise_for_status()
        settings = {**world.parameters("v2"), "keep_versions": 5, "force": False}
        deploy(world, "release", settings)
        settings.pop("force")
        deploy(world, "rollback", settings)
        for ref in ("v1", "v2"):
            made = world.release(ref, keep_versions=5)
            assert made["outcome"] == "released", made
        # The worker's runs release in the sandbox's account.
        world.prefect.environment.update(
            world.box.environment, SPOTKILN_HOME=str(home / "spotkiln")
        )
        yield world


@contextmanager
def settings_of(world: World) -> Iterator[None]:
    certificates = world.prefect.environment["PREFECT_API_SSL_CERT_FILE"]
    api = {"url": f"{world.prefect.address}/api", "ssl_cert_file": certificates}
    with prefect_settings(api=api, ui_url="http://ui.test"):
        connect.cache_clear()
        yield
        connect.cache_clear()


@pytest.fixture
def command(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """Run it as a person would; (exit code, stdout, stderr)."""
    for name, value in world.box.environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    with settings_of(world):
        yield run
