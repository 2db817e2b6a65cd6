"""An application is taken down: nothing of it is left, and all that others have stays as it was."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from rehearsal.prefect_local import POOL
from tests.cli.conftest import deploy
from tests.reliability.conftest import long
from tests.reliability.moments import PRODUCT
from tests.reliability.scenarios import INSIDE
from tests.reliability.world import World, without_release_only

pytestmark = [pytest.mark.prefect, pytest.mark.sandbox, pytest.mark.timeout(600)]
OURS = "spotkiln:"


# Production's servers are in a further target group, too.
INFRA: dict[str, dict[str, Any]] = {
    "website": {"also_behind": [INSIDE]},
    "blog": {"target_group": "blog"},
}


def settings(world: World, group: str) -> dict[str, Any]:
    return world.parameters("v1", infra=INFRA[group])


def names(world: World, flow: str) -> list[str]:
    wanted = {"flows": {"name": {"any_": [flow]}}}
    found = world.api.post("/deployments/filter", json=wanted).raise_for_status().json()
    return sorted(one["name"] for one in found)


def automation(world: World, name: str, deployment: str) -> None:
    """One that starts this deployment."""
    told = {
        "name": name,
        "description": "",
        "enabled": True,
        "trigger": {
            "type": "event", "posture": "Reactive", "expect": ["shop.ordered"],
            "match": {}, "threshold": 1, "within": 0,
        },
        "actions": [
            {"type": "run-deployment", "source": "selected", "deployment_id": deployment}
        ],
    }  # fmt: skip
    world.api.post("/automations/", json=told).raise_for_status()


def automations(world: World) -> list[str]:
    found = world.api.post("/automations/filter", json={}).raise_for_status().json()
    return sorted(one["name"] for one in found)


def ident(world: World, flow: str, name: str) -> str:
    found = world.api.get(f"/deployments/name/{flow}/{name}").raise_for_status().json()
    return str(found["id"])


def tags_of_group(world: World, name: str) -> list[str]:
    arn = world.account.group_arn(name)
    answer = world.account.elbv2.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]
    return [one["Key"] for one in answer.get("Tags", []) if one["Key"].startswith(OURS)]


def of_image(world: World, image: str) -> dict[str, str]:
    found = world.account.ec2.describe_images(Filters=[{"Name": "image-id", "Values": [image]}])
    return {x["Key"]: x["Value"] for one in found["Images"] for x in one.get("Tags", [])}


def retire(world: World, name: str, **changes: Any) -> dict[str, Any]:
    """As its form asks for it."""
    given = {"deployment": name, "versions": "discard", "confirm": name, "last_servers": True}
    return world.zygote.start("retire", {**given, **changes}).result()


@pytest.fixture(autouse=True)
def pool(world: World) -> None:
    """Deployments name it. It may be there already."""
    world.api.post("/work_pools/", json={"name": POOL, "type": "process"})


@pytest.fixture(scope="module", autouse=True)
def serves_again(started: World) -> Iterator[None]:
    """For the other tests of this folder: nothing of website is left by the last one of these."""
    yield
    assert started.release("v1")["outcome"] == "released"
    started.reconcile()


def forget_deployments(world: World) -> None:
    for flow in ("release", "rollback", "nightly"):
        for name in names(world, flow):
            world.api.delete(f"/deployments/{ident(world, flow, name)}").raise_for_status()


@pytest.fixture
def both(world: World) -> Iterator[tuple[str, str]]:
    """Production and staging serve the same image, each with deployments of its own; the image."""
    first = world.release("v1", infra=INFRA["website"], keep_versions=5)
    second = world.release("v1", infra=INFRA["blog"], keep_versions=5)
    assert (first["outcome"], second["outcome"]) == ("released", "released"), (first, second)
    assert first["image"] == second["image"]
    for name, group in (("shop", "website"), ("shop-staging", "blog")):
        deploy(world, "release", settings(world, group), name=name)
        deploy(world, "rollback", without_release_only(settings(world, group)), name=name)
        automation(world, f"{name} on order", ident(world, "release", name))
    deploy(world, "nightly", {"applications": ["shop", "shop-staging"]}, name="nightly")
    yield first["image"], first["fleet"]
    forget_deployments(world)
    for one in world.api.post("/automations/filter", json={}).json():
        world.api.delete(f"/automations/{one['id']}")


def test_production_goes_and_staging_stays(world: World, both: tuple[str, str]) -> None:
    image, fleet = both
    staging = world.account.look("blog").fleet
    assert len(world.account.targets(INSIDE)) == 2

    refused = retire(world, "shop", last_servers=False)
    assert "the last 2 servers of target group website would go" in refused["error"]
    assert "expected the name 'shop'" in retire(world, "shop", confirm="x")["error"]
    assert world.settled().fleet == fleet
    assert names(world, "release") == ["shop", "shop-staging"]

    # Another deployment of the same target group forbids it.
    other = settings(world, "website")
    deploy(world, "release", {**other, "app": {**other["app"], "name": "other"}}, name="other")
    refused = retire(world, "shop")
    assert "release/other releases to target group website as well" in refused["error"]
    assert world.settled().fleet == fleet
    assert names(world, "release") == ["other", "shop", "shop-staging"]
    world.api.delete(f"/deployments/{ident(world, 'release', 'other')}").raise_for_status()

    # It would bring the application back, once it has its turn.
    waiting = world.api.post(
        f"/deployments/{ident(world, 'release', 'shop')}/create_flow_run",
        json={"state": {"type": "PENDING", "name": "Pending"}},
    ).raise_for_status()
    told = retire(world, "shop")
    assert len(told["servers"]) == 2, told
    assert told["left"]["deployments"] == ["release/shop", "rollback/shop"]
    assert told["left"]["automations"] == ["shop on order"]
    assert told["left"]["nights"] == ["nightly/nightly"]
    assert len(told["left"]["runs"]) == 1
    state = world.api.get(f"/flow_runs/{waiting.json()['id']}").raise_for_status().json()["state"]
    assert state["type"] in {"CANCELLING", "CANCELLED"}

    assert names(world, "release") == names(world, "rollback") == ["shop-staging"]
    assert automations(world) == ["shop-staging on order"]
    nightly = world.api.get("/deployments/name/nightly/nightly").json()
    assert nightly["parameters"]["applications"] == ["shop-staging"]
    gone = world.account.look("website")
    assert (gone.fleet, gone.members, gone.stray) == ("", [], [])
    assert world.account.targets(INSIDE) == {}
    assert tags_of_group(world, "website") == []
    # Both have served with the image: it only forgets that website did.
    marks = of_image(world, image)
    assert "spotkiln:served/blog" in marks
    assert "spotkiln:served/website" not in marks
    assert world.settled("blog").fleet == staging
    assert world.settled("blog").problems() == []
    # A second time there is nothing to do, and that is no error.
    named = {"app": "demo-web-app", "target_group": "website"}
    again = retire(world, "shop", **named)
    assert (again["servers"], again["images"], again["left"]["deployments"]) == ([], [], [])
    unknown = retire(world, "shop")
    assert "no deployment release/shop" in unknown["error"], unknown
    assert world.reconcile()["actions"] == []


# Before and after each call that takes something away.
MOMENTS = [
    pytest.param("AddTags", 3, "after", marks=long),
    ("CancelSpotFleetRequests", 1, "before"),
    pytest.param("DeregisterTargets", 1, "after", marks=long),
    pytest.param("TerminateInstances", 1, "before", marks=long),
    pytest.param("CancelSpotFleetRequests", 1, "after", marks=long),
    pytest.param("DeleteLaunchTemplate", 1, "before", marks=long),
    pytest.param("CreateTags", 2, "after", marks=long),
    ("DeregisterImage", 1, "before"),
    pytest.param("RemoveTags", 1, "before", marks=long),
]


def kill_at(world: World, operation: str, nth: int, when: str) -> bool:
    """Whether it came to that call."""
    fault = world.box.fault(operation, "pause", nth=nth, agent=PRODUCT, when=when)
    process = world.zygote.start(
        "retire",
        {
            "deployment": "shop", "app": "demo-web-app", "versions": "discard", "confirm": "shop",
            "target_group": "website", "last_servers": True,
        },
    )  # fmt: skip
    while not (reached := any(one["id"] == fault and one["waiting"] for one in world.box.faults())):
        if process.ended.wait(0.1):
            break
    process.kill()
    world.box.release(fault, drop=True)
    world.box.clear_faults()
    world.report_crashed(process)
    return reached


@pytest.mark.parametrize(("operation", "nth", "when"), MOMENTS)
def test_killed_anywhere_reconcile_finishes_it(
    world: World, operation: str, nth: int, when: str
) -> None:
    made = world.release("v1", f"for {operation} {uuid4().hex[:6]}")
    assert made["outcome"] == "released", made
    deploy(world, "release", settings(world, "website"), name="shop")
    deploy(world, "rollback", without_release_only(settings(world, "website")), name="shop")
    try:
        assert kill_at(world, operation, nth, when)
        if (operation, when) == ("CancelSpotFleetRequests", "before"):
            # A release that comes meanwhile does not finish it, and says who does.
            refused = world.release("v2")
            assert "reconcile finishes that first" in refused["error"], refused
        assert "error" not in world.reconcile()
        assert world.account.look("website").members == []
        assert world.account.look("website").stray == []
        assert names(world, "release") == names(world, "rollback") == []
        assert of_image(world, made["image"]) == {}
        assert tags_of_group(world, "website") == []
        # Nothing is left to do, and the application may come back: the next test's does.
        assert world.reconcile()["actions"] == []
    finally:
        forget_deployments(world)
