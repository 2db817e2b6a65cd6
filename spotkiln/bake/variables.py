"""What Packer is given: the recipe of an image, and the variables of a bake and of a test."""

from pathlib import Path
from typing import Any

from spotkiln import tags as t
from spotkiln.bake.app import App
from spotkiln.bake.base import BaseSpec, base_variables
from spotkiln.bake.builder import Builder, BuildSettings
from spotkiln.bake.image import Image, ImageState
from spotkiln.bake.infra import TRAFFIC_PORT, HealthCheck, Infra
from spotkiln.bake.own import BUILDER, TESTER
from spotkiln.bake.recipe import ROOT, Recipe, digest_of, digest_of_files
from spotkiln.bake.source import Source

TEMPLATES = ROOT / "packer"
TEST_FILES = ["packer/test.pkr.hcl", "packer/scripts/test.sh"]


def app_variables(app: App) -> dict[str, Any]:
    """The variables that decide what is inside the image."""
    return {
        "app_name": app.name,
        "app_folder": app.folder,
        "app_user": app.user,
        "app_port": app.port,
        "app_environment": app.environment,
        "build_command": app.build,
        "migrate_command": app.migrate or "true",
        "start_command": app.start,
        "notify": app.notify,
        "writable": list(app.writable),
        "hardening": str(app.hardening),
        "migrate_seconds": app.migrate_seconds,
        "start_seconds": app.start_seconds,
        "stop_seconds": app.stop_seconds,
    }


def test_settings(app: App, check: HealthCheck) -> dict[str, Any]:
    """The variables that decide what `tested` means."""
    return {
        "health_protocol": check.protocol.lower(),
        "health_port": app.port if check.port == TRAFFIC_PORT else int(check.port),
        "health_path": check.path,
        "health_matcher": check.matcher,
        "test_setup_command": app.test_setup or "true",
        "test_command": app.test,
        "test_environment": app.test_environment,
    }


def recipe_of(source: Source, infra: Infra) -> Recipe:
    """Every input of the image, the tests it has passed among them."""
    app = source.app
    return Recipe(
        inputs={
            "source": source.digest[:12],
            "base": infra.base_image.id,
            "template": digest_of_files(ROOT, ["packer/app.pkr.hcl"]),
            "scripts": digest_of_files(ROOT, ["packer/scripts/app.sh", "packer/scripts/clean.sh"]),
            "units": digest_of_files(ROOT, ["systemd/*"]),
            "variables": digest_of(app_variables(app)),
            "tests": digest_of(
                {
                    **test_settings(app, infra.target_group.health_check),
                    "files": digest_of_files(ROOT, TEST_FILES),
                }
            ),
        }
    )


def image_tags(base: dict[str, str], recipe: Recipe) -> dict[str, str]:
    """An image's tags when it is made: a candidate, until its tests have passed."""
    return {
        **base,
        t.RECIPE: recipe.digest,
        t.INPUTS: recipe.to_tag(),
        t.STATE: ImageState.CANDIDATE,
    }


def _machine(
    builder: Builder, region: str, vpc: str, subnet: str, endpoint: str, access: dict[str, str]
) -> dict[str, Any]:
    return {
        **access,
        "region": region,
        "endpoint": endpoint,
        "instance_type": builder.instance_type,
        "vpc_id": vpc,
        "subnet_id": subnet,
        "ssh_interface": str(builder.ssh_interface),
        "ssh_username": builder.ssh_username,
        "ssh_source_cidrs": builder.ssh_source_cidrs,
    }


def _builder(
    infra: Infra, build: BuildSettings, endpoint: str, access: dict[str, str]
) -> dict[str, Any]:
    subnet = build.subnet or infra.subnets[0]
    return _machine(build, infra.region, infra.vpc, subnet, endpoint, access)


def bake_variables(
    *,
    app: App,
    infra: Infra,
    build: BuildSettings,
    source: Source,
    name: str,
    tags: dict[str, str],
    manifest: Path,
    endpoint: str,
    access: dict[str, str],
) -> dict[str, Any]:
    """Variables of packer/app.pkr.hcl. `endpoint` is empty for AWS itself; `access` is how the
    builder is reached."""
    return {
        **_builder(infra, build, endpoint, access),
        **app_variables(app),
        "source_ami": infra.base_image.id,
        "image_name": name,
        "tags": tags,
        "run_tags": {**tags, t.ROLE: BUILDER},
        "manifest": str(manifest),
        "app_archive": str(source.archive),
        "commit": source.commit,
    }


def test_variables(
    *,
    app: App,
    infra: Infra,
    build: BuildSettings,
    image: Image,
    tags: dict[str, str],
    report: Path,
    endpoint: str,
    access: dict[str, str],
) -> dict[str, Any]:
    """Variables of packer/test.pkr.hcl; `report` is the folder that the report comes home to."""
    return {
        **_builder(infra, build, endpoint, access),
        **test_settings(app, infra.target_group.health_check),
        "health_answer_seconds": infra.target_group.health_check.timeout,
        "source_ami": image.id,
        "run_tags": {**tags, t.ROLE: TESTER},
        "app_name": app.name,
        "app_folder": app.folder,
        "app_user": app.user,
        "migrate_seconds": app.migrate_seconds,
        "start_seconds": app.start_seconds,
        "test_seconds": app.test_seconds,
        "report_dir": str(report),
    }


def base_bake_variables(
    *,
    spec: BaseSpec,
    builder: Builder,
    region: str,
    vpc: str,
    subnet: str,
    source: str,
    name: str,
    tags: dict[str, str],
    manifest: Path,
    packages: Path,
    endpoint: str,
    access: dict[str, str],
) -> dict[str, Any]:
    """Variables of packer/base.pkr.hcl; `packages` is the file that the list of packages comes
    home to."""
    return {
        **_machine(builder, region, vpc, subnet, endpoint, access),
        **base_variables(spec),
        "source_ami": source,
        "image_name": name,
        "tags": tags,
        "run_tags": {**tags, t.ROLE: BUILDER},
        "manifest": str(manifest),
        "package_list": str(packages),
    }
