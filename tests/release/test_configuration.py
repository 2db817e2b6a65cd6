"""Settings and secrets of a deployment, seen from outside: what is looked at before anything is
spent, and that another value is another fleet, of the same image."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

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
    world: World, ssm: Any
) -> None:
    assert f"no parameter is below {PATH} in" in failed(world)
    put(ssm, "DATABASE_URL", VALUE)
    why = failed(world, "DATABASE_URL", "SECRET_KEY_BASE")
    assert "the application needs SECRET_KEY_BASE (config in spotkiln.yaml)" in why
    assert f"--name {PATH}SECRET_KEY_BASE" in why
    assert VALUE not in why
    secrets = {"parameters": [], "secrets": ["shop/none"]}
    assert "no secret shop/none in" in failed(world, "A", configuration=secrets)
    assert "the deployment does not say where" in failed(world, "A", configuration={})


def test_another_value_is_another_fleet_of_the_same_image(world: World, ssm: Any) -> None:
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


def test_a_restart_is_the_same_image_on_new_servers(world: World, ssm: Any) -> None:
    put(ssm, "DATABASE_URL", VALUE)
    first = released(world, "DATABASE_URL", force=True)
    assert first["outcome"] == "released", first
    given = parameters(world, "DATABASE_URL")
    for name in ("force", "even_if_held"):
        del given[name]
    restart = world.zygote.start("rollback", {**given, "version": "current"}).result()
    assert (restart["outcome"], restart["image"]) == ("released", first["image"])
    assert restart["fleet"] != first["fleet"]
    text = page(world, "release-demo-web-app")
    assert text.startswith("# demo-web-app: restart of")
    assert "what served already, released 20" in text
    # Nothing is held by it, and there is nothing to do for a release that follows.
    assert released(world, "DATABASE_URL")["outcome"] == "unchanged"
    truth = world.settled()
    assert truth.problems() == []
    assert (truth.fleet, truth.image) == (restart["fleet"], first["image"])


def test_a_way_back_needs_what_its_image_needs(world: World, ssm: Any) -> None:
    put(ssm, "DATABASE_URL", VALUE)
    assert released(world, "DATABASE_URL", force=True)["outcome"] == "released"
    given = parameters(world, "DATABASE_URL")
    for name in ("force", "even_if_held"):
        del given[name]
    ssm.delete_parameter(Name=f"{PATH}DATABASE_URL")
    put(ssm, "OTHER", VALUE)
    world.box.clear_calls()
    end = world.zygote.start("rollback", {**given, "version": "current"}).result()
    assert "the application needs DATABASE_URL" in str(end.get("error")), end
    assert not {"RequestSpotFleet", "CreateLaunchTemplate"} & set(operations(world))
