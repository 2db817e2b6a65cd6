"""Spot Fleet as a launcher: what it is asked for, and what its answers mean."""

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from spotkiln import tags as t
from spotkiln.aws.serve.launch_template import launch_template_request, template_name
from spotkiln.aws.serve.spot_fleet.answer import from_aws
from spotkiln.aws.serve.spot_fleet.history import Row
from spotkiln.aws.serve.spot_fleet.history import problems as problems_of_rows
from spotkiln.aws.serve.spot_fleet.request import client_token, spot_fleet_request
from spotkiln.bake.configuration import Configuration, Known
from spotkiln.serve.fleet import Fleet, Phase, State
from spotkiln.serve.order import Order
from spotkiln.serve.spec import AllocationStrategy, FleetSpec, next_attempt
from tests.unit import nouns
from tests.unit.nouns import COMMIT, GROUP, PROFILE, RELEASE, ROLE, START, TAGS
from tests.unit.shapes import problems

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SpotFleetRequestConfigTypeDef

AWS_TAGS = [
    {"Key": "Name", "Value": "demo-web-app"},
    {"Key": "spotkiln:app", "Value": "demo-web-app"},
    {"Key": "spotkiln:commit", "Value": COMMIT},
    {"Key": "spotkiln:release", "Value": RELEASE},
    {"Key": "spotkiln:run", "Value": "run-1"},
    {"Key": "spotkiln:target-group", "Value": "website"},
]
AWS_SERVER_TAGS = t.to_aws({**TAGS, t.ROLE: "server"})


def order(wanted: FleetSpec | None = None, tags: Any = None, **infra: Any) -> Order:
    return Order(
        wanted=wanted or FleetSpec(),
        asked=FleetSpec(),
        image=nouns.image(),
        infra=nouns.infra(**infra),
        tags={**TAGS, **(tags or {})},
    )


def request(wanted: FleetSpec | None = None, **infra: Any) -> dict[str, Any]:
    return spot_fleet_request(order(wanted, **infra), "lt-1")


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
        "TagSpecifications": [
            {"ResourceType": "spot-fleet-request", "Tags": t.to_aws(order().fleet_tags)}
        ],
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
    wanted = order(tags={t.HELD: "c0ffee"})
    assert launch_template_request(wanted) == {
        "LaunchTemplateName": template_name(RELEASE, wanted.digest),
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


def test_a_machine_is_told_where_its_configuration_is() -> None:
    sources = Configuration(parameters=("/shop/production/",), secrets=("shop/production",))
    wanted = launch_template_request(order(configuration=Known(sources=sources)))
    assert base64.b64decode(wanted["LaunchTemplateData"]["UserData"]).decode() == (
        "#cloud-config\n# spotkiln-role: server\n"
        "# spotkiln-parameters: /shop/production/\n# spotkiln-secret: shop/production\n"
    )


def test_neither_profile_nor_key_is_asked_for_when_there_is_none() -> None:
    bare = order(instance_profile="", key_pair="")
    data = launch_template_request(bare)["LaunchTemplateData"]
    assert {"IamInstanceProfile", "KeyName"}.isdisjoint(data)


def test_a_machine_knows_whether_it_is_replaced_before_it_ends() -> None:
    wanted = launch_template_request(order(FleetSpec(capacity_rebalance=True)))
    [instance, volume] = wanted["LaunchTemplateData"]["TagSpecifications"]
    assert {"Key": "spotkiln:capacity-rebalance", "Value": "on"} in instance["Tags"]
    assert volume["Tags"] == AWS_SERVER_TAGS


def test_ec2s_own_model_accepts_the_template() -> None:
    wanted = launch_template_request(order())
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
        request(FleetSpec(capacity=3)),
        request(subnets=("subnet-a",)),
        spot_fleet_request(order(), "lt-2"),
        spot_fleet_request(order(tags={t.RELEASE: "another"}), "lt-1"),
    ],
)
def test_another_request_has_another_token(other: dict[str, Any]) -> None:
    assert other["ClientToken"] != request()["ClientToken"]


def test_each_attempt_has_a_client_token_of_its_own() -> None:
    first = FleetSpec(capacity=2, more_instance_types=["m5.large"], on_demand_fallback=True)
    second = next_attempt(first, 0)
    assert second is not None
    third = next_attempt(second, 0)
    assert third is not None
    assert len({request(one)["ClientToken"] for one in (first, second, third)}) == 3


def test_all_of_it_may_be_on_demand() -> None:
    assert request(FleetSpec(capacity=2, on_demand=2))["OnDemandTargetCapacity"] == 2


# What AWS tells of it.


def test_a_spot_fleet_request() -> None:
    answer: SpotFleetRequestConfigTypeDef = {
        "SpotFleetRequestId": "sfr-1",
        "SpotFleetRequestState": "active",
        "ActivityStatus": "fulfilled",
        "CreateTime": START,
        "SpotFleetRequestConfig": {
            "IamFleetRole": "arn",
            "TargetCapacity": 3,
            "LoadBalancersConfig": {"TargetGroupsConfig": {"TargetGroups": [{"Arn": GROUP}]}},
            "LaunchTemplateConfigs": [
                {"LaunchTemplateSpecification": {"LaunchTemplateId": "lt-1", "Version": "1"}},
                {"LaunchTemplateSpecification": {"LaunchTemplateName": "by-name"}},
            ],
        },
        "Tags": [{"Key": "spotkiln:phase", "Value": "serving"}],
    }
    found = from_aws(answer)
    assert found == Fleet(
        id="sfr-1",
        launcher="Spot Fleet",
        state=State.KEPT,
        status="active",
        capacity=3,
        created=START,
        target_groups=(GROUP,),
        parts=("lt-1",),
        tags={"spotkiln:phase": "serving"},
    )
    assert found.phase is Phase.SERVING


def test_a_foreign_spot_fleet_request_has_hardly_anything() -> None:
    found = from_aws(
        {
            "SpotFleetRequestId": "sfr-2",
            "SpotFleetRequestState": "submitted",
            "CreateTime": START,
            "SpotFleetRequestConfig": {"IamFleetRole": "arn", "TargetCapacity": 1},
        }
    )
    assert (found.phase, found.target_groups, found.parts) == (None, (), ())


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


# A fleet's history.


def rows(*events: tuple[str, str, str]) -> list[Row]:
    return [Row(START + timedelta(seconds=n), *event) for n, event in enumerate(events)]


def problems_of(rows: list[Row]) -> list[str]:
    return [one.text for one in problems_of_rows(rows)]


def test_problems_are_errors_and_telling_information_each_once() -> None:
    assert problems_of(
        rows(
            ("fleetRequestChange", "submitted", ""),
            ("instanceChange", "launched", "i-1"),
            ("information", "launchSpecUnusable", "t3.micro in eu-west-1a: price"),
            ("information", "launchSpecUnusable", "t3.micro in eu-west-1a: price"),
            ("information", "registerWithLoadBalancersFailed", "no rights"),
            ("information", "fleetProgressHalted", "nothing can be launched"),
            ("error", "iamFleetRoleInvalid", ""),
        )
    ) == [
        "launchSpecUnusable: t3.micro in eu-west-1a: price",
        "registerWithLoadBalancersFailed: no rights",
        "iamFleetRoleInvalid",
    ]
    assert problems_of([]) == []


def test_problems_before_the_last_launch_are_over() -> None:
    error = Row(START, "error", "spotInstanceCountLimitExceeded", "no")
    launched = Row(START + timedelta(seconds=1), "instanceChange", "launched", "i-1")
    later = Row(START + timedelta(seconds=2), "information", "launchSpecUnusable", "dear")
    at_once = Row(launched.when, "error", "iamFleetRoleInvalid", "")
    assert problems_of([error, launched]) == []
    assert problems_of([error, launched, at_once, later]) == [
        "iamFleetRoleInvalid",
        "launchSpecUnusable: dear",
    ]
