"""What EC2 is asked for, and which fleets a release replaces."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from spotkiln import tags as t
from spotkiln.serve.fleet import (
    AllocationStrategy,
    Fleet,
    FleetSpec,
    Phase,
    client_token,
    fleet_tags,
    launch_template_request,
    made_alike,
    next_attempt,
    settings_digest,
    spot_fleet_request,
    template_name,
)
from tests.unit import nouns
from tests.unit.nouns import COMMIT, GROUP, PROFILE, RELEASE, ROLE, START, TAGS
from tests.unit.shapes import problems

AWS_TAGS = [
    {"Key": "Name", "Value": "demo-web-app"},
    {"Key": "spotkiln:app", "Value": "demo-web-app"},
    {"Key": "spotkiln:commit", "Value": COMMIT},
    {"Key": "spotkiln:release", "Value": RELEASE},
    {"Key": "spotkiln:run", "Value": "run-1"},
    {"Key": "spotkiln:target-group", "Value": "website"},
]
AWS_SERVER_TAGS = t.to_aws({**TAGS, t.ROLE: "server"})


def request(spec: FleetSpec | None = None, **infra: Any) -> dict[str, Any]:
    return spot_fleet_request(spec or FleetSpec(), nouns.infra(**infra), "lt-1", TAGS)


def test_spot_fleet_request() -> None:
    found = request(FleetSpec(instance_types=["t3.micro", "t3a.micro"], capacity=3, on_demand=1))
    token = found.pop("ClientToken")
    assert found == {
        "AllocationStrategy": "priceCapacityOptimized",
        "IamFleetRole": ROLE,
        "TargetCapacity": 3,
        "OnDemandTargetCapacity": 1,
        "Type": "maintain",
        "TerminateInstancesWithExpiration": False,
        "InstanceInterruptionBehavior": "terminate",
        "LaunchTemplateConfigs": [
            {
                "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-1", "Version": "1"},
                "Overrides": [
                    {"InstanceType": "t3.micro", "SubnetId": "subnet-a"},
                    {"InstanceType": "t3.micro", "SubnetId": "subnet-b"},
                    {"InstanceType": "t3a.micro", "SubnetId": "subnet-a"},
                    {"InstanceType": "t3a.micro", "SubnetId": "subnet-b"},
                ],
            }
        ],
        "LoadBalancersConfig": {"TargetGroupsConfig": {"TargetGroups": [{"Arn": GROUP}]}},
        "TagSpecifications": [{"ResourceType": "spot-fleet-request", "Tags": AWS_TAGS}],
    }
    assert token == client_token(RELEASE, found)


def test_capacity_rebalancing_launches_before_it_loses() -> None:
    plain, found = request(), request(FleetSpec(capacity_rebalance=True))
    assert found.pop("SpotMaintenanceStrategies") == {
        "CapacityRebalance": {"ReplacementStrategy": "launch"}
    }
    assert found.pop("ClientToken") != plain.pop("ClientToken")
    assert found == plain


@pytest.mark.parametrize("strategy", AllocationStrategy)
def test_ec2s_own_model_accepts_the_request(strategy: AllocationStrategy) -> None:
    config = request(FleetSpec(allocation_strategy=strategy, capacity_rebalance=True))
    assert problems("ec2", "RequestSpotFleet", {"SpotFleetRequestConfig": config}) == []


def test_launch_template_request() -> None:
    assert launch_template_request(
        "spotkiln-r", nouns.image(), nouns.infra(), FleetSpec(), TAGS
    ) == {
        "LaunchTemplateName": "spotkiln-r",
        "LaunchTemplateData": {
            "ImageId": "ami-1",
            # "#cloud-config\n# spotkiln-role: server\n": without it nothing starts there.
            "UserData": "I2Nsb3VkLWNvbmZpZwojIHNwb3RraWxuLXJvbGU6IHNlcnZlcgo=",
            "SecurityGroupIds": ["sg-default", "sg-rails"],
            "MetadataOptions": {
                "HttpTokens": "required",
                "HttpPutResponseHopLimit": 1,
                "InstanceMetadataTags": "enabled",
            },
            "TagSpecifications": [
                {
                    "ResourceType": "instance",
                    "Tags": t.to_aws(
                        {**TAGS, t.ROLE: "server", "spotkiln:target-group-arn": GROUP}
                    ),
                },
                {"ResourceType": "volume", "Tags": AWS_SERVER_TAGS},
            ],
            "IamInstanceProfile": {"Arn": PROFILE},
            "KeyName": "demo",
        },
        "TagSpecifications": [{"ResourceType": "launch-template", "Tags": AWS_TAGS}],
    }


def test_neither_profile_nor_key_is_asked_for_when_there_is_none() -> None:
    bare = nouns.infra(instance_profile="", key_pair="")
    data = launch_template_request("x", nouns.image(), bare, FleetSpec(), TAGS)[
        "LaunchTemplateData"
    ]
    assert {"IamInstanceProfile", "KeyName"}.isdisjoint(data)


def test_a_machine_knows_whether_it_is_replaced_before_it_ends() -> None:
    wanted = launch_template_request(
        "x", nouns.image(), nouns.infra(), FleetSpec(capacity_rebalance=True), TAGS
    )
    [instance, volume] = wanted["LaunchTemplateData"]["TagSpecifications"]
    assert {"Key": "spotkiln:capacity-rebalance", "Value": "on"} in instance["Tags"]
    assert volume["Tags"] == AWS_SERVER_TAGS


def test_ec2s_own_model_accepts_the_template() -> None:
    wanted = launch_template_request(
        template_name(RELEASE, "0a" * 32), nouns.image(), nouns.infra(), FleetSpec(), TAGS
    )
    assert problems("ec2", "CreateLaunchTemplate", wanted) == []


def test_template_names_fit_ec2_and_tell_requests_apart() -> None:
    longest = "a" * 32 + "-0123456789ab"
    assert template_name(RELEASE, "0a" * 32) == f"spotkiln-{RELEASE}-0a0a0a0a"
    assert template_name(RELEASE, "0a" * 32) != template_name(RELEASE, "0b" * 32)
    assert 3 <= len(template_name(longest, "0a" * 32)) <= 128


# The client token: the same request is one fleet, another is another.


def test_the_client_token_is_stable_and_fits() -> None:
    assert request()["ClientToken"] == request()["ClientToken"]
    assert len(request()["ClientToken"]) == 64
    assert request()["ClientToken"].isascii()


@pytest.mark.parametrize(
    "other",
    [
        spot_fleet_request(FleetSpec(capacity=3), nouns.infra(), "lt-1", TAGS),
        spot_fleet_request(FleetSpec(), nouns.infra(subnets=("subnet-a",)), "lt-1", TAGS),
        spot_fleet_request(FleetSpec(), nouns.infra(), "lt-2", TAGS),
        spot_fleet_request(FleetSpec(), nouns.infra(), "lt-1", {**TAGS, t.RELEASE: "another"}),
    ],
)
def test_another_request_has_another_token(other: dict[str, Any]) -> None:
    assert other["ClientToken"] != request()["ClientToken"]


# Tags and settings.


def test_fleet_tags() -> None:
    spec, infra = FleetSpec(), nouns.infra()
    assert fleet_tags(TAGS, nouns.image("ami-7"), infra, spec) == {
        **TAGS,
        "spotkiln:phase": "pending",
        "spotkiln:image": "ami-7",
        "spotkiln:settings": settings_digest(spec, infra),
        "spotkiln:capacity": "2",
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"subnets": ("subnet-a",)},
        {"security_groups": ("sg-default",)},
        {"fleet_role": "arn:other"},
        {"instance_profile": ""},
        {"key_pair": ""},
    ],
)
def test_settings_differ_with_whatever_decides_the_servers(changed: dict[str, Any]) -> None:
    same = settings_digest(FleetSpec(), nouns.infra())
    assert settings_digest(FleetSpec(), nouns.infra()) == same
    assert settings_digest(FleetSpec(), nouns.infra(**changed)) != same
    assert settings_digest(FleetSpec(on_demand=1), nouns.infra()) != same
    # How many there are is no setting: that may be scaled at any time.
    assert settings_digest(FleetSpec(capacity=7, most=9), nouns.infra()) == same


def test_settings_do_not_differ_with_the_base_image() -> None:
    """That is the image's matter."""
    other = {"id": "ami-b2", "name": "rails-base 2", "architecture": "x86_64"}
    assert settings_digest(FleetSpec(), nouns.infra(base_image=other)) == settings_digest(
        FleetSpec(), nouns.infra()
    )


# What people ask for.


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"capacity": 0}, "greater than or equal to 1"),
        ({"capacity": 1001}, "less than or equal to 1000"),
        ({"capacity": 3, "most": 2}, "most is 2, less than the capacity of 3"),
        ({"capacity": 2, "on_demand": 3}, "on_demand is 3, more than the whole capacity of 2"),
        ({"on_demand": -1}, "greater than or equal to 0"),
        ({"instance_types": []}, "at least 1 item"),
        ({"instance_types": ["t3.micro", "t3.micro"]}, "name one twice"),
        ({"allocation_strategy": "cheapest"}, "priceCapacityOptimized"),
        ({"capacty": 3}, "Extra inputs are not permitted"),
    ],
)
def test_a_bad_fleet_is_refused(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FleetSpec.model_validate(bad)


# What is asked for after Spot had no capacity in time.


def test_first_the_other_types_are_allowed_too_then_on_demand() -> None:
    first = FleetSpec(
        instance_types=["t3.micro"],
        more_instance_types=["t3.small", "m5.large"],
        capacity=3,
        on_demand_fallback=True,
    )
    second = next_attempt(first, 1)
    assert second is not None
    assert second.instance_types == ["t3.micro", "t3.small", "m5.large"]
    assert (second.on_demand, second.capacity) == (0, 3)
    third = next_attempt(second, 1)
    assert third is not None
    assert (third.on_demand, third.instance_types) == (2, second.instance_types)
    assert third.in_words == "3 of t3.micro, t3.small, m5.large, 2 of them On-Demand"


@pytest.mark.parametrize(("live", "on_demand"), [(0, 3), (2, 1), (3, 1)])
def test_on_demand_is_for_the_missing_part(live: int, on_demand: int) -> None:
    """Of a fleet that was complete for a moment, and late all the same, at least one."""
    found = next_attempt(FleetSpec(capacity=3, on_demand_fallback=True), live)
    assert found is not None
    assert found.on_demand == on_demand


@pytest.mark.parametrize(
    "spec",
    [FleetSpec(), FleetSpec(capacity=2, on_demand=2, on_demand_fallback=True)],
)
def test_nothing_is_left_to_try(spec: FleetSpec) -> None:
    assert next_attempt(spec, 0) is None


def test_each_attempt_has_a_client_token_of_its_own() -> None:
    first = FleetSpec(capacity=2, more_instance_types=["m5.large"], on_demand_fallback=True)
    second = next_attempt(first, 0)
    assert second is not None
    third = next_attempt(second, 0)
    assert third is not None
    assert len({request(one)["ClientToken"] for one in (first, second, third)}) == 3


def test_all_of_it_may_be_on_demand() -> None:
    assert request(FleetSpec(capacity=2, on_demand=2))["OnDemandTargetCapacity"] == 2


# Which fleets count.


def test_a_fleets_own_words() -> None:
    ours, foreign = nouns.fleet(), nouns.fleet(phase=None)
    assert (ours.release, ours.run, ours.image, ours.commit) == (RELEASE, "run-1", "ami-1", COMMIT)
    assert (ours.phase, foreign.phase) == (Phase.SERVING, None)
    assert nouns.fleet(tags={t.PHASE: "something else"}).phase is None


@pytest.mark.parametrize(
    ("state", "live", "gone"),
    [
        ("submitted", True, False),
        ("active", True, False),
        ("modifying", True, False),
        ("cancelled_running", False, False),
        ("cancelled_terminating", False, False),
        ("cancelled", False, True),
        ("failed", False, True),
    ],
)
def test_fleet_states(state: str, live: bool, gone: bool) -> None:
    fleet = nouns.fleet(state=state)
    assert (fleet.live, fleet.gone) == (live, gone)


def test_fleets_follow_each_other_as_they_were_promoted() -> None:
    early = nouns.fleet("sfr-1", created=START)
    assert early.promoted is None
    assert early.order == (START, "sfr-1")
    late = early.model_copy(update={"tags": {**early.tags, t.PROMOTED: "2024-05-03T08:00:00.250Z"}})
    assert late.promoted == datetime(2024, 5, 3, 8, 0, 0, 250_000, tzinfo=UTC)
    assert late.order > nouns.fleet("sfr-2", created=START + timedelta(days=1)).order


@pytest.mark.parametrize("value", ["", "yesterday", "2024-05-03T08:00:00"])
def test_what_is_no_time_is_no_promotion(value: str) -> None:
    assert nouns.fleet(tags={t.PROMOTED: value}).promoted is None


def test_a_fleet_is_one_page_of_json() -> None:
    """It is handed from task to task."""
    fleet = nouns.fleet()
    assert Fleet.model_validate(json.loads(fleet.model_dump_json())) == fleet


# Whether a release would change anything.


def test_a_fleet_of_this_image_with_these_settings_is_made_alike() -> None:
    spec, infra, image = FleetSpec(), nouns.infra(), nouns.image()
    current = nouns.fleet(tags=fleet_tags(TAGS, image, infra, spec))
    assert made_alike(current, spec, image, infra)
    assert not made_alike(current, FleetSpec(on_demand=1), image, infra)
    assert not made_alike(current, spec, nouns.image("ami-other"), infra)
    assert not made_alike(current, spec, image, nouns.infra(key_pair=""))
