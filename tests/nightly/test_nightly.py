"""The nightly rebuild, as a flow against a Prefect server, a worker and the sandbox's account."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rehearsal.account import tags_of
from tests.nightly.conftest import NEW, OLD, Nights
from tests.release.pages import artifacts
from tests.reliability.conftest import long
from tests.sandbox.account import eventually

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect, pytest.mark.timeout(1200)]


def test_the_first_base_of_an_account(nights: Nights) -> None:
    made = nights.run(applications=[])
    assert made["outcome"] == "rebuilt", made
    (image,) = nights.own().values()
    assert image["ImageId"] == made["base"]["id"]
    assert image["Name"].startswith("rails-base ")
    assert tags_of(image)["spotkiln:state"] == "base"
    assert "packages=" in tags_of(image)["spotkiln:inputs"]
    assert image["ImdsSupport"] == "v2.0"
    left = nights.inventory()
    snapshots = [x["Ebs"]["SnapshotId"] for x in image["BlockDeviceMappings"] if "Ebs" in x]
    assert (left.pop("images"), left.pop("snapshots")) == ([image["ImageId"]], snapshots)
    assert not any(left.values()), left
    assert "there was no base image" in nights.page()
    # A plan compares with what is in it.
    (kept,) = artifacts(nights.world, f"sbom-{image['ImageId']}")
    assert "pkg:deb/debian/" in kept["data"]


def test_an_unchanged_base_changes_nothing(nights: Nights) -> None:
    before = nights.inventory()
    assert before["images"]
    process = nights.start()
    made = process.result()
    assert made["outcome"] == "unchanged", made
    assert nights.state(process) == ("COMPLETED", "Unchanged")
    assert nights.inventory() == before
    assert made["applications"] == []
    assert made["base"]["id"] == nights.bases()[-1]


def test_off_is_off(nights: Nights) -> None:
    switch = {"name": "spotkiln_nightly", "value": "off"}
    made = nights.world.api.post("/variables/", json=switch).raise_for_status().json()
    nights.world.box.clear_calls()
    try:
        process = nights.start()
        assert process.result()["outcome"] == "off"
    finally:
        nights.world.api.delete(f"/variables/{made['id']}").raise_for_status()
    assert nights.state(process) == ("COMPLETED", "Off")
    assert nights.world.box.calls() == []


def test_quiet_hours_are_quiet(nights: Nights) -> None:
    now = datetime.now(UTC)
    window = f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=1):%H:%M} UTC"
    nights.world.box.clear_calls()
    process = nights.start(quiet_hours=window)
    made = process.result()
    assert (made["outcome"], window in made["why"]) == ("quiet", True)
    assert nights.state(process) == ("COMPLETED", "Quiet")
    assert nights.world.box.calls() == []


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"applications": ["shpo"]}, "no deployment release/shpo; there are: blog, elsewhere"),
        ({"base": {"source_image": "debian-99-*"}}, "no available image named 'debian-99-*'"),
        ({"builder": {"subnet": "subnet-0123456789abcdef0"}}, "builder.subnet"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_made(
    nights: Nights, bad: dict[str, Any], said: str
) -> None:
    nights.world.box.clear_calls()
    made = nights.run(**bad)
    assert "InputError" in made["error"]
    assert said in made["error"]
    assert not [x for x in nights.world.box.calls() if x["mutating"] and not x["error"]]


@pytest.mark.parametrize(
    ("operation", "agent"),
    [
        ("CreateSecurityGroup", "spotkiln/"),
        pytest.param("CreateKeyPair", "", marks=long),
        pytest.param("RunInstances", "", marks=long),
        ("CreateImage", ""),
        pytest.param("CreateTags", "", marks=long),
    ],
)
def test_killed_in_the_bake_it_leaves_nothing_after_one_reconcile(
    nights: Nights, operation: str, agent: str
) -> None:
    """Packer too, as when the host is lost. While it lives reconcile leaves it alone."""
    before = nights.inventory()
    pause = nights.world.box.fault(operation, "pause", agent=agent, when="after")
    process = nights.start(applications=[])
    nights.world.box.wait_paused(pause, timeout=60)
    made = nights.inventory()
    assert made != before
    assert nights.world.reconcile()["actions"] == []
    assert nights.inventory() == made

    process.kill(packer_too=True)
    nights.world.report_crashed(process)
    nights.world.box.clear_faults()
    assert nights.world.reconcile()["actions"] != []
    eventually(lambda: nights.inventory() == before, what=f"{before}, not {nights.inventory()}")


def test_one_made_by_hand_is_used_and_never_touched(nights: Nights) -> None:
    """It has no fingerprint, so it counts as another; a newer one of ours comes after it."""
    by_hand = nights.world.account.base_image()
    assert tags_of(nights.own()[by_hand]) == {}
    made = nights.run(applications=[])
    assert made["outcome"] == "rebuilt", made
    assert made["changed"] == f"{by_hand} has no fingerprint"
    assert nights.world.reconcile()["actions"] == []
    assert by_hand in nights.own()
    nights.ec2.deregister_image(ImageId=by_hand, DeleteAssociatedSnapshots=True)


def test_two_at_once_do_each_other_no_harm(nights: Nights) -> None:
    nights.packages(*OLD, "curl=8")
    before = set(nights.bases())
    both = [nights.start(applications=[]), nights.start(applications=[])]
    outcomes = {one.result()["outcome"] for one in both}
    nights.packages(*OLD)
    # The second finds the first one's base, unless they promote in the same moment.
    assert outcomes in ({"rebuilt", "unchanged"}, {"rebuilt"})
    new = set(nights.bases()) - before
    assert new
    assert set(nights.own()) == set(nights.bases())
    left = nights.inventory()
    assert not (left["instances"] or left["key_pairs"] or left["security_groups"]), left


def test_a_line_of_ubuntus(nights: Nights) -> None:
    """Its machines let in another user, who is written on the image for those who bake on it."""
    name = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"
    line = {"name": "ubuntu-base", "source_image": name, "source_owner": "099720109477"}
    made = nights.run(base=line, applications=[])
    assert made["outcome"] == "rebuilt", made
    image = nights.own()[made["base"]["id"]]
    assert image["Name"].startswith("ubuntu-base ")
    assert tags_of(image)["spotkiln:login"] == "ubuntu"
    nights.ec2.deregister_image(ImageId=image["ImageId"], DeleteAssociatedSnapshots=True)


# From here on there are two applications and a worker.


def test_one_that_fails_does_not_stop_the_others(served: Nights) -> None:
    old = served.bases()[-1]
    served.packages(*NEW)
    served.blog_turns("red")
    made = served.run()
    assert made["error"].startswith("RebuildFailed: 1 of 2 applications could not be rebuilt")
    assert "blog: failed, 1 of 3 tests failed: spec" in made["error"]
    assert "/runs/flow-run/" in made["error"]
    assert "shop" not in made["error"]
    new = served.bases()[-1]
    assert new != old
    assert served.base_of("website") == new
    # What serves there was built from it.
    assert served.base_of("blog") == old
    assert old in served.own()
    page = served.page()
    assert "| shop | released |" in page
    assert "| blog | failed |" in page
    known = [one for one in page.splitlines() if one.startswith("- **")]
    assert len(known) == 3, known
    assert "**blog**" in known[0]
    assert "known vulnerabilities: 1 high" in known[0]
    assert "needs a rebuild: CVE-2026-1000 (high): openssl 3.0.14, fixed in 3.0.15" in known[1]
    assert "**shop**" in known[2]
    assert "known vulnerabilities: none" in known[2]
    assert served.world.settled("website").problems() == []
    assert served.world.settled("blog").problems() == []


def test_side_by_side_and_old_bases_go_when_nothing_needs_them(served: Nights) -> None:
    served.packages(*NEW, "curl=9")
    served.blog_turns("v2")
    before = served.bases()
    made = served.run(side_by_side=2)
    assert made["outcome"] == "rebuilt", made
    assert {x["application"]: x["outcome"] for x in made["applications"]} == {
        "blog": "released",
        "shop": "released",
    }
    assert made["left_out"] == ["production"]
    assert "take their images from elsewhere: production." in served.page()
    (new,) = served.bases()
    assert new not in before
    assert {served.base_of("website"), served.base_of("blog")} == {new}
    assert set(before) <= set(made["pruned"])
    runs = [served.world.api.get(f"/flow_runs/{x['run']}").json() for x in made["applications"]]
    assert max(x["start_time"] for x in runs) < min(x["end_time"] for x in runs)
    assert served.world.settled("website").problems() == []


def test_unchanged_can_be_rebuilt_even_so_and_what_a_rollback_has_left_is_held(
    served: Nights,
) -> None:
    """For applications that failed or were not started: those that serve on it stay as they are.
    One that is held is no failure."""
    world = served.world
    [fleet] = world.account.serving("blog")
    commit = tags_of(fleet)["spotkiln:commit"][:12]
    world.account.ec2.create_tags(
        Resources=[fleet["SpotFleetRequestId"]],
        Tags=[{"Key": "spotkiln:held", "Value": commit}],
    )
    before = served.inventory()
    made = served.run(even_if_unchanged=True)
    assert made["outcome"] == "rebuilt", made
    assert {x["application"]: x["outcome"] for x in made["applications"]} == {
        "blog": "held",
        "shop": "unchanged",
    }
    assert served.inventory() == before
    assert "held since a rollback, left alone: blog" in made["why"]
    assert "| blog | held |" in served.page()
    assert f"commit {commit} is held" in served.page()
    assert [x["SpotFleetRequestId"] for x in world.account.serving("blog")] == [
        fleet["SpotFleetRequestId"]
    ]
