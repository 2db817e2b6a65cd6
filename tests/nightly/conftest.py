"""One world for all of this folder: a Prefect server, a worker, and an account with two target
groups and no base image yet. Packages are what the rules for the source image say."""

import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.repositories import make_demo
from rehearsal.account import own_images, tags_of
from rehearsal.prefect_local import POOL
from sandbox.machines.simulated.machines import DEBIAN
from tests.cli.conftest import deploy
from tests.reliability.flow_process import FlowProcess
from tests.reliability.world import World

# What Debian would tell of OLD, as its tracker does for debsecan.
KNOWN = "VERSION 1\nCVE-2026-1000,,Too much\n\nopenssl,0, HRF,3.0.15,\n\n\n"
OLD, NEW = ["openssl=3.0.14", "ruby=1:3.1"], ["openssl=3.0.15", "ruby=1:3.1"]


class Nights:
    """Nightly runs in that world, and what they leave."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ec2 = world.account.ec2
        self.blog = world.home / "blog"

    def packages(self, *packages: str) -> None:
        """From now on Debian has these."""
        self.world.box.script(match={"image_id": DEBIAN.image_id}, packages=list(packages))

    def start(self, **parameters: Any) -> FlowProcess:
        return self.world.zygote.start("nightly", parameters)

    def run(self, **parameters: Any) -> dict[str, Any]:
        return self.start(**parameters).result(timeout=600)

    def own(self) -> dict[str, dict[str, Any]]:
        """The account's images by id."""
        found = own_images(self.ec2)
        return {one["ImageId"]: one for one in found}

    def bases(self) -> list[str]:
        """Ids of what may be built upon, oldest first."""
        own = sorted(self.own().values(), key=lambda one: one["CreationDate"])
        return [one["ImageId"] for one in own if tags_of(one).get("spotkiln:state") == "base"]

    def inventory(self) -> dict[str, list[str]]:
        """All that exists, by kind. Volumes come and go with their machines."""
        found = self.world.box.inventory()
        return {kind: sorted(one["ids"]) for kind, one in found.items() if kind != "volumes"}

    def base_of(self, group: str) -> str:
        """The base image of what serves there."""
        (fleet,) = self.world.account.serving(group)
        image = self.own()[tags_of(fleet)["spotkiln:image"]]
        inputs = dict(x.split("=") for x in tags_of(image)["spotkiln:inputs"].split())
        return inputs["base"]

    def blog_turns(self, ref: str) -> None:
        """The blog's branch moves."""
        subprocess.run(
            ["git", "-C", str(self.blog), "branch", "--force", "nightly", ref], check=True
        )

    def page(self) -> str:
        """The newest nightly run's."""
        found = self.world.api.get("/artifacts/nightly/latest").raise_for_status().json()
        return str(found["data"])

    def state(self, process: FlowProcess) -> tuple[str, str]:
        """The run's state in Prefect: type and name."""
        found = self.world.api.get(f"/flow_runs/{process.run}").raise_for_status().json()
        return found["state"]["type"], found["state"]["name"]


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home: Path = tmp_path_factory.mktemp("nightly")
    with World(home, account={"target_groups": ["website", "blog"]}) as world:
        for image in own_images(world.account.ec2):
            world.account.ec2.deregister_image(
                ImageId=image["ImageId"], DeleteAssociatedSnapshots=True
            )
        world.api.post("/work_pools/", json={"name": POOL, "type": "process"}).raise_for_status()
        world.prefect.environment.update(
            world.box.environment, SPOTKILN_HOME=str(home / "spotkiln-of-worker")
        )
        yield world


@pytest.fixture(scope="package")
def nights(world: World) -> Nights:
    """No base image, no release; deployments, and nobody who runs them."""
    nights = Nights(world)
    make_demo(nights.blog)
    nights.blog_turns("v1")
    nights.packages(*OLD)
    (world.home / "debsecan").mkdir()
    (world.home / "debsecan" / "bookworm").write_bytes(zlib.compress(KNOWN.encode()))
    settings = {
        **world.parameters("v1"),
        "keep_versions": 1,
        "force": False,
        "vulnerabilities": {"debian": str(world.home / "debsecan")},
    }
    deploy(world, "release", settings, name="shop")
    app = {"name": "blog", "repository": str(nights.blog), "ref": "nightly"}
    infra = {"target_group": "blog"}
    deploy(world, "release", {**settings, "app": app, "infra": infra}, name="blog")
    other = {"base_image": "python-base*"}
    deploy(world, "release", {**settings, "infra": other}, name="elsewhere")
    taken = {"take_from": {"region": "eu-west-1"}}
    production = {**settings, "images": taken, "vulnerabilities": {}}
    deploy(world, "release", production, name="production")
    deploy(world, "nightly", {}, name="nightly")
    node = {"name": "node-base", "packages": ["nodejs", "npm"]}
    deploy(world, "nightly", {"base": node, "quiet_hours": "00:00-23:59 UTC"}, name="node")
    return nights


@pytest.fixture(scope="package")
def served(world: World, nights: Nights) -> Nights:
    """A base image of old packages; both applications serve on it; a worker."""
    if not nights.bases():
        assert nights.run(applications=[])["outcome"] == "rebuilt"
    for name in ("shop", "blog"):
        found = world.api.get(f"/deployments/name/release/{name}").raise_for_status().json()
        made = world.zygote.start("release", found["parameters"]).result()
        assert made["outcome"] == "released", made
    world.prefect.start_worker()
    return nights
