"""Any launcher will do: each takes releases through the very same steps as Spot Fleet, Auto Scaling
and one that a test makes up."""

import time
from collections.abc import Iterator

import pytest

from spotkiln import tags as t
from spotkiln.aws.bake.infra import target_group
from spotkiln.aws.keep.carry_out import carry_out
from spotkiln.aws.keep.facts import gather
from spotkiln.aws.keep.ledger import read_back
from spotkiln.aws.serve import launchers as registry
from spotkiln.aws.serve.cancel import cancel
from spotkiln.aws.serve.evidence import collect
from spotkiln.aws.serve.foreign import look
from spotkiln.aws.serve.gate import watch
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.promote import promote
from spotkiln.aws.serve.replace import retire_replaced
from spotkiln.aws.serve.serving import is_unchanged, serving_now
from spotkiln.aws.serve.spot_fleet.launcher import SpotFleet
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.errors import InfrastructureError
from spotkiln.keep.action import Verb
from spotkiln.keep.reconcile import decide
from spotkiln.release.ledger import fates
from spotkiln.release.release import Fate
from spotkiln.serve.fleet import Fleet, Phase
from spotkiln.serve.gate import Cause, GateOutcome, Limits, Verdict
from spotkiln.serve.order import Order
from spotkiln.serve.spec import FleetSpec
from tests.aws.crew import Service
from tests.aws.groups import Groups
from tests.sandbox.account import Account, eventually
from tests.unit import nouns
from tests.unit.nouns import TAGS

pytestmark = pytest.mark.sandbox

LIMITS = Limits(
    polls=1, settle=5, fulfilment=300, grace=300, recovery=300, health=600, losses=0, flaps=2
)
SPEC = FleetSpec(capacity=2, instance_types=["t3.micro"])
Services = Service | Groups


class Hurried:
    """The sandbox's time goes faster, and so does that of whoever waits for it."""

    FACTOR = 10.0

    def now(self) -> float:
        return time.monotonic() * self.FACTOR

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.FACTOR)


CLOCK = Hurried()


def silent(text: str) -> None:
    del text


@pytest.fixture(params=["crew", "auto-scaling"])
def service(request: pytest.FixtureRequest, account: Account) -> Services:
    return Service() if request.param == "crew" else Groups(account)


@pytest.fixture(autouse=True)
def _both(service: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service for what is new; Spot Fleet for what is there."""
    monkeypatch.setattr(registry, "LAUNCHERS", (service.launcher, SpotFleet))


@pytest.fixture
def infra(aws: Aws, account: Account) -> Infra:
    found = account.ec2.describe_subnets()["Subnets"]
    groups = account.ec2.describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [found[0]["VpcId"]]}]
    )["SecurityGroups"]
    return nouns.infra(
        target_group=target_group(aws, "website"),
        vpc=found[0]["VpcId"],
        subnets=tuple(one["SubnetId"] for one in found),
        security_groups=(groups[0]["GroupId"],),
        fleet_role=account.fleet_role,
        instance_profile="",
        key_pair="",
    )


def order(account: Account, infra: Infra, release: str, spec: FleetSpec = SPEC) -> Order:
    return Order(
        wanted=spec,
        asked=spec,
        image=nouns.image(account.debian),
        infra=infra,
        tags={**TAGS, t.RELEASE: release},
    )


class Made:
    """What a release noted."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, str]] = []

    def note(self, kind: str, name: str) -> None:
        self.noted.append((kind, name))


def gate(aws: Aws, fleet: Fleet, infra: Infra) -> Verdict:
    return watch(aws, fleet, infra, LIMITS, CLOCK, lambda *_: None)


def released(
    aws: Aws, account: Account, infra: Infra, release: str, spec: FleetSpec = SPEC
) -> Fleet:
    """As tasks/serve does it: launch, gate, promote, retire."""
    before = serving_now(aws, infra)
    new = launchers(aws).launch(order(account, infra, release, spec), Made().note)
    verdict = gate(aws, new, infra)
    assert verdict.outcome is GateOutcome.HEALTHY, verdict
    new = promote(aws, new, infra, before)
    retire_replaced(aws, infra, new, CLOCK, silent)
    return new


def serving_targets(account: Account) -> set[str]:
    return {name for name, one in account.health().items() if one["State"] == "healthy"}


def reconcile(aws: Aws) -> list[Verb]:
    """Until nothing is left to do, as tasks/keep does it; no release lives."""
    done: list[Verb] = []
    for _ in range(4):
        todo = decide(gather(aws, frozenset()))
        for action in todo:
            carry_out(aws, action, clock=CLOCK, say=silent)
            done.append(action.verb)
        if not todo:
            break
    return done


def test_a_release_and_the_next_one(
    aws: Aws, account: Account, infra: Infra, service: Services
) -> None:
    first = released(aws, account, infra, "first-0123456789ab", service.spec)
    assert first.launcher == service.name
    assert [one.id for one in serving_now(aws, infra)] == [first.id]
    again = launchers(aws).launch(order(account, infra, first.release, service.spec), Made().note)
    assert (again.id, service.number) == (first.id, 1)
    old = {one.id for one in launchers(aws).members(first)}
    assert len(old) == 2

    second = released(aws, account, infra, "second-0123456789ab", service.spec)
    assert [one.id for one in serving_now(aws, infra)] == [second.id]
    # It is stopped before its machines end, and it is removed itself: nothing does that for us.
    assert service.calls[-2:] == [f"stop {first.id}", f"remove {first.id}"]
    gone = launchers(aws).find(first.id)
    assert gone is None or (gone.gone and gone.phase is Phase.RETIRING)
    assert {account.state(name) for name in old} == {"terminated"}
    assert serving_targets(account) == {one.id for one in launchers(aws).members(second)}
    assert reconcile(aws) == []


def test_one_that_is_lost_is_replaced_by_its_launcher_and_by_nobody_once_it_is_stopped(
    aws: Aws, account: Account, infra: Infra, service: Services
) -> None:
    new = released(aws, account, infra, "first-0123456789ab", service.spec)
    lost = launchers(aws).members(new)[0].id
    account.ec2.terminate_instances(InstanceIds=[lost])
    eventually(lambda: sum(one.live for one in launchers(aws).members(new)) == 2)
    launchers(aws).stop_replacing([new])
    kept = [one.id for one in launchers(aws).members(new) if one.live]
    account.ec2.terminate_instances(InstanceIds=kept[:1])
    account.until(kept[0], "terminated")
    assert [one.id for one in launchers(aws).members(new) if one.live] == kept[1:]


def test_another_launcher_takes_over_what_the_first_one_keeps(
    aws: Aws, account: Account, infra: Infra, service: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And back again, without loss."""
    monkeypatch.setattr(registry, "LAUNCHERS", (SpotFleet, service.launcher))
    first = released(aws, account, infra, "first-0123456789ab", SPEC)
    assert first.launcher == "Spot Fleet"
    image = nouns.image(account.debian)
    assert is_unchanged(aws, infra, SPEC, image, first, CLOCK, silent)

    monkeypatch.setattr(registry, "LAUNCHERS", (service.launcher, SpotFleet))
    # The same image with the same settings, and something is to be done all the same.
    assert not is_unchanged(aws, infra, service.spec, image, first, CLOCK, silent)
    second = released(aws, account, infra, "second-0123456789ab", service.spec)
    assert second.launcher == service.name
    assert account.fleet(first.id)["SpotFleetRequestState"] == "cancelled"
    assert len(account.box.inventory()["launch_templates"]["ids"]) == service.parts
    assert is_unchanged(aws, infra, service.spec, image, second, CLOCK, silent)

    monkeypatch.setattr(registry, "LAUNCHERS", (SpotFleet, service.launcher))
    third = released(aws, account, infra, "third-0123456789ab", SPEC)
    assert [one.id for one in serving_now(aws, infra)] == [third.id]
    assert service.calls[-1] == f"remove {second.id}"
    assert len(account.box.inventory()["launch_templates"]["ids"]) == 1
    assert reconcile(aws) == []


def test_what_a_dead_release_left_is_undone(
    aws: Aws, account: Account, infra: Infra, service: Services
) -> None:
    serves = released(aws, account, infra, "first-0123456789ab", service.spec)
    dead = launchers(aws).launch(
        order(account, infra, "dead-0123456789ab", service.spec), Made().note
    )
    eventually(lambda: launchers(aws).listing() and len(serving_targets(account)) == 4)
    assert reconcile(aws) == [Verb.RETIRE_FLEETS]
    assert service.calls[-2:] == [f"stop {dead.id}", f"remove {dead.id}"]
    assert serving_targets(account) == {one.id for one in launchers(aws).members(serves)}


def test_a_retirement_that_was_begun_is_finished(
    aws: Aws, account: Account, infra: Infra, service: Services
) -> None:
    """Killed between the promotion and the end of what it replaced."""
    first = released(aws, account, infra, "first-0123456789ab", service.spec)
    new = launchers(aws).launch(
        order(account, infra, "second-0123456789ab", service.spec), Made().note
    )
    assert gate(aws, new, infra).outcome is GateOutcome.HEALTHY
    promote(aws, new, infra, [first])
    launchers(aws).set_phase(first, Phase.RETIRING)
    launchers(aws).stop_replacing([first])
    assert reconcile(aws) == [Verb.RETIRE_FLEETS]
    assert service.calls[-1] == f"remove {first.id}"
    assert [one.id for one in serving_now(aws, infra)] == [new.id]


def test_what_comes_when_its_fleet_is_gone_is_drained(
    aws: Aws, account: Account, infra: Infra, service: Services
) -> None:
    if isinstance(service, Groups):
        pytest.skip("AWS ends the instances of a group with it")
    new = launchers(aws).launch(
        order(account, infra, "dead-0123456789ab", service.spec), Made().note
    )
    cancel(aws, infra, new.release, [], CLOCK, silent)
    late = account.run(
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": t.to_aws({**new.tags, service.member: new.id})}
        ]
    )
    account.until(late, "running")
    assert reconcile(aws) == [Verb.DRAIN_INSTANCES]
    account.until(late, "terminated")


def test_an_undone_launch_leaves_nothing_and_a_changed_world_is_told(
    aws: Aws, account: Account, infra: Infra, service: Services
) -> None:
    serves = released(aws, account, infra, "first-0123456789ab", service.spec)
    made = Made()
    new = launchers(aws).launch(
        order(account, infra, "second-0123456789ab", service.spec), made.note
    )
    assert made.noted[service.parts :] == [(service.resource, new.id)]
    assert len(made.noted) == service.parts + 1
    with pytest.raises(InfrastructureError, match="what serves changed"):
        cancel(aws, infra, new.release, ["sfr-other"], CLOCK, silent)
    told = cancel(aws, infra, new.release, [serves.id], CLOCK, silent)
    # The first call had taken it away already. AWS may tell of it still.
    assert told == [new.id] * service.told_afterwards
    assert service.calls[-1] == f"remove {new.id}"
    entries = fates(read_back(aws, new.release, "x", made.noted), {})
    assert (service.resource, new.id) in [(one.kind, one.id) for one in entries]
    assert {one.fate for one in entries} == {Fate.DESTROYED}


def test_the_ledger_tells_what_serves(
    aws: Aws, account: Account, infra: Infra, service: Services
) -> None:
    new = released(aws, account, infra, "first-0123456789ab", service.spec)
    entries = fates(
        read_back(aws, new.release, "x", []), dict.fromkeys((new.id, *new.parts), "serves")
    )
    kinds = sorted(one.kind for one in entries)
    made = [service.resource, *["launch-template"] * service.parts]
    assert kinds == sorted([*made, "instance", "instance", "volume", "volume"])
    assert {one.fate for one in entries} == {Fate.KEPT}


@pytest.fixture
def no_capacity(account: Account, service: Services) -> Iterator[None]:
    service.refuse(account.box, "VcpuLimitExceeded")
    yield
    account.box.clear_faults()
    account.box.clear_capacity()


@pytest.mark.usefixtures("no_capacity")
def test_a_launchers_problem_ends_the_gate_with_its_meaning(
    aws: Aws, account: Account, infra: Infra, service: Services
) -> None:
    new = launchers(aws).launch(
        order(account, infra, "first-0123456789ab", service.spec), Made().note
    )
    verdict = gate(aws, new, infra)
    assert (verdict.outcome, verdict.cause) == (GateOutcome.FAILED, Cause.CAPACITY)
    assert "the fleet launches nothing: " in verdict.detail
    assert "VcpuLimitExceeded" in verdict.detail
    assert "Service Quotas" in verdict.advice
    assert collect(aws, new, infra).history[0].count(service.history) == 1


def test_one_that_is_not_ours_is_found_and_adopted(
    aws: Aws, account: Account, infra: Infra, service: Services
) -> None:
    theirs = launchers(aws).launch(order(account, infra, "theirs", service.spec), Made().note)
    service.give_away(theirs.id)
    eventually(lambda: launchers(aws).listing() and len(serving_targets(account)) == 2)
    found = look(aws, infra.target_group)
    assert [(one.fleet.launcher, one.fleet.id) for one in found.fleets] == [
        (service.name, theirs.id)
    ]
    assert [one.id for one in found.adoptable] == [theirs.id]
    adopting = infra.model_copy(update={"adopt": True})
    new = released(aws, account, adopting, "first-0123456789ab", service.spec)
    assert service.calls[-1] == f"remove {theirs.id}"
    assert serving_targets(account) == {one.id for one in launchers(aws).members(new)}
