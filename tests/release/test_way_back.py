"""Releases that fail: what served before serves on, nothing is left, and the reason is told."""

import pytest

from rehearsal.account import own_images
from tests.release.pages import commit_of, last_row, page
from tests.reliability.conftest import long
from tests.reliability.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]


@pytest.fixture
def serving(world: World) -> str:
    """A fleet of v1 that serves; its id. Releases that fail leave it to the next test."""
    truth = world.account.look()
    if truth.commit != commit_of(world, "v1") or truth.problems():
        assert world.release("v1", "serving")["outcome"] == "released"
    world.box.clear_calls()
    return world.account.look().fleet


def untouched(world: World, fleet: str) -> None:
    truth = world.settled()
    assert truth.problems() == []
    assert truth.fleet == fleet


def test_red_tests_discard_the_image_and_name_the_examples(world: World, serving: str) -> None:
    failed = world.release("red")
    assert "Note is valid with a text" in failed["error"]
    untouched(world, serving)
    assert last_row(world)["outcome"] == "failed"
    assert not [
        x for x in world.box.calls() if x["operation"] == "RequestSpotFleet" and not x["error"]
    ]
    # The page begins with the failing tests.
    text = page(world, "release-demo-web-app")
    assert text.startswith("# demo-web-app: failed before any server was asked for")
    assert text.index("## Failing tests") < text.index("## Where the time went")
    assert "**spec.models.note_spec Note is valid with a text**" in text
    assert "nothing is left behind. These are gone again: 1 image," in text


def test_a_rejected_image_can_be_kept_and_is_never_used_again(world: World, serving: str) -> None:
    first = world.release("sick", "kept", keep_rejected=True)
    assert "ImageRejected" in first["error"]
    kept = last_row(world)["image"]
    found = world.account.ec2.describe_images(ImageIds=[kept])["Images"][0]
    assert {"Key": "spotkiln:state", "Value": "rejected"} in found["Tags"]
    world.reconcile()
    assert world.account.ec2.describe_images(ImageIds=[kept])["Images"]
    second = world.release("sick", "kept")
    assert "ImageRejected" in second["error"]
    row = last_row(world)
    assert row["image"] != kept
    world.account.ec2.deregister_image(ImageId=kept)
    for mapping in found["BlockDeviceMappings"]:
        world.account.ec2.delete_snapshot(SnapshotId=mapping["Ebs"]["SnapshotId"])

    # It is rolled back with evidence, and is not kept.
    assert "500" in second["error"]
    untouched(world, serving)
    assert row["outcome"] == "rolled back"
    evidence = page(world, "evidence-")
    assert "Target.ResponseCodeMismatch" in evidence
    assert "instanceChange launched" in evidence
    assert "## Console of i-" in evidence
    assert row["image"] not in [one["ImageId"] for one in own_images(world.account.ec2)]


def test_no_capacity_names_the_cause_and_leaves_nothing(world: World, serving: str) -> None:
    world.box.capacity(0)
    failed = world.release("v2", "nothing to be had", gate={"polls": 1, "fulfilment_seconds": 60})
    assert "CapacityError" in failed["error"], failed
    assert "0 of 2 instances" in failed["error"]
    world.box.clear_capacity()
    untouched(world, serving)


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [
        # It serves, falls over, is restarted, serves ...
        (
            [
                {"after": 30 * turn + start, "code": code}
                for turn in range(12)
                for start, code in ((0, 200), (15, "refused"))
            ],
            "flapping",
        ),
        # ... until systemd gives up.
        pytest.param(
            [{"after": 0, "code": 200}, {"after": 6, "code": "refused"}],
            "failing check",
            marks=long,
        ),
    ],
)
def test_a_crash_loop_fails_and_says_so(
    world: World, serving: str, behaviour: list[dict[str, object]], cause: str
) -> None:
    # Only the new servers: if those that serve did the same, no image would be blamed.
    new = {"aws:ec2spot:fleet-request-id": "sfr-*", "spotkiln:commit": commit_of(world, "v2")}
    world.box.script(match=new, health=behaviour)
    gate = {"polls": 60, "boot_seconds": 20} | (
        {"grace_seconds": 900} if cause == "flapping" else {}
    )
    failed = world.release("v2", cause, gate=gate)
    assert cause in failed["error"], failed
    assert "ImageRejected" in failed["error"]
    world.box.clear_scripts()
    truth = world.settled()
    assert truth.fleet == serving
    assert truth.stray == []


def test_an_interruption_in_the_gate_is_waited_out(world: World, serving: str) -> None:
    world.box.script(match={"spotkiln:phase": "*"}, serve_seconds=3)
    world.box.script(
        match={"aws:ec2spot:fleet-request-id": "sfr-*"},
        serve_seconds=15,
        interrupt_after=4,
        times=1,
    )
    made = world.release("v2", "interrupted")
    assert made["outcome"] == "released", made
    truth = world.settled()
    assert truth.problems() == []
    assert truth.fleet == made["fleet"] != serving
