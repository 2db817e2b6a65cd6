"""What reconcile has decided is done to what is there now, not to what was there when it looked."""

from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.aws.bake import image as images
from spotkiln.aws.bake.discard import SNAPSHOT_SECONDS, discard
from spotkiln.aws.keep.carry_out import STEPS, carry_out, postpone
from spotkiln.errors import DeadlineExceeded, InfrastructureError, SpotkilnError
from spotkiln.keep.action import Action, Verb
from spotkiln.keep.housekeeping import PutOff
from tests.unit.keep.leavings import Clock, Leavings
from tests.unit.nouns import GROUP


@pytest.fixture
def account() -> Leavings:
    found = Leavings()
    found.time = 100.0
    return found


def do(account: Leavings, verb: Verb, *ids: str, **changes: Any) -> None:
    action = Action(verb=verb, ids=ids, why="nobody owns it", **changes)
    carry_out(account.aws(), action, clock=Clock(account), say=account.say)


def test_everything_that_can_be_decided_can_be_done() -> None:
    """But for replacing an unhealthy server and taking an application down, which are steps of
    their own."""
    assert STEPS.keys() == set(Verb) - {Verb.REPLACE_SERVER, Verb.TAKE_DOWN}


# -- fleets and servers --


def test_a_fleet_is_retired_without_loss(account: Leavings) -> None:
    pending = account.serve(phase="pending")
    do(account, Verb.RETIRE_FLEETS, pending, target_group=GROUP)
    assert account.fleets[pending].state == "cancelled"
    assert account.targets == {}
    assert account.torn == []
    assert account.said[-1] == f"done: retire {pending}: nobody owns it"


def test_a_fleet_that_was_promoted_meanwhile_is_left_alone(account: Leavings) -> None:
    promoted = account.serve()
    do(account, Verb.RETIRE_FLEETS, promoted, target_group=GROUP)
    assert account.fleets[promoted].state == "active"
    assert account.fleets[promoted].tags[t.PHASE] == "serving"
    assert len(account.serving_targets(promoted)) == 2
    assert f"left alone at a second look, gone or serving now: {promoted}" in account.said


def test_what_something_newer_serves_for_is_marked_before_it_goes(account: Leavings) -> None:
    old = account.serve(promoted="2024-05-01T12:00:00+00:00")
    new = account.serve(promoted="2024-05-01T12:01:00+00:00")
    phases: list[str] = []
    account.before = lambda call: (
        phases.append(account.fleets[old].tags[t.PHASE])
        if call == "cancel_spot_fleet_requests"
        else None
    )
    do(account, Verb.RETIRE_FLEETS, old, target_group=GROUP)
    assert phases == ["retiring"]
    assert (account.fleets[old].state, account.fleets[new].state) == ("cancelled", "active")
    assert account.torn == []


def test_a_server_that_outlived_its_fleet_is_drained_first(account: Leavings) -> None:
    fleet = account.serve(phase="retiring")
    first, second = account.serving_targets(fleet)
    account.fleets[fleet].state = "cancelled"
    do(account, Verb.DRAIN_INSTANCES, first, target_group=GROUP)
    assert account.machines[first].state == "terminated"
    assert account.machines[second].state == "running"
    assert account.torn == []


def test_one_without_a_target_group_is_only_terminated(account: Leavings) -> None:
    fleet = account.serve(phase="retiring")
    (one, *_) = account.serving_targets(fleet)
    account.targets.clear()
    do(account, Verb.DRAIN_INSTANCES, one)
    assert account.machines[one].state == "terminated"


def test_a_builder_is_terminated(account: Leavings) -> None:
    fleet = account.serve()
    (one, *_) = account.machines
    account.targets.clear()
    do(account, Verb.TERMINATE_BUILDERS, one)
    assert account.machines[one].state == "terminated"
    assert fleet in account.fleets


# -- what they were made of --


def test_helpers_of_a_builder(account: Leavings) -> None:
    account.templates["lt-1"] = "demo-1"
    account.key_pairs = {"key-1", "key-2"}
    account.groups, account.in_use = {"sg-1", "sg-2"}, {"sg-1": 2}
    do(account, Verb.DELETE_PART, "lt-1", kind="launch-template")
    do(account, Verb.DELETE_KEY_PAIR, "key-1")
    # A machine still uses the group for a while.
    do(account, Verb.DELETE_SECURITY_GROUP, "sg-1")
    assert (account.templates, account.key_pairs, account.groups) == ({}, {"key-2"}, {"sg-2"})
    # All of it can be repeated.
    do(account, Verb.DELETE_PART, "lt-1", kind="launch-template")
    do(account, Verb.DELETE_SECURITY_GROUP, "sg-1")


def test_an_image_goes_with_its_snapshots(account: Leavings) -> None:
    account.bake("ami-1", state="candidate")
    account.bake("ami-2", state="candidate")
    do(account, Verb.DISCARD_IMAGE, "ami-1")
    assert list(account.amis) == ["ami-2"]
    assert list(account.snapshots) == ["snap-ami-2-0", "snap-ami-2-1"]
    # Another was faster.
    do(account, Verb.DISCARD_IMAGE, "ami-1")


@pytest.mark.parametrize(
    "tags",
    [{"state": "base"}, {"state": "tested", "released": "2024-05-01"}, {"keep": "to look at"}],
)
def test_an_image_that_is_somebodys_at_a_second_look_stays(
    account: Leavings, tags: dict[str, str]
) -> None:
    """It was promoted, or a person said so, after reconcile had looked."""
    account.bake("ami-1", **tags)
    do(account, Verb.DISCARD_IMAGE, "ami-1")
    assert list(account.amis) == ["ami-1"]
    assert len(account.snapshots) == 2


def test_a_snapshot_of_no_image(account: Leavings) -> None:
    account.bake("ami-1")
    with pytest.raises(InfrastructureError, match="an image still uses snapshot snap-ami-1-0"):
        do(account, Verb.DELETE_SNAPSHOT, "snap-ami-1-0")
    account.amis.clear()
    do(account, Verb.DELETE_SNAPSHOT, "snap-ami-1-0")
    assert list(account.snapshots) == ["snap-ami-1-1"]


def test_an_image_is_told_that_it_serves(account: Leavings) -> None:
    account.bake("ami-1", state="tested")
    fleet = account.serve(promoted="2024-05-01T12:00:00+00:00")
    do(account, Verb.MARK_RELEASED, fleet)
    assert account.amis["ami-1"].tags[f"{t.SERVED}website"].startswith("2024-05-01T12:00:00")
    assert t.RELEASED in account.amis["ami-1"].tags
    do(account, Verb.MARK_RELEASED, "sfr-gone")


# -- discarding --


def gone(account: Leavings, name: str) -> list[str]:
    image = images.describe(account.aws(), name)
    assert image
    return discard(account.aws(), image, Clock(account), account.say)


def test_snapshots_are_waited_for(account: Leavings) -> None:
    """EC2 takes a moment until an image that was deregistered has let go of its snapshots."""
    account.bake("ami-1")
    account.in_use = {"snap-ami-1-1": 3}
    assert gone(account, "ami-1") == ["ami-1", "snap-ami-1-0", "snap-ami-1-1"]
    assert account.snapshots == {}
    assert 100 < account.time < 100 + SNAPSHOT_SECONDS
    assert account.said == ["discarded image ami-1 with 2 snapshots"]


def test_a_snapshot_that_another_image_was_made_of_stays_and_is_named(account: Leavings) -> None:
    account.bake("ami-1")
    account.in_use = {"snap-ami-1-1": 10_000}
    with pytest.raises(DeadlineExceeded, match=r"snapshots of ami-1 .*: in use: snap-ami-1-1"):
        gone(account, "ami-1")
    assert (account.amis, list(account.snapshots)) == ({}, ["snap-ami-1-1"])


def test_snapshots_of_an_image_that_never_was_tagged_are_known_as_ours_afterwards(
    account: Leavings,
) -> None:
    """Killed between CreateImage and its tags: only the image's name says whose they are."""
    image = account.bake("ami-1")
    release = image.tags[t.RELEASE]
    image.tags.clear()
    for marks in account.snapshots.values():
        marks.clear()
    account.in_use = {"snap-ami-1-0": 10_000}
    with pytest.raises(DeadlineExceeded):
        gone(account, "ami-1")
    assert images.snapshots_of_release(account.aws(), release) == ["snap-ami-1-0"]


def test_a_protected_image_keeps_its_snapshots(account: Leavings) -> None:
    account.bake("ami-1")
    account.in_use = {"ami-1": 1}
    with pytest.raises(SpotkilnError, match="deregistering ami-1"):
        gone(account, "ami-1")
    assert (list(account.amis), len(account.snapshots)) == (["ami-1"], 2)


# -- put off --


def test_what_is_put_off_is_remembered_on_the_thing_and_told_loudly_once(account: Leavings) -> None:
    account.bake("ami-1")
    levels: list[int] = []

    def put_off(tried: str) -> str:
        action = Action(verb=Verb.DISCARD_IMAGE, ids=("ami-1",), why="dead", tried=tried)
        error = InfrastructureError("it is protected")
        delayed = postpone(account.aws(), action, error, lambda _, level: levels.append(level))
        marked = account.amis["ami-1"].tags[t.PUT_OFF]
        assert PutOff.from_tag(marked) == delayed.put_off
        return marked

    first = put_off("")
    account.time += 600
    second = put_off(first)
    assert levels == [30, 20]
    before, after = PutOff.from_tag(first), PutOff.from_tag(second)
    assert before and after
    assert before.since == after.since < after.last
