"""Further target groups: the same servers behind several load balancers, gated over all, and taken
from all."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.keep.carry_out import carry_out
from spotkiln.aws.serve.auto_scaling.request import group_request
from spotkiln.aws.serve.gate import watch
from spotkiln.aws.serve.launch_template import launch_template_request
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.promote import promote
from spotkiln.aws.serve.retire import retire
from spotkiln.aws.serve.serving import is_unchanged
from spotkiln.aws.serve.serving import require_first as look_again
from spotkiln.aws.serve.spot_fleet.request import spot_fleet_request
from spotkiln.bake.infra import Infra
from spotkiln.errors import InputError
from spotkiln.keep.action import Action, Verb
from spotkiln.keep.facts import Facts
from spotkiln.keep.reconcile import decide
from spotkiln.serve.fleet import Fleet, Phase
from spotkiln.serve.foreign import adopted, sort_out
from spotkiln.serve.gate import GateOutcome, GatePolicy, Verdict, limits
from spotkiln.serve.order import Order, settings_digest
from spotkiln.serve.serving import newest_serving, require_first, require_own, retirees
from spotkiln.serve.spec import FleetSpec
from tests.unit import nouns
from tests.unit.memory import DELAY, Memory, Ticks
from tests.unit.nouns import GROUP, START, TAGS

INNER = GROUP.replace("website/1", "website-internal/2")
THIRD = GROUP.replace("website/1", "website-admin/3")
INTERNAL = nouns.target_group(arn=INNER, name="website-internal", port=8081)
ADMIN = nouns.target_group(arn=THIRD, name="website-admin")
SPEC = FleetSpec(capacity=2)


def infra(*also: Any) -> Infra:
    return nouns.infra(also=also or (INTERNAL,))


def order(where: Infra) -> Order:
    return Order(wanted=SPEC, asked=SPEC, image=nouns.image(), infra=where, tags=TAGS)


def told(name: str = "sfr-1", *groups: str, **changes: Any) -> Fleet:
    """As a launcher tells of one that was launched for these further groups."""
    names = " ".join(arn.split("/")[1] for arn in groups[1:])
    marks = {t.ALSO_BEHIND: names} if names else {}
    found = nouns.fleet(name, **changes).model_dump()
    return Fleet.model_validate(
        {**found, "target_groups": groups, "tags": {**found["tags"], **marks}}
    )


# -- what is asked for --


def test_both_launchers_register_servers_with_all_of_them() -> None:
    wanted = order(infra(INTERNAL, ADMIN))
    fleet = spot_fleet_request(wanted, "lt-1")["LoadBalancersConfig"]["TargetGroupsConfig"]
    assert fleet == {"TargetGroups": [{"Arn": GROUP}, {"Arn": INNER}, {"Arn": THIRD}]}
    assert group_request(wanted, "lt-1")["TargetGroupARNs"] == [GROUP, INNER, THIRD]
    assert wanted.fleet_tags[t.ALSO_BEHIND] == "website-internal website-admin"
    assert t.ALSO_BEHIND not in order(nouns.infra()).fleet_tags


def test_a_machine_knows_all_that_it_must_leave() -> None:
    """A tag takes 256 characters: two of the longest ARNs."""
    found = launch_template_request(order(infra()))["LaunchTemplateData"]["TagSpecifications"][0]
    assert t.from_aws(found["Tags"])[t.TARGET_GROUP_ARN] == f"{GROUP} {INNER}"
    long = [f"{n}".ljust(120, "x") for n in range(5)]
    assert t.leaving(long) == {
        "spotkiln:target-group-arn": f"{long[0]} {long[1]}",
        "spotkiln:target-group-arn-2": f"{long[2]} {long[3]}",
        "spotkiln:target-group-arn-3": long[4],
    }


def test_another_list_is_another_setting_but_another_order_is_not() -> None:
    def digest(where: Infra) -> str:
        return settings_digest(SPEC, where)

    assert digest(infra(INTERNAL, ADMIN)) == digest(infra(ADMIN, INTERNAL))
    assert len({digest(nouns.infra()), digest(infra(INTERNAL)), digest(infra(ADMIN))}) == 3


# -- what counts --


def test_a_fleet_counts_for_its_first_group_alone() -> None:
    # AWS promises no order of the groups.
    for groups in ((GROUP, INNER), (INNER, GROUP)):
        marks = {**nouns.fleet().tags, t.ALSO_BEHIND: "website-internal"}
        found = nouns.fleet(target_groups=groups, tags=marks)
        assert (found.target_groups, found.also) == ((GROUP,), (INNER,))
        assert found.groups == (GROUP, INNER)
        assert found.group_names == {"website"}
        assert Fleet.model_validate_json(found.model_dump_json()) == found
    # Somebody else's of two groups counts for both.
    assert nouns.fleet(target_groups=(GROUP, INNER)).also == ()


def test_a_release_replaces_what_has_another_list() -> None:
    old = told("sfr-1", GROUP, INNER)
    new = told("sfr-2", GROUP, THIRD, created=START + timedelta(hours=1))
    assert newest_serving([old, new]) == {GROUP: new}
    assert retirees([old, new], GROUP, new) == [old]
    # Reconcile takes it away as well, though nothing newer is in its further group.
    [action] = decide(Facts(fleets=(old, new)))
    assert (action.verb, action.ids, action.target_group) == (
        Verb.RETIRE_FLEETS, ("sfr-1",), GROUP,
    )  # fmt: skip


def test_an_orphan_leaves_all_groups() -> None:
    marks = {t.RELEASE: "demo-1"}
    old = told("sfr-1", GROUP, INNER, phase=Phase.RETIRING, state="cancelled")
    left = nouns.instance("i-1", fleet="sfr-1", tags=marks)
    [action] = decide(Facts(fleets=(old,), instances=(left,)))
    assert (action.verb, action.target_group, action.also) == (
        Verb.DRAIN_INSTANCES, GROUP, (INNER,),
    )  # fmt: skip


# -- whose they are --


def test_nobody_joins_a_group_in_which_others_servers_are() -> None:
    theirs = told("sfr-9", THIRD, INNER)
    mine = told("sfr-1", GROUP)
    with pytest.raises(InputError, match=r"target group website-internal \(sfr-9 .* website-admin"):
        require_own([theirs, mine], nouns.target_group(), [INTERNAL])
    # Nor may it be the first of one and a further one of another.
    with pytest.raises(InputError, match="target group website-internal"):
        require_own([theirs, mine], INTERNAL)
    # About to serve is as bad; what goes is not.
    pending = told("sfr-9", THIRD, INNER, phase=Phase.PENDING)
    with pytest.raises(InputError):
        require_own([pending], nouns.target_group(), [INTERNAL])
    require_own([told("sfr-9", THIRD, INNER, phase=Phase.RETIRING)], INTERNAL)
    require_own([theirs, mine], nouns.target_group())
    require_own([told("sfr-1", GROUP, INNER)], nouns.target_group(), [INTERNAL])
    # Where both are in it already, a rollback must be possible.
    require_own([theirs, told("sfr-1", GROUP, INNER)], nouns.target_group(), [INTERNAL])


def test_of_two_that_launched_within_seconds_the_later_one_goes() -> None:
    """Each holds the turn of its own first group, and neither saw the other before."""
    home, pending, later = nouns.target_group(), Phase.PENDING, START + timedelta(seconds=1)
    mine = told("sfr-1", GROUP, INNER, phase=pending, created=START)
    theirs = told("sfr-2", THIRD, INNER, phase=pending, created=later)
    require_first([mine, theirs], mine, home, [INTERNAL])
    with pytest.raises(InputError, match="in target group website-internal"):
        require_first([mine, theirs], theirs, ADMIN, [INTERNAL])
    # In the same second one of the two, and not both.
    same = told("sfr-2", THIRD, INNER, phase=pending, created=START)
    require_first([same, mine], mine, home, [INTERNAL])
    with pytest.raises(InputError):
        require_first([same, mine], same, ADMIN, [INTERNAL])
    # What AWS does not list yet is the later one; what serves already stays.
    with pytest.raises(InputError):
        require_first([theirs], mine, home, [INTERNAL])
    serves = told("sfr-2", THIRD, INNER, created=later)
    with pytest.raises(InputError):
        require_first([mine, serves], mine, home, [INTERNAL])
    require_first([mine, serves], serves, ADMIN, [INTERNAL])
    # What is its own, and what is elsewhere, is nobody else's.
    require_first([told("sfr-0", GROUP, INNER), mine], mine, home, [INTERNAL])
    require_first([told("sfr-0", THIRD), mine], mine, home, [INTERNAL])


def test_a_release_looks_after_its_launch_and_before_its_promotion() -> None:
    account = Memory()
    mine, theirs = infra(), nouns.infra(target_group=ADMIN, also=(INTERNAL,))
    first = launchers(account.aws()).launch(order(mine), note=lambda *_: None)
    account.time += 2
    marks = {**TAGS, t.RELEASE: "demo-2"}
    other = Order(wanted=SPEC, asked=SPEC, image=nouns.image(), infra=theirs, tags=marks)
    second = launchers(account.aws()).launch(other, note=lambda *_: None)
    look_again(account.aws(), mine, first)
    for look in (look_again, lambda aws, where, fleet: promote(aws, fleet, where, [])):
        with pytest.raises(InputError, match=f"website-internal \\({first.id} of"):
            look(account.aws(), theirs, second)
    assert account.fleets[second.id].tags[t.PHASE] == "pending"
    assert promote(account.aws(), first, mine, []).phase is Phase.SERVING


def test_what_serves_only_these_groups_can_be_adopted() -> None:
    both = nouns.fleet("sfr-a", phase=None, target_groups=(GROUP, INNER))
    inner = nouns.fleet("sfr-b", phase=None, target_groups=(INNER,))
    wide = nouns.fleet("sfr-c", phase=None, target_groups=(GROUP, THIRD))
    fleets = (both, inner, wide)
    found = sort_out(GROUP, fleets, {}, (), {}, also={INNER})
    assert [one.id for one in found.adoptable] == ["sfr-a", "sfr-b"]
    assert found.fleets[2].unfit == "it serves website-admin too"
    # Without the further group both would lose what they serve beside.
    assert sort_out(GROUP, fleets, {}, (), {}).adoptable == []
    # From then on they count for the first group, and leave all that they are in.
    for one, groups in ((both, (GROUP, INNER)), (inner, (GROUP, INNER))):
        taken = adopted(one, "demo-1", GROUP)
        assert (taken.target_groups, taken.groups) == ((GROUP,), groups)
        newer = told("sfr-2", GROUP, INNER, created=START + timedelta(hours=1))
        [action] = decide(Facts(fleets=(taken, newer)))
        assert action.ids == (one.id,)


# -- how long it takes --


def test_the_slowest_group_says_how_long_the_gate_waits() -> None:
    slow = nouns.health_check(interval=30, healthy_threshold=5)
    other = INTERNAL.model_copy(
        update={"health_check": slow, "slow_start": 60, "cross_zone": False}
    )
    alone, inner = limits(GatePolicy(), nouns.target_group()), limits(GatePolicy(), other)
    both = limits(GatePolicy(), nouns.target_group(), other)
    assert (both.settle, both.grace, both.health) == (inner.settle, inner.grace, inner.health)
    assert both.settle > alone.settle
    assert (both.slow_start, both.every_zone) == (60, True)
    assert both == limits(GatePolicy(), other, nouns.target_group())


# -- with an account --


class Account(Memory):
    """One fleet of two behind two target groups; it is the clock as well. `inner` are the targets
    of the further one, as `targets` are the first one's; None: somebody has deleted it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner: dict[str, float] | None = {}
        self.bad: set[str] = set()
        self.inner_delay = 2 * DELAY
        self.time = 100.0
        made = spot_fleet_request(order(infra()), "lt-1")
        marks = {**nouns.fleet().tags, t.ALSO_BEHIND: "website-internal", t.CAPACITY: "2"}
        marks[t.SETTINGS] = settings_digest(SPEC, infra())
        made["TagSpecifications"] = [{"Tags": t.to_aws(marks)}]
        name = self.request_spot_fleet({"SpotFleetRequestConfig": made})["SpotFleetRequestId"]
        self.said: list[str] = []
        found = launchers(self.aws()).find(name)
        assert found
        self.fleet = found

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def launch(self, fleet: str, number: int = 1, *, serves: bool = True) -> list[str]:
        names = super().launch(fleet, number, serves=serves)
        if self.inner is not None:
            self.inner |= dict.fromkeys(names, 0.0)
        return names

    def _inner(self) -> dict[str, float]:
        if self.inner is None:
            error: Any = {"Error": {"Code": "TargetGroupNotFound", "Message": "gone"}}
            raise ClientError(error, "DescribeTargetHealth")
        for name, since in list(self.inner.items()):
            if since and self.time >= since + self.inner_delay:
                del self.inner[name]
        return self.inner

    def describe_target_group_attributes(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["TargetGroupArn"] != INNER:
            return super().describe_target_group_attributes(asked)
        self._inner()
        value = str(int(self.inner_delay))
        return {"Attributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": value}]}

    def describe_target_health(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["TargetGroupArn"] != INNER:
            return super().describe_target_health(asked)
        known, sick = self.targets, self.sick
        self.targets, self.sick = self._inner(), self.bad
        try:
            return super().describe_target_health({"TargetGroupArn": GROUP})
        finally:
            self.targets, self.sick = known, sick

    def deregister_targets(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["TargetGroupArn"] != INNER:
            return super().deregister_targets(asked)
        for one in asked["Targets"]:
            self._inner()[one["Id"]] = self.time
        return {}

    def terminate_instances(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self.inner is not None:
            self.torn += [one for one in asked["InstanceIds"] if one in self._inner()]
        return super().terminate_instances(asked)

    def retire(self) -> list[str]:
        gone = retire(
            self.aws(),
            [self.fleet],
            target_group=GROUP,
            delay=int(DELAY),
            clock=Ticks(self),
            say=self.said.append,
        )
        return [one.id for one in gone]

    def verdict(self) -> Verdict:
        bounds = limits(GatePolicy(boot_seconds=20), *infra().groups)
        return watch(
            self.aws(), self.fleet, infra(), bounds, Ticks(self), lambda *_: None
        )  # fmt: skip


@pytest.fixture
def account() -> Account:
    return Account()


def test_a_server_ends_once_all_load_balancers_have_let_go_of_it(account: Account) -> None:
    assert len(account.retire()) == 2
    assert account.torn == []
    assert (account.targets, account.inner) == ({}, {})
    assert "draining 2 targets, 10 s of deregistration delay" in account.said


def test_one_that_comes_late_leaves_the_further_group_as_well(account: Account) -> None:
    def before(name: str) -> None:
        if name == "terminate_instances" and len(account.machines) == 2:
            account.launch(account.fleet.id, serves=False)

    account.before = before
    assert len(account.retire()) == 3
    assert (account.torn, account.inner) == ([], {})


def test_a_further_group_that_was_deleted_meanwhile_holds_nothing(account: Account) -> None:
    account.inner = None
    assert len(account.retire()) == 2
    assert account.torn == []


def test_reconcile_drains_an_orphan_from_all_groups(account: Account) -> None:
    account.before = lambda _: None
    names = tuple(account.machines)
    orphans = Action(
        verb=Verb.DRAIN_INSTANCES, ids=names, why="", target_group=GROUP, also=(INNER,)
    )
    carry_out(account.aws(), orphans, clock=Ticks(account), say=account.said.append)
    assert account.torn == []
    assert {one.state for one in account.machines.values()} == {"terminated"}


def test_the_gate_passes_when_all_are_healthy_everywhere(account: Account) -> None:
    assert account.verdict().outcome is GateOutcome.HEALTHY


def test_the_gate_names_the_group_in_which_one_is_not_healthy(account: Account) -> None:
    [first, _] = account.machines
    account.bad = {first}
    found = account.verdict()
    assert found.outcome is GateOutcome.FAILED
    assert f"{first} unhealthy in website-internal (Target.FailedHealthChecks)" in found.detail


def test_one_that_a_group_does_not_know_is_not_healthy(account: Account) -> None:
    assert account.inner
    del account.inner[min(account.inner)]
    found = account.verdict()
    assert found.outcome is GateOutcome.FAILED
    assert "unregistered in website-internal" in found.detail


def test_what_serves_is_unchanged_only_if_it_is_whole_everywhere(account: Account) -> None:
    def unchanged(where: Infra) -> bool:
        aws = account.aws()
        return is_unchanged(
            aws, where, SPEC, nouns.image(), account.fleet, Ticks(account), account.said.append
        )

    assert unchanged(infra())
    assert not unchanged(nouns.infra())
    account.bad = set(account.machines)
    assert not unchanged(infra())
    assert "not whole" in account.said[-1]
