"""Looks the infrastructure up by name, and finds out what is wrong before it costs money."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from spotkiln.aws.bake.instance_types import runs_of, types_with
from spotkiln.aws.bake.keys import check_disks
from spotkiln.aws.bake.network import find_network, load_balancer
from spotkiln.aws.bake.rights import check_rights
from spotkiln.aws.bake.starts import starts
from spotkiln.aws.errors import AwsMissing, aws_errors, is_not_found
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.own_template import find_own
from spotkiln.aws.serve.smoke import find_smoke_listener
from spotkiln.aws.serve.weights import find_rules
from spotkiln.aws.session import Aws
from spotkiln.bake.architectures import check_some_run, check_types, needed
from spotkiln.bake.builder import Builder
from spotkiln.bake.disk import AS_IT_IS
from spotkiln.bake.image import Image
from spotkiln.bake.infra import (
    TRAFFIC_PORT,
    BaseImage,
    HealthCheck,
    Infra,
    RuleRef,
    SmokeListener,
    TargetGroup,
    check_pair,
    exactly_one,
)
from spotkiln.bake.infra_names import InfraNames
from spotkiln.errors import InputError
from spotkiln.serve.spec import FleetSpec

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SecurityGroupTypeDef
    from mypy_boto3_elbv2.type_defs import TargetGroupTypeDef

# So many names are asked for in one call.
MOST = 20


def account(aws: Aws) -> str:
    with aws_errors("who is asking"):
        return aws.sts.get_caller_identity()["Account"]


def _target_group(aws: Aws, found: "TargetGroupTypeDef") -> TargetGroup:
    """Source: ELBv2 DescribeTargetGroups and DescribeTargetGroupAttributes."""
    arn = found["TargetGroupArn"]
    with aws_errors(f"attributes of target group {found['TargetGroupName']}"):
        answer = aws.elbv2.describe_target_group_attributes(TargetGroupArn=arn)
    attributes = {one.get("Key", ""): one.get("Value", "") for one in answer["Attributes"]}
    return TargetGroup(
        arn=arn,
        name=found["TargetGroupName"],
        vpc=found.get("VpcId", ""),
        protocol=found.get("Protocol", ""),
        port=found.get("Port", 0),
        target_type=found.get("TargetType", "instance"),
        load_balancers=tuple(found.get("LoadBalancerArns", [])),
        health_check=HealthCheck(
            protocol=found.get("HealthCheckProtocol", "HTTP"),
            port=found.get("HealthCheckPort", TRAFFIC_PORT),
            path=found.get("HealthCheckPath", "/"),
            interval=found.get("HealthCheckIntervalSeconds", 30),
            timeout=found.get("HealthCheckTimeoutSeconds", 5),
            healthy_threshold=found.get("HealthyThresholdCount", 5),
            unhealthy_threshold=found.get("UnhealthyThresholdCount", 2),
            matcher=found.get("Matcher", {}).get("HttpCode", "200"),
            enabled=found.get("HealthCheckEnabled", True),
        ),
        deregistration_delay=int(attributes.get("deregistration_delay.timeout_seconds") or 300),
        slow_start=int(attributes.get("slow_start.duration_seconds") or 0),
        # The other values are "true" and "use_load_balancer_configuration", and an application
        # load balancer's own setting is on and cannot be changed.
        cross_zone=attributes.get("load_balancing.cross_zone.enabled") != "false",
        sticky=attributes.get("stickiness.enabled") == "true",
    )


def target_group(aws: Aws, name: str) -> TargetGroup:
    """By name, which is unique within account and region.

    Raises:
        InputError: there is none; the message lists those there are.
    """
    return named_groups(aws, [name])[0]


def named_groups(aws: Aws, names: Sequence[str]) -> list[TargetGroup]:
    """The same of several, in this order."""
    told = _named(aws, names)
    known = [] if len(told) == len({*names}) else _group_names_of(aws)
    return [
        _target_group(
            aws,
            exactly_one(
                "target group",
                aws.region,
                name,
                {one["TargetGroupArn"]: one for one in told if one["TargetGroupName"] == name},
                known,
            ),
        )
        for name in names
    ]


def _named(aws: Aws, names: Sequence[str]) -> "list[TargetGroupTypeDef]":
    """Those that are there. If one is not, AWS tells of none."""
    try:
        with aws_errors(f"target group {', '.join(names)}"):
            return aws.elbv2.describe_target_groups(Names=list(names))["TargetGroups"]
    except AwsMissing:
        return [found for one in names for found in _named(aws, [one])] if names[1:] else []


def _group_names_of(aws: Aws) -> list[str]:
    """Of all target groups of the region."""
    with aws_errors("target groups"):
        pages = aws.elbv2.get_paginator("describe_target_groups").paginate()
        return [group["TargetGroupName"] for page in pages for group in page["TargetGroups"]]


def target_group_arns(aws: Aws, names: Collection[str] | None = None) -> list[str]:
    """Of all target groups of the region, or of those of these names that are there."""
    if names is not None:
        each = (_named(aws, sorted(names)[at : at + MOST]) for at in range(0, len(names), MOST))
        return [one["TargetGroupArn"] for some in each for one in some]
    with aws_errors("target groups"):
        pages = aws.elbv2.get_paginator("describe_target_groups").paginate()
        return [group["TargetGroupArn"] for page in pages for group in page["TargetGroups"]]


def target_groups(aws: Aws) -> list[TargetGroup]:
    """All of the region that hold instances."""
    with aws_errors("target groups"):
        pages = aws.elbv2.get_paginator("describe_target_groups").paginate()
        everything = [group for page in pages for group in page["TargetGroups"]]
    return [_target_group(aws, x) for x in everything if x.get("TargetType") == "instance"]


def _group_names(group: "SecurityGroupTypeDef") -> set[str]:
    tags = {tag.get("Key", ""): tag.get("Value", "") for tag in group.get("Tags", [])}
    return {group.get("GroupName", ""), tags.get("Name", "")} - {""}


def security_groups(aws: Aws, vpc: str, names: Sequence[str]) -> tuple[str, ...]:
    """Ids, each found by group name or Name tag inside the VPC."""
    with aws_errors(f"security groups of {vpc}"):
        pages = aws.ec2.get_paginator("describe_security_groups").paginate(
            Filters=[{"Name": "vpc-id", "Values": [vpc]}]
        )
        everything = [group for page in pages for group in page["SecurityGroups"]]
    known = sorted({name for group in everything for name in _group_names(group)})
    ids = []
    for name in names:
        found = {g["GroupId"]: g["GroupId"] for g in everything if name in _group_names(g)}
        ids.append(exactly_one("security group", vpc, name, found, known))
    return tuple(ids)


def instance_profile(aws: Aws, name: str) -> str:
    try:
        return aws.iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Arn"]
    except ClientError as error:
        if is_not_found(error):
            raise InputError(
                f"no instance profile {name!r}: create it or name another; "
                "empty if the application needs no rights"
            ) from error
        with aws_errors(f"instance profile {name}"):
            raise


def key_pair(aws: Aws, name: str) -> str:
    with aws_errors("key pairs"):
        everything = [pair.get("KeyName", "") for pair in aws.ec2.describe_key_pairs()["KeyPairs"]]
    found = {pair: pair for pair in everything if pair == name}
    return exactly_one("key pair", aws.region, name, found, everything)


def second_of(
    aws: Aws, names: InfraNames, first: TargetGroup, second: TargetGroup | None
) -> tuple[TargetGroup | None, tuple[RuleRef, ...], SmokeListener | None]:
    """The other group of a pair, the rules that forward to both, and the listener for smoke tests;
    none if no pair is asked for."""
    if second is None:
        return None, (), None
    check_pair(first, second)
    port = names.test_port
    smoke = find_smoke_listener(aws, first, second, port) if port else None
    rules = find_rules(aws, first, second, without=smoke.arn if smoke else "")
    return second, rules, smoke


def look_up(
    aws: Aws,
    names: InfraNames,
    spec: FleetSpec,
    build: Builder,
    image: Image | None = None,
    bases: tuple[BaseImage, ...] = (),
    trial: str = "",
) -> Infra:
    """Everything a release needs, found by name. With an `image` that is there already nothing is
    baked: neither a base image nor the builder's type is looked at. With `bases` none is looked
    up: what is released was baked elsewhere, and dry runs name the image `trial`, if there is one.

    Raises:
        InputError: something is missing, ambiguous or does not fit; nothing has been spent.
    """
    asked = [one for one in (names.target_group, names.second_target_group) if one]
    group, *others = named_groups(aws, asked)
    balancer = load_balancer(aws, group)
    second, rules, smoke_listener = second_of(aws, names, group, next(iter(others), None))
    network = find_network(aws, names, build, group, balancer)
    images = starts(aws, names, image, bases)
    start = images[0]
    template = find_own(aws, names.launch_template)
    launcher = launchers(aws).for_spec(spec)
    baked_with = AS_IT_IS if image or bases else build.disk
    checked = [check_disks(aws, spec.disk, template, x, launcher, baked_with) for x in images]
    unchecked = dict.fromkeys(doubt for doubts in checked for doubt in doubts)
    architectures = [one.architecture for one in images]
    builders = () if image and not image.twin else build.every_type
    runs = runs_of(aws, [*spec.every_type, *builders])
    if image:
        check_some_run(runs, spec.every_type, architectures)
    else:
        # What is copied has been tested: no machine of its twin's architecture is needed.
        baking = () if len(bases) > 1 else builders
        check_types(runs, spec.every_type, baking, architectures)
    if image is None and names.test_instance_profile:
        instance_profile(aws, names.test_instance_profile)
    tests = [] if image else names.test_security_groups
    infra = Infra(
        region=aws.region,
        account=group.account,
        target_group=group,
        load_balancer=balancer.get("LoadBalancerName", ""),
        address=names.address or balancer.get("DNSName", ""),
        vpc=group.vpc,
        subnets=network.servers,
        balancer_subnets=network.balancer,
        builder_subnets=network.builders,
        zones=network.zones,
        security_groups=security_groups(aws, group.vpc, names.security_groups),
        test_security_groups=security_groups(aws, group.vpc, tests) if tests else (),
        fleet_role=launcher.role(names),
        instance_profile=(
            instance_profile(aws, names.instance_profile) if names.instance_profile else ""
        ),
        key_pair=key_pair(aws, names.key_pair) if names.key_pair else "",
        base_image=None if isinstance(start, Image) else start,
        other_base=next((one for one in images[1:] if isinstance(one, BaseImage)), None),
        runs=needed(runs, architectures),
        trial_image=trial if bases else start.id,
        template=template,
        unchecked=tuple(unchecked),
        types=types_with(aws, spec.attributes, *architectures),
        tags=names.tags,
        adopt=names.adopt,
        logs=names.logs,
        second=second,
        rules=rules,
        smoke_listener=smoke_listener,
    )
    unknown = check_rights(aws, infra, spec)
    return infra.model_copy(update={"unchecked": (*infra.unchecked, *unknown)})
