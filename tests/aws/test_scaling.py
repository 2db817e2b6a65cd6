"""Scaling belongs to the release: it is suspended while one fleet takes over from another, and goes
on afterwards, whatever happened in between. With each launcher, without Prefect."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.aws.keep.carry_out import carry_out
from spotkiln.aws.keep.facts import gather
from spotkiln.aws.serve.auto_scaling.scaling import PROCESSES
from spotkiln.aws.serve.cancel import cancel
from spotkiln.aws.serve.gate import watch
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.promote import promote
from spotkiln.aws.serve.replace import retire_replaced
from spotkiln.aws.serve.serving import (
    grown,
    is_unchanged,
    resume_scaling,
    serving_now,
    sized,
)
from spotkiln.aws.serve.spot_fleet.scaling import PARTS
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.errors import SpotkilnError
from spotkiln.keep.action import Verb
from spotkiln.keep.reconcile import decide
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.gate import GateOutcome, Limits, Verdict
from spotkiln.serve.order import Order
from spotkiln.serve.scaling import Scaling, Scheduled
from spotkiln.serve.spec import FleetSpec, LauncherKind
from tests.aws.test_launchers import CLOCK, Made, infra, silent
from tests.sandbox.account import Account, eventually
from tests.unit import nouns
from tests.unit.nouns import TAGS

pytestmark = pytest.mark.sandbox

__all__ = ["infra"]
SCALING = Scaling(
    cpu_percent=50, requests_per_target=100, scheduled=[Scheduled(cron="0 8 * * 1-5", most=5)]
)
# On a busy host the sandbox's machines may answer late. What is scaled in here is more.
LIMITS = Limits(
    polls=1, settle=5, fulfilment=600, grace=600, recovery=600, health=900, losses=2, flaps=9
)
FIRST, SECOND, THIRD = (f"{one}-0123456789ab" for one in ("first", "second", "third"))


def gate(aws: Aws, fleet: Fleet, infra: Infra) -> Verdict:
    return watch(aws, fleet, infra, LIMITS, CLOCK, lambda *_: None)


class Scaled:
    """What AWS says of the scaling of a fleet, whoever launched it."""

    def __init__(self, account: Account, kind: LauncherKind) -> None:
        self.account, self.kind = account, kind
        self.client = account.client("application-autoscaling")
        self.spec = FleetSpec(
            capacity=2, most=6, instance_types=["t3.micro"], launcher=kind, scaling=SCALING
        )

    @property
    def grouped(self) -> bool:
        return self.kind is LauncherKind.GROUP

    def suspended(self, fleet: str) -> set[str]:
        if self.grouped:
            return {x["ProcessName"] for x in self.account.group(fleet)["SuspendedProcesses"]}
        [told] = self.targets(fleet)
        return {name for name, value in told["SuspendedState"].items() if value}

    def targets(self, fleet: str) -> list[dict[str, Any]]:
        asked = {"ServiceNamespace": "ec2", "ResourceIds": [f"spot-fleet-request/{fleet}"]}
        return list(self.client.describe_scalable_targets(**asked)["ScalableTargets"])

    def suspend(self, fleet: str, one: str) -> None:
        """As a person does it."""
        if self.grouped:
            self.account.scaling.suspend_processes(
                AutoScalingGroupName=fleet, ScalingProcesses=[one]
            )
        else:
            self.client.register_scalable_target(
                ServiceNamespace="ec2",
                ResourceId=f"spot-fleet-request/{fleet}",
                ScalableDimension="ec2:spot-fleet-request:TargetCapacity",
                SuspendedState={one: True},
            )

    @property
    def all(self) -> set[str]:
        return set(PROCESSES if self.grouped else PARTS)


@pytest.fixture(params=LauncherKind)
def scaled(request: pytest.FixtureRequest, account: Account) -> Iterator[Scaled]:
    yield Scaled(account, request.param)
    account.box.clear_faults()


@pytest.fixture
def launch(aws: Aws, account: Account, infra: Infra, scaled: Scaled) -> Callable[[str], Fleet]:
    """The beginning of a release, until its fleet is asked for."""

    def launch(release: str) -> Fleet:
        launchers(aws).suspend_scaling(serving_now(aws, infra), release)
        found = sized(aws, infra, scaled.spec)
        order = Order(
            wanted=found.spec,
            asked=scaled.spec,
            image=nouns.image(account.debian),
            infra=infra,
            tags={**TAGS, t.RELEASE: release},
            # On a busy host a machine may answer late: no group replaces one for that while the
            # test looks. In the sandbox it would do so after some real seconds.
            patience_seconds=7200,
            least=found.least,
        )
        return launchers(aws).launch(order, Made().note)

    return launch


@pytest.fixture
def released(aws: Aws, infra: Infra, launch: Callable[[str], Fleet]) -> Callable[[str], Fleet]:
    def released(release: str) -> Fleet:
        before = serving_now(aws, infra)
        new = launch(release)
        verdict = gate(aws, new, infra)
        assert verdict.outcome is GateOutcome.HEALTHY, verdict
        new = promote(aws, new, infra, before)
        retire_replaced(aws, infra, new, CLOCK, silent)
        return new

    return released


def capacity(aws: Aws, fleet: Fleet) -> int:
    found = launchers(aws).find(fleet.id)
    assert found is not None
    return found.capacity


def reconcile(aws: Aws, living: frozenset[str] = frozenset()) -> list[Verb]:
    done: list[Verb] = []
    while todo := decide(gather(aws, living)):
        for action in todo:
            carry_out(aws, action, clock=CLOCK, say=silent)
            done.append(action.verb)
        assert len(done) < 10, done
    return done


def test_what_was_scaled_out_is_replaced_by_as_many_and_scales_on(
    aws: Aws, account: Account, infra: Infra, scaled: Scaled, released: Callable[[str], Fleet]
) -> None:
    first = released(FIRST)
    assert scaled.suspended(first.id) == set()
    account.box.load(first.id, cpu=200)
    eventually(lambda: capacity(aws, first) == 4)
    eventually(lambda: sum(x["State"] == "healthy" for x in account.health().values()) == 4)
    # It is what was asked for, whatever its size.
    current = serving_now(aws, infra)[0]
    image = nouns.image(account.debian)
    assert is_unchanged(aws, infra, scaled.spec, image, current, CLOCK, silent)

    second = released(SECOND)
    assert (capacity(aws, second), scaled.suspended(second.id)) == (4, set())
    assert account.box.inventory()["scalable_targets"]["ids"] == (
        [] if scaled.grouped else [second.id]
    )
    account.box.load(second.id, requests=10)
    eventually(lambda: capacity(aws, second) == 2)
    eventually(lambda: sum(one.live for one in launchers(aws).members(second)) == 2)
    account.box.load(second.id)
    # No more than its most.
    account.box.come_due(second.id, "spotkiln-1")
    account.box.load(second.id, cpu=900)
    eventually(lambda: capacity(aws, second) == 5)
    assert reconcile(aws) == []


def test_another_launcher_takes_over_as_many_and_their_scaling(
    aws: Aws, account: Account, scaled: Scaled, released: Callable[[str], Fleet]
) -> None:
    first = released(FIRST)
    account.box.load(first.id, cpu=200)
    eventually(lambda: capacity(aws, first) == 4)
    scaled.kind = next(one for one in LauncherKind if one is not scaled.kind)
    scaled.spec = scaled.spec.model_copy(update={"launcher": scaled.kind})
    second = released(SECOND)
    assert second.launcher != first.launcher
    assert (capacity(aws, second), scaled.suspended(second.id)) == (4, set())
    # Nothing is left of what scaled the old one.
    targets = account.box.inventory()["scalable_targets"]["ids"]
    assert targets == ([] if scaled.grouped else [second.id])
    assert reconcile(aws) == []


def test_a_changed_setting_is_a_change_and_a_person_s_is_none(
    aws: Aws, account: Account, infra: Infra, scaled: Scaled, released: Callable[[str], Fleet]
) -> None:
    released(FIRST)
    current, image = serving_now(aws, infra)[0], nouns.image(account.debian)
    for change in ({"most": 7}, {"scaling": Scaling(cpu_percent=60)}):
        other = scaled.spec.model_copy(update=change)
        assert not is_unchanged(aws, infra, other, image, current, CLOCK, silent)


def test_neither_scales_while_one_takes_over(
    aws: Aws, account: Account, infra: Infra, scaled: Scaled, launch: Callable[[str], Fleet],
    released: Callable[[str], Fleet],
) -> None:  # fmt: skip
    first = released(FIRST)
    before = serving_now(aws, infra)
    new = launch(SECOND)
    for one in (first, new):
        assert scaled.suspended(one.id) == scaled.all
        account.box.load(one.id, cpu=300)
        account.box.come_due(one.id, "spotkiln-1")
    verdict = gate(aws, new, infra)
    assert verdict.outcome is GateOutcome.HEALTHY, verdict
    assert (capacity(aws, first), capacity(aws, new)) == (2, 2)
    # A person scales out what serves, at the worst moment.
    launchers(aws).resize(first, 4)
    larger = grown(aws, infra, scaled.spec, new)
    assert (larger.capacity, capacity(aws, new)) == (4, 4)
    verdict = gate(aws, larger, infra)
    assert verdict.outcome is GateOutcome.HEALTHY, verdict
    assert sum(one.live for one in launchers(aws).members(new)) == 4
    assert grown(aws, infra, scaled.spec, larger) == larger
    new = promote(aws, larger, infra, before)
    assert scaled.suspended(new.id) == scaled.all
    retire_replaced(aws, infra, new, CLOCK, silent)
    assert scaled.suspended(new.id) == set()


def test_one_that_is_scaled_in_at_the_gate_has_not_failed(
    aws: Aws, infra: Infra, scaled: Scaled, launch: Callable[[str], Fleet]
) -> None:
    scaled.spec = scaled.spec.model_copy(update={"capacity": 5})
    new = launch(FIRST)
    eventually(lambda: sum(one.live for one in launchers(aws).members(new)) == 5)
    if scaled.grouped:
        scaled.account.scaling.update_auto_scaling_group(AutoScalingGroupName=new.id, MinSize=1)

    def shrink(*_: object) -> None:
        if capacity(aws, new) == 5:
            launchers(aws).resize(new, 1)

    verdict = watch(aws, new, infra, LIMITS, CLOCK, shrink)
    assert verdict.outcome is GateOutcome.HEALTHY, verdict
    assert verdict.detail.startswith("1 of 1 healthy")


def test_after_a_rollback_the_old_one_scales_exactly_as_before(
    aws: Aws, infra: Infra, scaled: Scaled, launch: Callable[[str], Fleet],
    released: Callable[[str], Fleet],
) -> None:  # fmt: skip
    first = released(FIRST)
    by_hand = min(scaled.all)
    scaled.suspend(first.id, by_hand)
    before = [one.id for one in serving_now(aws, infra)]
    launch(SECOND)
    assert scaled.suspended(first.id) == scaled.all
    cancel(aws, infra, SECOND, before, CLOCK, silent)
    # Another attempt may follow: it is still suspended.
    assert scaled.suspended(first.id) == scaled.all
    assert [one.id for one in resume_scaling(aws, SECOND)] == [first.id]
    assert resume_scaling(aws, SECOND) == []
    # What a person had suspended stays so.
    assert scaled.suspended(first.id) == {by_hand}
    assert serving_now(aws, infra)[0].tags[t.SCALING] == "on"
    assert reconcile(aws) == []


# The last call that a release made, which of its kind, and whether it was carried out.
LAST = {
    LauncherKind.GROUP: (
        ("CreateOrUpdateTags", 1, True),
        ("SuspendProcesses", 1, True),
        ("SuspendProcesses", 2, True),
        ("PutScalingPolicy", 2, False),
        ("PutScheduledUpdateGroupAction", 1, True),
        ("ResumeProcesses", 1, False),
        ("ResumeProcesses", 1, True),
    ),
    LauncherKind.FLEET: (
        ("CreateTags", 1, True),
        ("RegisterScalableTarget", 1, True),
        ("RegisterScalableTarget", 2, True),
        ("PutScalingPolicy", 2, False),
        ("PutScheduledAction", 1, True),
        ("DeregisterScalableTarget", 1, True),
        ("RegisterScalableTarget", 3, False),
        ("RegisterScalableTarget", 3, True),
    ),
}


def test_a_release_that_dies_at_any_call_is_finished_or_undone(
    aws: Aws, account: Account, infra: Infra, scaled: Scaled, released: Callable[[str], Fleet]
) -> None:
    serves = released(FIRST).release
    for number, (operation, nth, carried_out) in enumerate(LAST[scaled.kind]):
        release = f"n{number}-0123456789ab"
        account.box.fault(operation, "error", nth=nth, code="Killed", carried_out=carried_out)
        with pytest.raises(SpotkilnError):
            released(release)
        account.box.clear_faults()
        reconcile(aws)
        [now] = serving_now(aws, infra)
        assert now.release in {serves, release}
        at = (operation, nth, carried_out)
        assert (scaled.suspended(now.id), now.tags[t.SCALING]) == (set(), "on"), at
        targets = account.box.inventory()["scalable_targets"]["ids"]
        assert targets == ([] if scaled.grouped else [now.id]), at
        serves = now.release


def test_reconcile_leaves_alone_what_a_living_release_has_suspended(
    aws: Aws, infra: Infra, scaled: Scaled, launch: Callable[[str], Fleet],
    released: Callable[[str], Fleet],
) -> None:  # fmt: skip
    first = released(FIRST)
    new = launch(SECOND)
    stale = decide(gather(aws, frozenset()))
    assert reconcile(aws, frozenset({SECOND})) == []
    # One that was decided before another release took it over does nothing, either.
    launchers(aws).suspend_scaling(serving_now(aws, infra), THIRD)
    for action in stale:
        if action.verb is Verb.RESUME_SCALING:
            carry_out(aws, action, clock=CLOCK, say=silent)
    assert scaled.suspended(first.id) == scaled.all
    assert {Verb.RESUME_SCALING, Verb.RETIRE_FLEETS} == {one.verb for one in stale}
    assert new.suspension is not None
