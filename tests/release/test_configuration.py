"""Settings and secrets of a deployment, seen from outside: what is looked at before anything is
spent, and that another value is another fleet, of the same image."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.release.looking import why_not
from tests.release.pages import page
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

PATH = "/shop/production/"
SOURCES = {"parameters": [PATH], "secrets": []}
VALUE = "hunter2-never-told"


@pytest.fixture
def ssm(world: World) -> Iterator[Any]:
    given = world.box.environment
    client = boto3.client(
        "ssm",
        endpoint_url=given["AWS_ENDPOINT_URL"],
        region_name=given["AWS_DEFAULT_REGION"],
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
    )
    yield client
    known = client.describe_parameters(ParameterFilters=[{"Key": "Path", "Values": [PATH[:-1]]}])
    if names := [one["Name"] for one in known["Parameters"]]:
        client.delete_parameters(Names=names)


def put(ssm: Any, name: str, value: str) -> None:
    ssm.put_parameter(Name=PATH + name, Value=value, Type="SecureString", Overwrite=True)


def parameters(world: World, *config: str, **changes: Any) -> dict[str, Any]:
    given = world.parameters("v1", "configured", **{"configuration": SOURCES, **changes})
    given["app"]["config"] = list(config)
    return {**given, "even_if_held": True}


def released(world: World, *config: str, **changes: Any) -> dict[str, Any]:
    given = parameters(world, *config, **{"force": False, **changes})
    return world.zygote.start("release", given).result()


def operations(world: World) -> list[str]:
    return [x["operation"] for x in world.box.calls() if x["mutating"] and not x["error"]]


def failed(world: World, *config: str, **changes: Any) -> str:
    """Why a release of these ends before it has made anything."""
    world.box.clear_calls()
    end = released(world, *config, **changes)
    assert "error" in end, end
    assert operations(world) == []
    return str(end["error"])


def test_what_is_not_there_ends_the_release_before_anything_is_spent(
    world: World, tmp_path: Path, ssm: Any
) -> None:
    def why(*config: str, **changes: Any) -> str:
        given = parameters(world, *config, **changes)
        return why_not(world, tmp_path / "_".join(config), given)

    assert f"no parameter is below {PATH} in" in why()
    put(ssm, "DATABASE_URL", VALUE)
    secrets = {"parameters": [], "secrets": ["shop/none"]}
    assert "no secret shop/none in" in why("A", configuration=secrets)
    assert "the deployment does not say where" in why("B", configuration={})
    # As a run tells it.
    told = failed(world, "DATABASE_URL", "SECRET_KEY_BASE")
    assert "the application needs SECRET_KEY_BASE (config in spotkiln.yaml)" in told
    assert f"--name {PATH}SECRET_KEY_BASE" in told
    assert VALUE not in told


def test_another_value_or_a_restart_is_another_fleet_of_the_same_image(
    world: World, ssm: Any
) -> None:
    put(ssm, "DATABASE_URL", VALUE)
    first = released(world, "DATABASE_URL", force=True)
    assert first["outcome"] == "released", first
    again = released(world, "DATABASE_URL")
    assert again == {**first, "outcome": "unchanged"}

    put(ssm, "DATABASE_URL", f"{VALUE}-2")
    world.box.clear_calls()
    second = released(world, "DATABASE_URL")
    assert (second["outcome"], second["image"]) == ("released", first["image"])
    assert second["fleet"] != first["fleet"]
    assert not {"RunInstances", "CreateImage"} & set(operations(world))
    assert world.settled().problems() == []
    assert VALUE not in page(world, "release-demo-web-app")

    # A restart is the same image on new servers.
    given = parameters(world, "DATABASE_URL")
    for name in ("force", "even_if_held"):
        del given[name]
    restart = world.zygote.start("rollback", {**given, "version": "current"}).result()
    assert (restart["outcome"], restart["image"]) == ("released", first["image"])
    assert restart["fleet"] != second["fleet"]
    text = page(world, "release-demo-web-app")
    assert text.startswith("# demo-web-app: restart of")
    assert "what served already, released 20" in text
    # Nothing is held by it, and there is nothing to do for a release that follows.
    assert released(world, "DATABASE_URL")["outcome"] == "unchanged"
    truth = world.settled()
    assert truth.problems() == []
    assert (truth.fleet, truth.image) == (restart["fleet"], first["image"])

    # A way back needs what its image needs.
    ssm.delete_parameter(Name=f"{PATH}DATABASE_URL")
    put(ssm, "OTHER", VALUE)
    world.box.clear_calls()
    end = world.zygote.start("rollback", {**given, "version": "current"}).result()
    assert "the application needs DATABASE_URL" in str(end.get("error")), end
    assert not {"RequestSpotFleet", "CreateLaunchTemplate"} & set(operations(world))
