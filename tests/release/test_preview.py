"""Previews: made on push, updated, removed with the branch or after a time, and nothing is left."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from rehearsal.prefect_local import POOL
from sandbox.client import Sandbox
from tests.cli.conftest import deploy
from tests.reliability.conftest import long
from tests.reliability.flow_process import FlowProcess
from tests.reliability.scenarios import PRODUCT
from tests.reliability.truth import client
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect, pytest.mark.timeout(300)]

TEMPLATE = {"host": "{branch}.preview.example.com", "most": 2, "hours": 24}


def start(world: World, branch: str, *, ref: str = "v1", **given: Any) -> FlowProcess:
    asked = world.parameters(ref)
    parameters = {
        "app": asked["app"],
        "gate": asked["gate"],
        "preview": TEMPLATE,
        "branch": branch,
        "ref": ref,
        **given,
    }
    return world.zygote.start("preview", parameters)


def make(world: World, branch: str, **given: Any) -> dict[str, Any]:
    return start(world, branch, **given).result()


def remove(world: World, branch: str) -> dict[str, Any]:
    return make(world, branch, removed=True)


def groups(world: World) -> list[str]:
    found = client(world.box, "elbv2").describe_target_groups()["TargetGroups"]
    names = (str(one["TargetGroupName"]) for one in found)
    return [name for name in names if name.startswith("preview-")]


def rules(world: World) -> dict[str, list[str]]:
    """Host names by priority, of website's listener."""
    elb = client(world.box, "elbv2")
    balancer = elb.describe_load_balancers(Names=["website"])["LoadBalancers"][0]
    (listener,) = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    return {
        one["Priority"]: one["Conditions"][0]["HostHeaderConfig"]["Values"]
        for one in elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
        if any(condition["Field"] == "host-header" for condition in one["Conditions"])
    }


def served_by(world: World, host: str) -> str:
    address = world.box.load_balancer("website")
    answer = httpx.get(f"{address}/up", headers={"Host": host}, trust_env=False)
    return str(answer.headers.get("X-Instance-Id", answer.status_code))


def kept(world: World) -> set[str]:
    """What a fleet leaves: fleets that live, and images."""
    ec2 = client(world.box, "ec2")
    fleets = ec2.describe_spot_fleet_requests()["SpotFleetRequestConfigs"]
    live = {x["SpotFleetRequestId"] for x in fleets if x["SpotFleetRequestState"] == "active"}
    return live | {one["ImageId"] for one in ec2.describe_images(Owners=["self"])["Images"]}


def marks(world: World, image: str) -> list[str]:
    (found,) = client(world.box, "ec2").describe_images(ImageIds=[image])["Images"]
    return [str(tag["Key"]) for tag in found.get("Tags", [])]


def forget(world: World, image: str) -> None:
    """A day later."""
    past = {"Key": "spotkiln:preview-removed", "Value": "2026-01-01T00:00:00.000+00:00"}
    client(world.box, "ec2").create_tags(Resources=[image], Tags=[past])
    (action,) = world.reconcile()["actions"]
    assert action == f"discard image {image}: its preview has gone, and nothing else served with it"


def neighbour(box: Sandbox) -> str:
    """Somebody's own rule of the same listener; its ARN."""
    elb = client(box, "elbv2")
    balancer = elb.describe_load_balancers(Names=["website"])["LoadBalancers"][0]
    (listener,) = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    website = elb.describe_target_groups(Names=["website"])["TargetGroups"][0]
    return str(
        elb.create_rule(
            ListenerArn=listener["ListenerArn"],
            Priority=50,
            Conditions=[
                {
                    "Field": "host-header",
                    "HostHeaderConfig": {"Values": ["docs.preview.example.com"]},
                }
            ],
            Actions=[{"Type": "forward", "TargetGroupArn": website["TargetGroupArn"]}],
        )["Rules"][0]["RuleArn"]
    )


@pytest.fixture(scope="module")
def served(started: World) -> str:
    """v1 serves: the image that previews are to share, and no variant of another test's."""
    made = started.release("v1", keep_versions=9)
    assert made["outcome"] == "released", made
    return str(made["fleet"])


@pytest.fixture
def serving(world: World, served: str) -> Iterator[World]:
    """v1 serves, beside a neighbour's rule. Afterwards nothing of a preview may be left."""
    assert world.settled().problems() == []
    rule = neighbour(world.box)
    yield world
    world.box.clear_faults()
    left = rules(world)
    client(world.box, "elbv2").delete_rule(RuleArn=rule)
    assert left == {"50": ["docs.preview.example.com"]}
    assert groups(world) == []
    assert world.settled().problems() == []
    assert world.account.look().fleet == served


def test_a_branch_gets_one_is_updated_and_goes_with_it(serving: World) -> None:
    world, before = serving, kept(serving)
    host = "feature-login.preview.example.com"
    made = make(world, "feature/login")
    assert made["outcome"] == "released", made
    # The image is the one that serves already: nothing was baked.
    assert made["reused"]
    assert made["address"].startswith(f"http://{host}:")
    assert rules(world) == {"50": ["docs.preview.example.com"], "51": [host]}
    first = served_by(world, host)
    assert first.startswith("i-")
    assert served_by(world, "docs.preview.example.com") in world.account.look().members
    assert first not in world.account.look().members
    # Another commit: the same place, another server, and an image of its own.
    updated = make(world, "feature/login", ref="v2")
    assert updated["outcome"] == "released", updated
    second = served_by(world, host)
    assert second not in {first, "503"}
    assert len(rules(world)) == 2
    assert make(world, "feature/login", ref="v2")["outcome"] == "unchanged"
    # A push that comes while it goes waits, and gets a new one.
    fault = world.box.fault("DeleteRule", "pause", nth=1, agent=PRODUCT, when="after")
    removal = start(world, "feature/login", removed=True)
    world.box.wait_paused(fault, 60)
    pushed = start(world, "feature/login", ref="v2")
    assert not pushed.ended.wait(2)
    world.box.release(fault)
    assert removal.result()["preview"] == host
    assert pushed.result()["outcome"] == "released"
    assert served_by(world, host) not in {*world.account.look().members, second, "503"}
    assert remove(world, "feature/login")["preview"] == host
    assert served_by(world, host) in world.account.look().members
    # Its own image stays for a day; the one that website serves with knows nothing of it any more.
    assert kept(world) == before | {updated["image"]}
    assert not [x for x in marks(world, made["image"]) if "preview" in x]
    forget(world, updated["image"])
    assert kept(world) == before
    assert remove(world, "feature/login")["preview"] == ""


def test_names_that_others_have_the_most_that_may_be_and_the_hours_of_one(serving: World) -> None:
    world = serving
    # Names and priorities that others have are left to them.
    made = make(world, "docs")
    assert made["outcome"] == "released", made
    (host,) = rules(world)["51"]
    assert host != "docs.preview.example.com"
    assert host.startswith("docs-")

    assert make(world, "old")["outcome"] == "released"
    refused = make(world, "three")
    assert "has 2 previews, and may have 2 (`preview.most`): docs, old" in refused["error"]
    both = groups(world)
    assert len(both) == 2
    # One that is there may still be pushed to.
    assert make(world, "old", force=True)["outcome"] == "released"
    assert remove(world, "docs")["preview"] == host
    (place,) = groups(world)
    assert place in both

    # Without a push it goes after its hours.
    assert world.reconcile()["actions"] == []
    elb = client(world.box, "elbv2")
    arn = elb.describe_target_groups(Names=[place])["TargetGroups"][0]["TargetGroupArn"]
    past = {"Key": "spotkiln:preview-until", "Value": "2026-01-01T00:00:00.000+00:00"}
    elb.add_tags(ResourceArns=[arn], Tags=[past])
    told = str(world.zygote.start("reconcile", {"dry_run": True}).result())
    assert "nothing was pushed to branch old" in told
    assert len(groups(world)) == 1
    assert "error" not in world.reconcile()
    assert groups(world) == []


def test_one_in_which_nothing_serves_goes_at_once(serving: World) -> None:
    made = make(serving, "broken", ref="red")
    assert "TestsFailed" in made["error"] or made.get("outcome") == "failed", made
    assert groups(serving) == []


# Each call that makes a preview or takes it away, before or after it.
MAKING = [
    pytest.param("CreateTargetGroup", "after", marks=long),
    pytest.param("ModifyTargetGroupAttributes", "before", marks=long),
    pytest.param("CreateRule", "before", marks=long),
    ("CreateRule", "after"),
    pytest.param("RequestSpotFleet", "after", marks=long),
]
REMOVING = [
    pytest.param("AddTags", 3, "after", marks=long),
    ("DeleteRule", 1, "before"),
    pytest.param("DeleteRule", 1, "after", marks=long),
    pytest.param("CancelSpotFleetRequests", 1, "after", marks=long),
    pytest.param("CreateTags", 1, "after", marks=long),
    pytest.param("DeleteTargetGroup", 1, "before", marks=long),
    pytest.param("DeleteTargetGroup", 1, "after", marks=long),
]


def kill_at(world: World, process_of: Any, operation: str, nth: int, when: str) -> bool:
    """Whether it came to that call."""
    fault = world.box.fault(operation, "pause", nth=nth, agent=PRODUCT, when=when)
    process = process_of()
    while not (reached := any(one["id"] == fault and one["waiting"] for one in world.box.faults())):
        if process.ended.wait(0.1):
            break
    process.kill()
    world.box.release(fault, drop=True)
    world.box.clear_faults()
    world.report_crashed(process)
    return reached


@pytest.mark.parametrize(("operation", "when"), MAKING)
def test_killed_while_it_is_made_reconcile_takes_it_away(
    serving: World, operation: str, when: str
) -> None:
    nth = 2 if operation == "RequestSpotFleet" else 1
    branch = f"killed-{uuid4().hex[:4]}"
    assert kill_at(serving, lambda: start(serving, branch), operation, nth, when)
    assert "error" not in serving.reconcile()
    assert groups(serving) == []


@pytest.mark.parametrize(("operation", "nth", "when"), REMOVING)
def test_killed_while_it_goes_reconcile_goes_on(
    serving: World, operation: str, nth: int, when: str
) -> None:
    before = kept(serving)
    branch = f"going-{uuid4().hex[:4]}"
    assert make(serving, branch)["outcome"] == "released"
    assert kill_at(serving, lambda: start(serving, branch, removed=True), operation, nth, when)
    assert "error" not in serving.reconcile()
    assert groups(serving) == []
    assert kept(serving) == before


@pytest.mark.usefixtures("served")
def test_it_goes_with_an_application_that_is_taken_down(world: World) -> None:
    """Not while the application is released elsewhere; then with its deployment, and at once."""
    world.api.post("/work_pools/", json={"name": POOL, "type": "process"})
    host = "feature-login.preview.example.com"
    asked = world.parameters("v1")
    try:
        assert make(world, "feature/login")["outcome"] == "released"
        for name, group in (("shop", "website"), ("shop-staging", "blog")):
            deploy(world, "release", {**asked, "infra": {"target_group": group}}, name=name)
        deploy(world, "preview", {**asked, "preview": TEMPLATE}, name="shop")
        told = _retire(world, "shop-staging")
        assert (told["previews"], told["left"]["deployments"]) == ([], ["release/shop-staging"])
        assert served_by(world, host).startswith("i-")
        told = _retire(world, "shop")
        assert told["previews"] == [host], told
        assert told["left"]["deployments"] == ["release/shop", "preview/shop"]
        assert (groups(world), list(rules(world))) == ([], [])
        assert world.account.look().members == []
    finally:
        for flow, name in (("release", "shop"), ("release", "shop-staging"), ("preview", "shop")):
            found = world.api.get(f"/deployments/name/{flow}/{name}")
            if found.is_success:
                world.api.delete(f"/deployments/{found.json()['id']}").raise_for_status()
        assert world.release("v1")["outcome"] == "released"


def _retire(world: World, name: str) -> dict[str, Any]:
    given = {"deployment": name, "versions": "keep", "confirm": name, "last_servers": True}
    return world.zygote.start("retire", given).result()
