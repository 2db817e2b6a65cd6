"""What a call of any service but EC2 asks the right for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandbox.rights import ec2
from sandbox.rights.asked import ANY, About, Asked, of_tags, on, passed, tagged
from sandbox.rights.world import World

Parameters = Mapping[str, Any]
# Where IAM calls a service otherwise than signatures do.
_PREFIXES = {"monitoring": "cloudwatch"}


def asked(world: World, service: str, operation: str, parameters: Parameters) -> list[Asked]:
    """`service`: as the call's signature has it."""
    service = _PREFIXES.get(service, service)
    special = _SPECIAL.get(service)
    if special is not None:
        return special(world, operation, parameters)
    return on(world, service, operation, [About(ANY)])


def _balancing(world: World, operation: str, parameters: Parameters) -> list[Asked]:
    service = "elasticloadbalancing"
    if operation.startswith("Describe"):
        return on(world, service, operation, [About(ANY)])
    given = of_tags(parameters.get("Tags"))
    keys = tuple(parameters.get("TagKeys") or ())
    arns = [v for k, v in parameters.items() if k.endswith("Arn") and isinstance(v, str)]
    arns += parameters.get("ResourceArns") or []
    if operation == "CreateTargetGroup":
        arns = [world.arn(service, f"targetgroup/{parameters.get('Name')}/*")]
    if operation == "CreateLoadBalancer":
        arns = [world.arn(service, f"loadbalancer/app/{parameters.get('Name')}/*")]
    abouts = [
        About(one, given=given, keys=keys, has=world.balancing_tags(one)) for one in arns
    ] or [About(ANY, given=given)]
    found = on(world, service, operation, abouts)
    if not operation.startswith("Create"):
        return found
    new = [About(_made_below(one.arn, operation), given=given) for one in abouts]
    return [*found, *tagged(world, service, "AddTags", operation, new)]


def _made_below(arn: str, operation: str) -> str:
    """The ARN of what a creation makes at what it names."""
    if operation == "CreateRule":
        return arn.replace(":listener/", ":listener-rule/", 1) + "/*"
    if operation == "CreateListener":
        return arn.replace(":loadbalancer/", ":listener/", 1) + "/*"
    return arn


def _scaling(world: World, operation: str, parameters: Parameters) -> list[Asked]:
    service = "autoscaling"
    if operation.startswith("Describe"):
        return on(world, service, operation, [About(ANY)])
    tags = parameters.get("Tags") or []
    names = [parameters.get("AutoScalingGroupName"), *(one.get("ResourceId") for one in tags)]
    abouts = [
        About(_group(world, name), given=of_tags(tags), has=world.group_tags(name))
        for name in dict.fromkeys(str(x) for x in names if x)
    ]
    found = on(world, service, operation, abouts or [About(ANY)])
    if not _may_launch(operation):
        return found
    role = str(parameters.get("ServiceLinkedRoleARN") or "")
    handed_on = passed(world, role, "autoscaling.amazonaws.com") if role else []
    return [*found, *handed_on, *_launches(world, parameters)]


def _may_launch(operation: str) -> bool:
    return operation in ("CreateAutoScalingGroup", "UpdateAutoScalingGroup")


def _group(world: World, name: str) -> str:
    return world.arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{name}")


def _launches(world: World, parameters: Parameters) -> list[Asked]:
    """Auto Scaling tries beforehand whether the caller may launch what it will launch."""
    mixed = (parameters.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    template = parameters.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification")
    if not template:
        return []
    subnets = str(parameters.get("VPCZoneIdentifier") or "").replace(" ", "").split(",")
    found = []
    for named, kind in _by_template(template, mixed.get("Overrides") or []):
        found += ec2.launch_by_template(world, named, kind, [x for x in subnets if x])
    return found


def _by_template(
    usual: Mapping[str, Any], overrides: Sequence[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any], str]]:
    """Each launch template once, the policy's own first, with the first type for it."""
    kinds: dict[str, tuple[Mapping[str, Any], str]] = {str(usual): (usual, "")}
    for one in overrides:
        named = one.get("LaunchTemplateSpecification") or usual
        _, kind = kinds.get(str(named), (named, ""))
        kinds[str(named)] = named, kind or str(one.get("InstanceType") or "")
    return list(kinds.values())


def _application_scaling(world: World, operation: str, parameters: Parameters) -> list[Asked]:
    """Where it makes alarms it asks for the caller."""
    service = "application-autoscaling"
    if operation.startswith("Describe"):
        return on(world, service, operation, [About(ANY)])
    found = on(world, service, operation, [About(world.arn(service, "scalable-target/*"))])
    if operation == "PutScalingPolicy":
        alarm = world.arn("cloudwatch", f"alarm:TargetTracking-{parameters.get('ResourceId')}-*")
        found += on(world, "cloudwatch", "PutMetricAlarm", [About(alarm)])
    return found


def _iam(world: World, operation: str, parameters: Parameters) -> list[Asked]:
    account = world.account_id
    if parameters.get("InstanceProfileName"):
        arn = f"arn:aws:iam::{account}:instance-profile/{parameters['InstanceProfileName']}"
    elif parameters.get("RoleName"):
        arn = world.role(str(parameters["RoleName"]))
    elif parameters.get("PolicySourceArn"):
        arn = str(parameters["PolicySourceArn"])
    else:
        arn = ANY
    service = str(parameters.get("AWSServiceName") or "")
    if operation == "CreateServiceLinkedRole":
        arn = f"arn:aws:iam::{account}:role/aws-service-role/{service}/*"
    more = {"iam:AWSServiceName": service} if service else {}
    found = on(world, "iam", operation, [About(arn, more=more)])
    if operation != "AddRoleToInstanceProfile":
        return found
    return [*found, *passed(world, world.role(str(parameters["RoleName"])), ec2.EC2)]


def _sts(world: World, operation: str, parameters: Parameters) -> list[Asked]:
    if operation == "GetCallerIdentity":
        return []  # everybody may ask who they are
    return on(world, "sts", operation, [About(str(parameters.get("RoleArn") or ANY))])


def _parameters(world: World, operation: str, parameters: Parameters) -> list[Asked]:
    """A path counts as it was written, with or without a slash at its end."""
    if operation == "StartSession":
        return _session(world, parameters)
    named = [parameters.get("Name"), parameters.get("Path"), *(parameters.get("Names") or [])]
    arns = [_parameter(str(one), world) for one in named if one]
    if not arns:
        arns = [ANY] if operation.startswith("Describe") else [world.arn("ssm", "*")]
    return on(world, "ssm", operation, [About(one) for one in arns])


def _session(world: World, parameters: Parameters) -> list[Asked]:
    """A shell needs the right to the instance, and to how it is reached."""
    target = str(parameters.get("Target") or "")
    document = str(parameters.get("DocumentName") or "SSM-SessionManagerRunShell")
    abouts = [
        About(world.arn("ec2", f"instance/{target}"), "instance", has=world.tags(target)),
        About(f"arn:aws:ssm:{world.region}::document/{document}", "document"),
    ]
    return on(world, "ssm", "StartSession", abouts)


def _parameter(name: str, world: World) -> str:
    if name.startswith("arn:"):
        return name
    # Behind the name may stand a version or a label.
    return world.arn("ssm", f"parameter/{name.lstrip('/').split(':')[0]}")


def _secrets(world: World, operation: str, parameters: Parameters) -> list[Asked]:
    named = parameters.get("SecretId") or parameters.get("Name")
    about = About(world.secret(str(named)) if named else ANY)
    return on(world, "secretsmanager", operation, [about])


def _logs(world: World, operation: str, parameters: Parameters) -> list[Asked]:
    group = str(parameters.get("logGroupName") or parameters.get("logGroupIdentifier") or "")
    stream = parameters.get("logStreamName") or ""
    arn = group if group.startswith("arn:") else world.arn("logs", f"log-group:{group}")
    if not group.startswith("arn:"):
        arn = f"{arn}:log-stream:{stream}"
    return on(world, "logs", operation, [About(arn)])


def _files(world: World, operation: str, parameters: Parameters) -> list[Asked]:
    """A mount target is judged by its file system, which the call need not name."""
    named = str(parameters.get("FileSystemId") or "")
    wide = "*" if operation.startswith("DescribeMount") else ""
    named = named or wide
    arn = world.arn("elasticfilesystem", f"file-system/{named}") if named else ANY
    return on(world, "elasticfilesystem", operation, [About(arn, "file-system" if named else "")])


_SPECIAL: dict[str, Callable[[World, str, Parameters], list[Asked]]] = {
    "application-autoscaling": _application_scaling,
    "autoscaling": _scaling,
    "ec2": ec2.asked,
    "elasticfilesystem": _files,
    "elasticloadbalancing": _balancing,
    "iam": _iam,
    "logs": _logs,
    "secretsmanager": _secrets,
    "ssm": _parameters,
    "sts": _sts,
}
