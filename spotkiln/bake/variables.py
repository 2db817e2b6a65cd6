"""What Packer is given: the recipe of an image, and the variables of a bake and of a test."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from spotkiln import tags as t
from spotkiln.bake.app import App
from spotkiln.bake.base import BaseSpec, base_variables
from spotkiln.bake.builder import Machine
from spotkiln.bake.disk import AS_IT_IS, ImageDisk
from spotkiln.bake.folders import states
from spotkiln.bake.image import LOGIN, OTHER_BASE, Image, ImageState
from spotkiln.bake.infra import TRAFFIC_PORT, BaseImage, Infra, TargetGroup
from spotkiln.bake.migrations import Migrations
from spotkiln.bake.own import BUILDER, TESTER
from spotkiln.bake.recipe import ROOT, Recipe, digest_of, digest_of_files
from spotkiln.bake.source import Source
from spotkiln.bake.units import image_files
from spotkiln.noun import Noun

TEMPLATES = ROOT / "packer"
BAKE_TEMPLATE = ["packer/app.pkr.hcl"]
BAKE_SCRIPTS = ["packer/scripts/app.sh", "packer/scripts/clean.sh"]
TEST_PARTS = ["answers", "copy", "facts", "report", "shown", "units"]
TEST_FILES = [
    "packer/test.pkr.hcl",
    "packer/scripts/test.sh",
    *(f"packer/scripts/test/{part}.sh" for part in TEST_PARTS),
]


def app_variables(app: App) -> dict[str, Any]:
    """The variables that decide what is inside the image, beside its units."""
    return {
        "app_name": app.name,
        "app_folder": app.folder,
        "app_user": app.user,
        "app_environment": app.environment,
        "test_services": list(app.test_services),
        "build_environment": app.build_environment,
        "dependencies_command": app.dependencies,
        "build_command": app.build,
        "writable": [*app.writable, *app.migrate_writable, *app.mounts],
        "states": states(app),
        "mounts": list(app.mounts),
    }


def layer_settings(app: App) -> dict[str, Any]:
    """Of these the ones that decide what is inside a layer."""
    every = app_variables(app)
    names = ("app_name", "app_folder", "app_user", "build_environment", "dependencies_command")
    return {name: every[name] for name in names}


def test_settings(app: App, group: TargetGroup) -> dict[str, Any]:
    """The variables that decide what `tested` means."""
    check = group.health_check
    return {
        "protocol": group.protocol.lower(),
        "port": app.port,
        "smoke": list(app.smoke),
        "health_protocol": check.protocol.lower(),
        "health_port": app.port if check.port == TRAFFIC_PORT else int(check.port),
        "health_path": check.path,
        "health_matcher": check.matcher,
        "test_setup_command": app.test_setup or "true",
        "test_command": app.test,
        "test_environment": app.test_environment,
    }


def recipe_of(source: Source, infra: Infra, disk: ImageDisk = AS_IT_IS) -> Recipe:
    """Every input of the image, the tests it has passed among them. `disk` is its builder's."""
    app = source.app
    other = {OTHER_BASE: infra.other_base.id} if infra.other_base else {}
    return Recipe(
        inputs={
            "source": source.digest[:12],
            "base": infra.base.id,
            **other,
            "template": digest_of_files(ROOT, BAKE_TEMPLATE),
            "scripts": digest_of_files(ROOT, BAKE_SCRIPTS),
            "units": digest_of(image_files(app, ROOT)),
            "variables": digest_of({**app_variables(app), **disk.settings}),
            "tests": digest_of(
                {
                    **test_settings(app, infra.target_group),
                    "files": digest_of_files(ROOT, TEST_FILES),
                }
            ),
        }
    )


def _listed(key: str, names: Sequence[str]) -> dict[str, str]:
    """Nothing where one tag has no room for all: half of them would be a wrong answer."""
    text = " ".join(names)
    return {key: text} if 0 < len(text) <= t.MOST_CHARACTERS else {}


def image_tags(
    base: dict[str, str], recipe: Recipe, source: Source, login: str = LOGIN
) -> dict[str, str]:
    """An image's tags when it is made: a candidate, until its tests have passed. `login`: whom it
    lets in, as its base image does."""
    migrations = Migrations.of(source.migrations).to_tags() if source.app.migrate else {}
    return {
        **base,
        **migrations,
        **({t.LOGIN: login} if login != LOGIN else {}),
        **_listed(t.CONFIG, source.app.config),
        **_listed(t.MOUNTS, source.app.mounts),
        t.SERVING_SECONDS: str(source.app.serving_seconds),
        t.RECIPE: recipe.digest,
        t.INPUTS: recipe.to_tag(),
        t.STATE: ImageState.CANDIDATE,
    }


class NewImage(Noun):
    """An image that is to be made; Packer writes its id to `manifest`."""

    name: str
    tags: dict[str, str]
    manifest: Path

    @property
    def variables(self) -> dict[str, Any]:
        return {
            "image_name": self.name,
            "tags": self.tags,
            "run_tags": {**self.tags, t.ROLE: BUILDER},
            "manifest": str(self.manifest),
        }


class Start(Noun):
    """The image that a bake starts from: its id, and where its root disk is, of how many GiB."""

    id: str
    root_device: str
    root_gib: int

    @classmethod
    def of(cls, image: Image | BaseImage) -> Self:
        return cls(id=image.id, root_device=image.root_device, root_gib=image.root_gib)

    def variables(self, machine: Machine) -> dict[str, Any]:
        """With the root disk that its builder asks for."""
        disk = machine.builder.disk
        return {"source_ami": self.id, **disk.variables(self.root_device, self.root_gib)}


def bake_variables(
    machine: Machine, new: NewImage, source: Source, start: Start, units: Path, secrets: Path
) -> dict[str, Any]:
    """Variables of packer/app.pkr.hcl. It starts from the base image or from a layer upon it,
    `units` the folder of what spotkiln/bake/units.py has written, `secrets` the file that
    spotkiln/bake/secrets.py keeps in memory."""
    return {
        **machine.variables,
        **new.variables,
        **app_variables(source.app),
        **start.variables(machine),
        "app_archive": str(source.archive),
        "commit": source.commit,
        "units": str(units),
        "secrets_file": str(secrets),
    }


def layer_variables(
    machine: Machine, new: NewImage, source: Source, start: Start, units: Path, secrets: Path
) -> dict[str, Any]:
    """The same for a layer upon the base image: nothing of the commit but its lock files."""
    return {
        **machine.variables,
        **new.variables,
        **layer_settings(source.app),
        **start.variables(machine),
        "stage": "layer",
        "app_archive": str(source.lock_archive),
        "commit": "",
        "units": str(units),
        "secrets_file": str(secrets),
    }


def test_variables(
    machine: Machine, app: App, infra: Infra, image: str, tags: dict[str, str], report: Path
) -> dict[str, Any]:
    """Variables of packer/test.pkr.hcl for the image of this id; `report` is the folder that the
    report comes home to."""
    return {
        **machine.variables,
        **test_settings(app, infra.target_group),
        "health_answer_seconds": infra.target_group.health_check.timeout,
        "source_ami": image,
        "run_tags": {**tags, t.ROLE: TESTER},
        "app_name": app.name,
        "app_folder": app.folder,
        "app_user": app.user,
        "migrate_seconds": app.migrate_seconds,
        "process_names": list(app.processes),
        "start_seconds": app.serving_seconds,
        "test_seconds": app.test_seconds,
        "test_services": list(app.test_services),
        "test_configuration": infra.test_configuration.sources.user_data.splitlines(),
        "test_security_group_ids": list(infra.test_security_groups),
        "report_dir": str(report),
    }


def base_bake_variables(
    machine: Machine, new: NewImage, spec: BaseSpec, start: Start, packages: Path
) -> dict[str, Any]:
    """Variables of packer/base.pkr.hcl. `packages` is the file that the list of packages comes home
    to."""
    return {
        **machine.variables,
        **new.variables,
        **base_variables(spec),
        **start.variables(machine),
        "package_list": str(packages),
    }
