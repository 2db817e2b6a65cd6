"""One of many applications of an account: how often AWS is asked does not depend on the others.

Each has a target group, a fleet, a launch template and an image of its own, and what is looked up
for one of them comes in as many calls and pages beside five as beside forty. The one exception
is what AWS gives of twenty target groups at a time: their tags, when the whole region is looked at.
"""

from collections import Counter
from collections.abc import Callable
from math import ceil
from typing import Any

import pytest

from spotkiln.aws.bake import image as images
from spotkiln.aws.keep.facts import gather
from spotkiln.aws.keep.ledger import read_back
from spotkiln.aws.keep.living import read_claims
from spotkiln.aws.keep.reconcile import find_unowned
from spotkiln.aws.keep.versions import list_versions
from spotkiln.aws.serve import serving
from spotkiln.aws.serve.foreign import look
from spotkiln.aws.serve.group_tags import MOST
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import TargetGroup
from spotkiln.serve.spec import FleetSpec
from tests.sandbox.account import Account
from tests.unit import nouns

pytestmark = pytest.mark.sandbox

FEW, MANY = 5, 40
NAME = "shop-0"
OWN = {"spotkiln:app": NAME, "spotkiln:release": f"{NAME}-0123456789ab"}


def pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


class Company:
    """An account that gets applications, by direct calls."""

    def __init__(self, account: Account, aws: Aws) -> None:
        self.account, self.aws, self.number = account, aws, 0
        vpc = aws.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        self._vpc = vpc
        debian = aws.ec2.describe_images(
            Filters=[{"Name": "name", "Values": ["debian-13-amd64-*"]}]
        )
        self._image = debian["Images"][0]["ImageId"]
        self._subnet = aws.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        self.group: Any = None

    def grow(self, number: int) -> None:
        for at in range(self.number, number):
            self._add(f"shop-{at}")
        self.number = number

    def _add(self, name: str) -> None:
        ec2: Any = self.aws.ec2
        made = self.aws.elbv2.create_target_group(
            Name=name, Protocol="HTTP", Port=3000, VpcId=self._vpc
        )["TargetGroups"][0]["TargetGroupArn"]
        owner = {
            "spotkiln:app": name,
            "spotkiln:release": f"{name}-0123456789ab",
            "spotkiln:target-group": name,
            "spotkiln:commit": nouns.COMMIT,
        }
        data = {"ImageId": self._image, "InstanceType": "t3.micro"}
        template = ec2.create_launch_template(
            LaunchTemplateName=f"spotkiln-{name}-0123456789ab-1",
            LaunchTemplateData=data,
            TagSpecifications=[{"ResourceType": "launch-template", "Tags": pairs(owner)}],
        )["LaunchTemplate"]["LaunchTemplateId"]
        ec2.request_spot_fleet(
            SpotFleetRequestConfig={
                "IamFleetRole": nouns.ROLE,
                "TargetCapacity": 1,
                "LaunchTemplateConfigs": [
                    {
                        "LaunchTemplateSpecification": {
                            "LaunchTemplateId": template, "Version": "1",
                        },
                        "Overrides": [{"SubnetId": self._subnet}],
                    }
                ],
                "LoadBalancersConfig": {"TargetGroupsConfig": {"TargetGroups": [{"Arn": made}]}},
                "TagSpecifications": [
                    {
                        "ResourceType": "spot-fleet-request",
                        "Tags": pairs({**owner, "spotkiln:phase": "serving"}),
                    }
                ],
            }
        )  # fmt: skip
        image = ec2.copy_image(
            Name=f"{name}/{nouns.COMMIT[:12]}/{name}-0123456789ab",
            SourceImageId=self._image,
            SourceRegion="eu-west-1",
        )["ImageId"]
        ec2.create_tags(Resources=[image], Tags=pairs({**owner, "spotkiln:state": "tested"}))
        if name == NAME:
            self.group = made

    def calls(self, step: Callable[[], object]) -> Counter[str]:
        """How often it asks what."""
        self.account.box.clear_calls()
        step()
        return Counter(one["operation"] for one in self.account.box.calls())

    def whole_region(self) -> object:
        """As reconcile does."""
        nobody: Any = lambda _: frozenset()  # noqa: E731
        claims = read_claims(self.aws, nobody)
        quiet: Any = lambda _: None  # noqa: E731
        return find_unowned(self.aws, claims, "", ended=nobody, say=quiet)

    def before_a_release(self) -> object:
        """As a release does before it begins."""
        nobody: Any = lambda _: frozenset()  # noqa: E731
        claims = read_claims(self.aws, nobody, [NAME])
        quiet: Any = lambda _: None  # noqa: E731
        found = find_unowned(self.aws, claims, NAME, ended=nobody, say=quiet)
        assert not found.todo
        assert found.fleets is not None
        return found

    def of_one(self) -> None:
        """What a release looks up of its own application, and at its end."""
        group = TargetGroup.model_validate({**nouns.target_group().model_dump(), "arn": self.group})
        infra = nouns.infra(target_group=group)
        assert len(serving.serving_now(self.aws, infra)) == 1
        look(self.aws, group)
        serving.sized(self.aws, infra, FleetSpec())
        images.of_app(self.aws, NAME)
        list_versions(self.aws, NAME, group)
        read_back(self.aws, OWN["spotkiln:release"], "shop-0/x/y", ())


def test_the_others_do_not_count(account: Account, aws: Aws) -> None:
    company = Company(account, aws)
    seen = {}
    for number in (FEW, MANY):
        company.grow(number)
        groups = len(aws.elbv2.describe_target_groups()["TargetGroups"])
        region, own = company.calls(company.whole_region), company.calls(company.of_one)
        own += company.calls(company.before_a_release)
        # Nothing is asked for twice: target groups once, their tags twenty at a time.
        assert region.pop("DescribeTags") <= 2 * ceil(groups / MOST)
        seen[number] = (region, own)
    assert seen[FEW] == seen[MANY]
    assert sum(seen[MANY][1].values()) < 50
    assert len(gather(aws, frozenset()).fleets) >= MANY
