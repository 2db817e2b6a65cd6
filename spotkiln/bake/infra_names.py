"""Infra names: by which a deployment names what its releases find and use."""

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from spotkiln import tags as t
from spotkiln.bake.logs import Logs
from spotkiln.bake.mounts import why_no_mount
from spotkiln.bake.own_template import PATTERN
from spotkiln.noun import ShownNoun
from spotkiln.patterns import REGION, empty_or

# A Spot Fleet takes five target groups in all.
MOST_FURTHER = 4
# As Elastic Load Balancing has it.
GROUP_NAME = r"^[A-Za-z0-9-]{1,32}$"
GROUP_NAME_IN_WORDS = "a target group's name: letters, digits and hyphens, at most 32 of them"


class InfraNames(ShownNoun):
    """What to look up. Each name must match exactly one thing."""

    region: str = Field(
        default="",
        title="Region",
        description="Empty: from AWS_REGION, AWS_DEFAULT_REGION, the AWS config file, or the "
        "instance this runs on.",
        pattern=empty_or(REGION),
    )
    target_group: str = Field(
        default="website",
        title="Target group",
        description="Where the load balancer sends its requests: the servers of a release "
        "register here.",
        min_length=1,
    )
    address: str = Field(
        default="",
        title="Address",
        description="Where people find the application, such as https://shop.example.com: for "
        "pages and commits. Empty: the load balancer's own.",
        pattern=r"^(https?://[^\s/?#@]+/?)?$",
        max_length=300,
    )
    second_target_group: str = Field(
        default="",
        title="Second target group",
        description="Behind the same rule as the first, with a weight of its own: the new servers "
        "join whichever of the two has none, and get their requests in steps (`traffic`).",
    )
    test_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        title="Test listener's port",
        description="Of a listener of the same load balancer, for smoke tests alone: its requests "
        "go to the new servers before any others do (`traffic.smoke`). 0: none.",
    )
    also_behind: list[Annotated[str, Field(min_length=1)]] = Field(
        default=[],
        title="Also behind",
        description="Further target groups for the same servers, such as an internal load "
        "balancer's, or one with another port. A release is healthy once its servers are so in all "
        "of them.",
        max_length=MOST_FURTHER,
    )
    adopt: bool = Field(
        default=False,
        title="Adopt what serves",
        description="Spot Fleets and Auto Scaling groups without our tags that serve this target "
        "group, and no other, are retired after the promotion, without losing a request. Off: both "
        "serve.",
    )
    subnets: list[str] = Field(
        default=[],
        title="Servers' subnets",
        description="By id, Name tag, or another tag (tier=private), inside the target group's "
        "VPC, in zones of the load balancer. Private ones behind a public load balancer are the "
        "usual choice. Empty: the load balancer's own.",
    )
    security_groups: list[str] = Field(
        default=["default", "Rails App"],
        title="Security groups",
        description="Group names or Name tags, inside the target group's VPC.",
        min_length=1,
    )
    fleet_role: str = Field(
        default="aws-ec2-spot-fleet-tagging-role",
        title="Spot Fleet role",
        description="IAM role that EC2 Spot Fleet assumes to launch, tag and register instances. "
        "The launcher auto-scaling needs none.",
        min_length=1,
    )
    instance_profile: str = Field(
        default="website",
        title="Instance profile",
        description="What the application's instances may do. Empty for none.",
    )
    test_instance_profile: str = Field(
        default="",
        title="Test machine's instance profile",
        description="What the machine that tests may do: read `test_configuration`, and nothing of "
        "production's. Empty: the builder's.",
    )
    test_security_groups: list[str] = Field(
        default=[],
        title="Test machine's security groups",
        description="Group names or Name tags. None of the servers': those lead to production. "
        "SSH from the worker is always open.",
    )
    key_pair: str = Field(
        default="demo",
        title="Key pair",
        description="For SSH into the instances. Empty for none.",
    )
    tags: t.OwnTags = Field(
        default={},
        title="Tags of your own",
        description="On all that is made, such as Team: shop: for what it costs, and where the "
        "company's rules want them.",
    )
    base_image: str = Field(
        default="rails-base*",
        title="Base image",
        description="Name pattern of the account's own images; the newest is built upon.",
        min_length=1,
    )
    other_base_image: str = Field(
        default="",
        title="Base image of the other architecture",
        description="The same for arm64 beside x86-64, or the other way round: each release has "
        "two images then, both are tested, and its servers may be of either's types. Empty: one "
        "image, one architecture.",
    )
    launch_template: str = Field(
        default="",
        title="Launch template of your own",
        description="NAME, or NAME:VERSION: what of disks, user data, monitoring, tenancy or tags "
        "it says, servers get. Image, types, network, role and key stay the deployment's.",
        pattern=PATTERN,
    )
    logs: Logs = Field(
        default=Logs(),
        title="The servers' logs",
        description="Where their journal goes, to be there when they are gone.",
    )
    mounts: dict[str, str] = Field(
        default={},
        title="Kept folders",
        description="EFS file systems, by name, for the folders that the application's "
        "spotkiln.yaml lists as `mounts`: {uploads: shop-files}, {uploads: shop-files:/uploads}.",
    )

    @model_validator(mode="after")
    def _each_group_once(self) -> Self:
        if self.also_behind and (why := why_not_also(self)):
            raise ValueError(why)
        return self

    @field_validator("mounts")
    @classmethod
    def _file_systems(cls, mounts: dict[str, str]) -> dict[str, str]:
        for folder, file_system in mounts.items():
            if why := why_no_mount(folder, file_system):
                raise ValueError(why)
        return mounts


def why_not_also(names: InfraNames) -> str:
    """Why its servers cannot be in these further target groups, too; empty if they can."""
    further = names.also_behind
    if names.second_target_group:
        return (
            "also_behind and second_target_group do not go together: in the further target groups "
            "new servers get requests as soon as they are healthy, and with a second target group "
            "none before their steps begin; leave one of the two out"
        )
    if names.target_group in further:
        return (
            f"also_behind names {names.target_group}, which is target_group already: leave it out"
        )
    if twice := sorted({name for name in further if further.count(name) > 1}):
        return f"also_behind names {', '.join(twice)} twice: leave it out once"
    return ""
