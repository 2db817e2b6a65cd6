"""What a release would do."""

from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.bake.changes import Changes, Commit, Dependency
from spotkiln.bake.configuration import Configuration, Known, Stored
from spotkiln.bake.layer import Layered
from spotkiln.bake.mounts import Mount
from spotkiln.bake.reuse import Reuse
from spotkiln.cli.plan import text
from spotkiln.release.plan import (
    Plan,
    compared_images,
    doubled,
    make_plan,
    side_by_side,
    what_would_change,
)
from spotkiln.release.release import ReleaseSpec
from spotkiln.serve.capacity import Size, size
from spotkiln.serve.foreign import Foreign, ForeignFleet
from spotkiln.serve.gate import GatePolicy
from spotkiln.serve.price import Estimate, Range
from spotkiln.serve.spec import FleetSpec
from spotkiln.serve.traffic import Traffic
from tests.unit import nouns

ANEW = Reuse(image=None, why="these inputs differ: source", differ=("source",))
PRICE = Estimate(asked=Range(least=0.01, most=0.02), on_demand=Range(least=0.04, most=0.04))


def again(image: str) -> Reuse:
    return Reuse(image=nouns.image(image), why="the same recipe")


def plan(**given: Any) -> Plan:
    settings: dict[str, Any] = {
        "found": ANEW,
        "serving": [nouns.fleet("sfr-1")],
        "retire": [nouns.fleet("sfr-1")],
        "unchanged": False,
        "size": Size(spec=FleetSpec()),
        "foreign": Foreign(),
        "quotas": [],
        "price": PRICE,
    }
    return make_plan(
        given.pop("spec", ReleaseSpec(app=nouns.app())),
        given.pop("infra", nouns.infra()),
        nouns.source(),
        "12ab",
        **{**settings, **given},
    )


def test_how_long_capacity_is_doubled() -> None:
    group = nouns.target_group()  # checks 5 s apart, 5 s of delay
    policy = GatePolicy(polls=3, fulfilment_seconds=60, grace_seconds=30, health_seconds=100)
    assert doubled(policy, group) == (15 + 5, 60 + 2 * (100 + 15) + 5 + 120)
    slow = nouns.target_group(slow_start=30)
    assert doubled(policy, slow) == (30 + 5, 60 + 2 * (100 + 30) + 5 + 120)


def test_with_two_target_groups_requests_are_handed_over_in_steps() -> None:
    steps = Traffic(
        steps=("10 % for 5 min", "100 %"), bake_seconds=600, alarms=("slow",), smoke="npm run smoke"
    )
    spec = ReleaseSpec(app=nouns.app(), traffic=steps)
    one = plan(spec=spec)
    assert one.requests == ""
    assert "requests" not in "\n".join(what_would_change(one))
    two = plan(spec=spec, infra=nouns.infra(second=nouns.target_group(name="website-green")))
    assert two.at_least_seconds == one.at_least_seconds + 900
    assert two.at_most_seconds == one.at_most_seconds + 2 * 900 + 300
    assert (
        "requests between website and website-green: 10 % for 300 s, 100 %; first the smoke test, "
        "'npm run smoke'; then 600 s in which one call brings the old servers back; alarm slow, "
        "errors would bring them back"
    ) in what_would_change(two)


def test_what_both_cost_together() -> None:
    old = [nouns.fleet("sfr-1", capacity=4), nouns.fleet("sfr-0", capacity=2)]
    assert side_by_side(PRICE, FleetSpec(capacity=2), old) == Range(least=0.04, most=0.08)
    assert side_by_side(PRICE, FleetSpec(capacity=2), []) == PRICE.asked
    assert side_by_side(Estimate(), FleetSpec(), old) == Range()


@pytest.mark.parametrize("unchanged", [True, False])
def test_changes(unchanged: bool) -> None:
    text = "\n".join(what_would_change(plan(unchanged=unchanged)))
    assert "bake and test anew: these inputs differ: source" in text
    assert "serves now: sfr-1 with commit c0ffeec0ffee" in text
    assert ("nothing to do" in text) is unchanged
    assert ("retire: sfr-1 (2 instances)" in text) is not unchanged
    assert ("side by side: 15 s at least" in text) is not unchanged
    assert ("0.0200 to 0.0400 USD per hour" in text) is not unchanged


def test_what_would_be_copied_is_neither_baked_nor_tested() -> None:
    found = Reuse(image=None, why="ami-7 of account 111111111111 was released there", copies=True)
    made = plan(found=found)
    lines = what_would_change(made)
    assert f"image: copy what was tested elsewhere: {found.why}" in lines
    assert (made.image, made.launched) == ("", "")


def test_what_has_changed_since_what_serves_is_told() -> None:
    commits = tuple(Commit(commit=f"{n:040x}", subject=f"commit {n}") for n in range(12))
    lines = what_would_change(plan(changes=Changes(since="a" * 40, commits=commits)))
    told = [line for line in lines if line.startswith("changes: ")]
    assert told[:2] == ["changes: 12 commits since aaaaaaaaaaaa", "changes: 000000000000 commit 0"]
    assert len(told) == 11


def test_the_settings_that_are_there_are_named() -> None:
    known = Known(
        sources=Configuration(parameters=("/shop/",)),
        parameters=(Stored(name="DATABASE_URL", version="1"),),
    )
    lines = what_would_change(plan(infra=nouns.infra(configuration=known)))
    assert "configuration: /shop/: DATABASE_URL" in lines


def test_the_first_release_retires_nothing() -> None:
    lines = what_would_change(plan(serving=[], retire=[], found=again("ami-7"), price=Estimate()))
    assert "serves now: nothing" in lines
    assert any(line.startswith("image: reuse ami-7: ") for line in lines)
    assert (
        "launch: 2 of t3.micro, t3a.micro, t3.small; unknown per hour (all On-Demand: unknown)"
        in lines
    )
    assert lines[-1] == "retire: nothing, for nothing of ours serves"


@pytest.mark.parametrize("adopt", [True, False])
def test_a_foreign_fleet_is_named_and_retired_if_it_is_to_be(adopt: bool) -> None:
    old = nouns.fleet("sfr-theirs", capacity=6, phase=None)
    found = plan(
        infra=nouns.infra(adopt=adopt),
        serving=[],
        retire=[],
        foreign=Foreign(fleets=(ForeignFleet(fleet=old),)),
    )
    text = "\n".join(what_would_change(found))
    assert "not ours: Spot Fleet sfr-theirs (6 instances): " in text
    assert ("retire: sfr-theirs (6 instances)" in text) is adopt
    assert ("both serve" in text) is not adopt


def test_a_fleet_that_was_scaled_is_replaced_by_one_of_its_size() -> None:
    now = nouns.fleet("sfr-1", capacity=6)
    found = plan(serving=[now], retire=[now], size=size(FleetSpec(), [now], nouns.START))
    assert found.capacity == 6
    # Twelve of them, at a price that is given for the six.
    assert found.both == Range(least=0.02, most=0.04)
    assert (
        "launch: 6 of t3.micro, t3a.micro, t3.small: as many as serve now; 2 are asked for; "
        "0.0100 to 0.0200 USD per hour (all On-Demand: 0.0400 USD)"
    ) in what_would_change(found)


def test_what_a_rollback_holds_is_planned_as_nothing_unless_a_person_says_otherwise() -> None:
    back = nouns.fleet("sfr-1")
    back = back.model_copy(update={"tags": {**back.tags, t.HELD: nouns.COMMIT[:12]}})
    last = what_would_change(plan(serving=[back]))[-1]
    assert last.startswith(
        f"nothing would be done: commit {nouns.COMMIT[:12]} is held since a roll"
    )
    spec = ReleaseSpec(app=nouns.app(), even_if_held=True)
    assert plan(serving=[back], spec=spec).held == ""


def test_a_plan_says_that_it_would_wait() -> None:
    words = "frozen until Mon 2026-11-30 07:00 CET (Fri 16:00 - Mon 07:00 Europe/Berlin)"
    assert f"it would wait: {words}" in what_would_change(
        plan().model_copy(update={"frozen": words})
    )


def test_what_a_bake_starts_from_is_told() -> None:
    layered = Layered(why="starts from ami-1: lock files, ... are the same")
    lines = what_would_change(plan(layered=layered))
    assert "dependencies: starts from ami-1: lock files, ... are the same" in lines
    assert not [one for one in what_would_change(plan()) if one.startswith("dependencies")]


def test_a_plan_names_the_file_system_of_each_folder() -> None:
    mount = Mount(folder="uploads", name="shop-files", source="fs-1.efs.example:/")
    told = text(plan(infra=nouns.infra(mounts=(mount,))))
    assert "mounts: uploads on shop-files (fs-1.efs.example:/)" in told.splitlines()
    assert "mounts:" not in text(plan())


def test_debians_packages_that_would_change() -> None:
    names = [f"lib{number}" for number in range(12)]
    packages = tuple(Dependency(name=x, before="1", now="2", file="") for x in names)
    lines = what_would_change(plan().model_copy(update={"packages": packages}))
    (told,) = [one for one in lines if one.startswith("Debian packages: ")]
    assert told.startswith("Debian packages: lib0 1 → 2; lib1 1 → 2; ")
    assert told.endswith("; lib9 1 → 2; and 2 more")
    assert not [one for one in what_would_change(plan()) if "Debian" in one]


def test_what_serves_is_compared_with_what_would_serve() -> None:
    image = nouns.fleet("sfr-1").image
    assert compared_images(plan(found=again("ami-7"))) == (image, "ami-7")
    assert compared_images(plan()) == (image, nouns.infra().base.id)
    assert compared_images(plan(serving=[])) is None
