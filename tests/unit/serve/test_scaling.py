"""By what, and when, AWS scales: what may be asked for, what holds when, and what AWS is told."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from spotkiln import tags as t
from spotkiln.aws.serve.auto_scaling import scaling as of_groups
from spotkiln.aws.serve.balancing import label
from spotkiln.aws.serve.spot_fleet import scaling as of_fleets
from spotkiln.errors import InputError
from spotkiln.serve.capacity import size, to_grow
from spotkiln.serve.evidence import without_scaled_in
from spotkiln.serve.fleet import Phase
from spotkiln.serve.order import Order, settings_digest
from spotkiln.serve.scaling import Bounds, Scaling, Scheduled, Suspension, aws_schedule
from spotkiln.serve.serving import suspended_by
from spotkiln.serve.spec import FleetSpec, LauncherKind
from tests.unit import nouns, shapes
from tests.unit.nouns import RELEASE, TAGS

DAY = Scheduled(cron="0 8 * * 1-5", timezone="Europe/Berlin", minimum=4)
NIGHT = Scheduled(cron="0 20 * * *", timezone="Europe/Berlin", minimum=1, most=3)
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 26, 23, tzinfo=UTC)


def spec(**changes: Any) -> FleetSpec:
    scaling = Scaling(cpu_percent=50, requests_per_target=300, scheduled=[DAY, NIGHT])
    return FleetSpec(**{"capacity": 2, "most": 8, "scaling": scaling, **changes})


# -- what may be asked for --


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ({}, "changes nothing: say minimum, most or desired"),
        ({"minimum": 4, "most": 3}, "expected minimum <= desired <= most .* got minimum 4"),
        ({"minimum": 4, "desired": 3}, "got minimum 4, desired 3, most None"),
        ({"minimum": 1, "timezone": "Berlin"}, "expected a time zone like Europe/Berlin, got"),
        ({"minimum": 1, "cron": "8:00"}, "expected minute, hour, day, month, weekday"),
    ],
)
def test_a_scheduled_action_that_makes_no_sense(action: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Scheduled(**{"cron": "0 8 * * *", **action})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"most": 1000}, "may launch up to 1000 servers: say with most how many"),
        ({"most": 1}, "most is 1, less than the capacity of 2"),
        (
            {"scaling": Scaling(scheduled=[Scheduled(cron="0 8 * * *", minimum=9)])},
            "asks for at least 9, and at most 8 are allowed",
        ),
        (
            {"scaling": Scaling(scheduled=[Scheduled(cron="0 8 * * *", most=1)])},
            "allows at most 1, and at least 2 are asked for: say a minimum there",
        ),
        (
            {
                "launcher": LauncherKind.GROUP,
                "scaling": Scaling(scheduled=[Scheduled(cron="0 8 * * *", desired=9)]),
            },
            "asks for 9, and at most 8 are allowed",
        ),
        ({"on_demand": 2}, "on_demand is 2, and a scheduled action goes down to 1"),
        (
            {"scaling": Scaling(scheduled=[Scheduled(cron="0 8 * * *", desired=3)])},
            "says desired, which the launcher spot-fleet does not know",
        ),
        (
            {"scaling": Scaling(scheduled=[Scheduled(cron="0 8 1 * 1", minimum=3)])},
            "a day of the month and a weekday: the launcher spot-fleet takes one of them",
        ),
    ],
)
def test_what_does_not_fit_together(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        spec(**changes)


@pytest.mark.parametrize(
    ("cron", "aws"),
    [
        ("0 8 * * *", "cron(0 8 * * ? *)"),
        ("0 8 1 * *", "cron(0 8 1 * ? *)"),
        ("*/5 8 * 1-3 1-5", "cron(*/5 8 ? 1-3 MON,TUE,WED,THU,FRI *)"),
        ("0 8 * * 7,6", "cron(0 8 ? * SUN,SAT *)"),
        ("0 8 * * sun", "cron(0 8 ? * SUN *)"),
    ],
)
def test_cron_as_application_auto_scaling_has_it(cron: str, aws: str) -> None:
    assert aws_schedule(Scheduled(cron=cron, minimum=1)) == aws


# -- what holds when --


@pytest.mark.parametrize(
    ("now", "bounds"),
    [
        # The most of the night stays: the day does not name one.
        (NOON, Bounds(least=4, most=4)),
        (MIDNIGHT, Bounds(least=1, most=3)),
        # On a Saturday the night's holds on.
        (datetime(2026, 11, 28, 12, tzinfo=UTC), Bounds(least=1, most=3)),
    ],
)
def test_the_last_scheduled_action_holds(now: datetime, bounds: Bounds) -> None:
    assert spec().bounds_at(now) == bounds


def test_without_any_the_deployment_s_numbers_hold() -> None:
    assert FleetSpec(capacity=2, most=8).bounds_at(NOON) == Bounds(least=2, most=8)


def test_a_release_at_night_launches_what_serves_at_night() -> None:
    one = nouns.fleet(capacity=1)
    found = size(spec(), [one], MIDNIGHT)
    assert (found.spec.capacity, found.spec.most, found.least) == (1, 3, 1)
    assert found.why == "by a scheduled action"
    assert size(spec(), [nouns.fleet(capacity=2)], MIDNIGHT).spec.capacity == 2
    assert size(spec(), [nouns.fleet(capacity=5)], MIDNIGHT).spec.capacity == 3


def test_a_new_fleet_grows_to_what_serves_and_no_further() -> None:
    asked = FleetSpec(capacity=2, most=6)
    new = nouns.fleet("sfr-2", capacity=2)
    for serve, wanted in ((2, 0), (4, 4), (9, 6), (1, 0)):
        old = nouns.fleet(capacity=serve)
        assert to_grow(new, asked, [old], NOON) == wanted
    assert to_grow(new, asked, [], NOON) == 0


def test_scaling_is_a_setting_and_its_absence_is_none() -> None:
    bare = FleetSpec(capacity=2)
    infra = nouns.infra()
    assert settings_digest(bare, infra) == settings_digest(FleetSpec(capacity=3, most=9), infra)
    digests = {
        settings_digest(one, infra)
        for one in (bare, spec(), spec(capacity=3), spec(most=9), spec(scaling=Scaling()))
    }
    assert len(digests) == 4


# -- the journal --


def test_a_suspension_is_read_back() -> None:
    for one in (Suspension(release="a", of=("x", "y")), Suspension(release="a")):
        assert Suspension.from_tag(one.to_tag()) == one
    for text in ("", "on", "suspended", "else a"):
        assert Suspension.from_tag(text) is None
    assert Suspension(release="a", of=("x",)).by("b") == Suspension(release="b", of=("x",))


def test_only_what_serves_and_was_suspended_by_that_release() -> None:
    def one(phase: Phase, value: str) -> Any:
        found = nouns.fleet(phase=phase)
        return found.model_copy(update={"tags": {**found.tags, t.SCALING: value}})

    good = one(Phase.SERVING, "suspended a x")
    others = [one(Phase.SERVING, "on"), one(Phase.SERVING, "suspended b x"), nouns.fleet()]
    assert suspended_by("a", [good, one(Phase.PENDING, "suspended a x"), *others]) == [good]


# -- what AWS is told --


BALANCER = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/{}/web/50dc6c49"


def order(kind: LauncherKind) -> Order:
    wanted = spec(launcher=kind)
    group = nouns.target_group(load_balancers=(BALANCER.format("app"),))
    infra = nouns.infra(target_group=group)
    return Order(wanted=wanted, asked=wanted, image=nouns.image(), infra=infra, tags=TAGS, least=1)


def test_a_group_s_policies_and_actions() -> None:
    asked = order(LauncherKind.GROUP)
    assert asked.fleet_tags[t.SCALING] == f"suspended {RELEASE}"
    assert asked.bounds == Bounds(least=1, most=8)
    requests = [
        of_groups.policy_request(asked, "web", name, value)
        for name, value in asked.asked.scaling.targets.items()
    ]
    for one in requests:
        assert shapes.problems("autoscaling", "PutScalingPolicy", one) == []
    cpu, load = (one["TargetTrackingConfiguration"] for one in requests)
    assert cpu == {
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
        "TargetValue": 50.0,
    }
    metric = load["PredefinedMetricSpecification"]
    assert metric["ResourceLabel"] == label(asked.infra.target_group)
    action = of_groups.action_request("web", "spotkiln-2", NIGHT)
    assert shapes.problems("autoscaling", "PutScheduledUpdateGroupAction", action) == []
    assert action == {
        "AutoScalingGroupName": "web",
        "ScheduledActionName": "spotkiln-2",
        "Recurrence": "0 20 * * *",
        "TimeZone": "Europe/Berlin",
        "MinSize": 1,
        "MaxSize": 3,
    }


def test_a_spot_fleet_s_target_policies_and_actions() -> None:
    asked, service = order(LauncherKind.FLEET), "application-autoscaling"
    target = of_fleets.target_request(asked, "sfr-1")
    assert shapes.problems(service, "RegisterScalableTarget", target) == []
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 8)
    assert set(target["SuspendedState"].values()) == {True}
    for name, value in asked.asked.scaling.targets.items():
        policy = of_fleets.policy_request(asked, "sfr-1", name, value)
        assert shapes.problems(service, "PutScalingPolicy", policy) == []
    action = of_fleets.action_request("sfr-1", "spotkiln-2", NIGHT)
    assert shapes.problems(service, "PutScheduledAction", action) == []
    assert action["Schedule"] == "cron(0 20 * * ? *)"
    assert action["ScalableTargetAction"] == {"MinCapacity": 1, "MaxCapacity": 3}


def test_the_label_of_a_load_balancer_and_its_target_group() -> None:
    arn = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/website/6d0ecf83"
    found = nouns.target_group(arn=arn, load_balancers=(BALANCER.format("app"),))
    assert label(found) == "app/web/50dc6c49/targetgroup/website/6d0ecf83"
    for balancers in ((), (BALANCER.format("net"),)):
        with pytest.raises(InputError, match="needs an Application Load Balancer"):
            label(found.model_copy(update={"load_balancers": balancers}))


# -- scaled in is not failed --


def test_evidence_leaves_out_what_was_scaled_in_and_no_more() -> None:
    ended = [nouns.instance(f"i-{n}", "terminated", "Client.UserInitiatedShutdown") for n in "123"]
    crashed = nouns.instance("i-4", "terminated", "Client.InstanceInitiatedShutdown")
    every = [*ended, crashed, nouns.instance("i-5")]
    assert without_scaled_in(every, 0) == every
    assert [one.id for one in without_scaled_in(every, 2)] == ["i-3", "i-4", "i-5"]
    assert [one.id for one in without_scaled_in(every, 9)] == ["i-4", "i-5"]
