"""What a call of EC2 asks the right for."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sandbox.rights.asked import ANY, About, Asked, of_tags, on, passed, tagged
from sandbox.rights.table import find
from sandbox.rights.world import World

EC2, SPOT_FLEET = "ec2.amazonaws.com", "spotfleet.amazonaws.com"
# What an id begins with, where AWS's table has another name for the resource than the id.
_KINDS = {
    "ami": "image",
    "eni": "network-interface",
    "fleet": "fleet",
    "i": "instance",
    "lt": "launch-template",
    "sfr": "spot-fleet-request",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "sir": "spot-instances-request",
    "snap": "snapshot",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
}
_ID = re.compile(rf"({'|'.join(_KINDS)})-[0-9a-f-]+")
# Public ones have another owner: their ARNs name no account.
_WITHOUT_ACCOUNT = ("image", "snapshot")
_GIVE_PROFILES = ("AssociateIamInstanceProfile", "ReplaceIamInstanceProfileAssociation")
_LAUNCHED = ("instance", "network-interface", "volume")


def asked(world: World, operation: str, parameters: Mapping[str, Any]) -> list[Asked]:
    if operation == "RunInstances":
        return _launch(world, dict(parameters))
    if operation == "RequestSpotFleet":
        return _request_fleet(world, parameters)
    if operation == "CreateFleet":
        return _create_fleet(world, parameters)
    if operation == "CopyImage":
        return _copy(world, parameters)
    action = find("ec2", operation)
    given = _given(parameters.get("TagSpecifications"))
    tags, keys = _tags(operation, parameters)
    ids = list(_ids(parameters))
    abouts = []
    for kind in dict.fromkeys(one.name for one in action.kinds):
        named = [_named(world, one, tags, keys) for one in ids if _kind(one) == kind]
        by_name = _by_name(world, kind, parameters, operation)
        named += by_name
        required = any(one.name == kind and one.required for one in action.kinds)
        if kind in given:
            # A key pair's ARN has its name, which is known before it is made.
            its_own = [replace(one, given=given[kind]) for one in by_name]
            named = its_own or [made(world, kind, given[kind])]
        elif required and not named and not operation.startswith("Describe"):
            named = [made(world, kind, {})]
        abouts += named
    creation = [one for one in abouts if one.given] if given else []
    profile = parameters.get("IamInstanceProfile") if operation in _GIVE_PROFILES else None
    role = world.role_in(profile) if profile else ""
    return [
        *on(world, "ec2", operation, abouts or [About(ANY)]),
        *tagged(world, "ec2", "CreateTags", operation, creation),
        *(passed(world, role, EC2) if role else []),
    ]


def _tags(operation: str, parameters: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Of CreateTags those that are given, of DeleteTags the keys of those that go."""
    tags = of_tags(parameters.get("Tags"))
    return (tags, ()) if operation == "CreateTags" else ({}, tuple(tags))


def _launch(world: World, asked: dict[str, Any], creating: str = "RunInstances") -> list[Asked]:
    """RunInstances, directly or for whoever launches by a template on the caller's behalf."""
    template, data = world.template(asked.get("LaunchTemplate") or {})
    wanted = {**data, **asked}
    interface: dict[str, Any] = next(iter(wanted.get("NetworkInterfaces") or []), {})
    subnet = str(wanted.get("SubnetId") or interface.get("SubnetId") or world.any_subnet())
    named = wanted.get("SecurityGroupIds") or interface.get("Groups") or []
    groups = [str(x) for x in named]
    groups = groups or [world.default_group(subnet)]
    profile = wanted.get("IamInstanceProfile") or {}
    role = world.role_in(profile) if profile else ""
    given = {**_given(data.get("TagSpecifications")), **_given(asked.get("TagSpecifications"))}
    more = {"ec2:InstanceType": str(wanted.get("InstanceType") or "")}
    if template:
        more["ec2:LaunchTemplate"] = _arn(world, "launch-template", template)
    if profile.get("Arn"):
        more["ec2:InstanceProfile"] = str(profile["Arn"])
    used = [str(wanted.get("ImageId") or ""), subnet, *groups, *([template] if template else [])]
    abouts = [_named(world, one) for one in used if one]
    abouts += [made(world, kind, given.get(kind, {}), more) for kind in _LAUNCHED]
    if wanted.get("KeyName"):
        abouts.append(_key_pair(world, str(wanted["KeyName"])))
    return [
        *on(world, "ec2", "RunInstances", abouts),
        *tagged(world, "ec2", "CreateTags", creating, abouts),
        *(passed(world, role, EC2) if role else []),
    ]


def launch_by_template(
    world: World, template: Mapping[str, Any], instance_type: str, subnets: Iterable[str]
) -> list[Asked]:
    """What Auto Scaling asks on behalf of whoever makes a group."""
    return [
        one
        for subnet in subnets
        for one in _launch(
            world,
            {"LaunchTemplate": template, "InstanceType": instance_type, "SubnetId": subnet},
        )
    ]


def _create_fleet(world: World, parameters: Mapping[str, Any]) -> list[Asked]:
    """Of type `instant`: whoever asks for it launches what it launches, too."""
    asked: list[Asked] = []
    given = _given(parameters.get("TagSpecifications")).get("fleet", {})
    abouts = [made(world, "fleet", given), made(world, "instance", {})]
    for config in parameters.get("LaunchTemplateConfigs") or []:
        named = config.get("LaunchTemplateSpecification") or {}
        template, data = world.template(named)
        interface: dict[str, Any] = next(iter(data.get("NetworkInterfaces") or []), {})
        used = [template, str(data.get("ImageId") or ""), str(interface.get("SubnetId") or "")]
        abouts += [_named(world, one) for one in used if one]
        for override in config.get("Overrides") or [{}]:
            wanted = {key: value for key, value in override.items() if value is not None}
            asked += _launch(world, {"LaunchTemplate": named, **wanted}, "CreateFleet")
    return [
        *on(world, "ec2", "CreateFleet", abouts),
        *tagged(world, "ec2", "CreateTags", "CreateFleet", abouts),
        *asked,
    ]


def _copy(world: World, parameters: Mapping[str, Any]) -> list[Asked]:
    """Of the original, which may be of another region and gets no tags, and of what is made."""
    given = _given(parameters.get("TagSpecifications"))
    source = str(parameters.get("SourceImageId") or "")
    region = str(parameters.get("SourceRegion") or world.region)
    there = _named(world, source)
    original = replace(there, arn=f"arn:aws:ec2:{region}::image/{source}")
    copies = [made(world, kind, given.get(kind, {})) for kind in _WITHOUT_ACCOUNT]
    return [
        *on(world, "ec2", "CopyImage", [original, *copies]),
        *tagged(world, "ec2", "CreateTags", "CopyImage", copies),
    ]


def _request_fleet(world: World, parameters: Mapping[str, Any]) -> list[Asked]:
    """The fleet's own role launches. Whoever asks for it needs the right to what they name."""
    config = parameters.get("SpotFleetRequestConfig") or {}
    given = _given(config.get("TagSpecifications")).get("spot-fleet-request", {})
    configs = config.get("LaunchTemplateConfigs") or []
    named = [world.template(one.get("LaunchTemplateSpecification") or {})[0] for one in configs]
    subnets = [x.get("SubnetId") for one in configs for x in one.get("Overrides") or []]
    for one in config.get("LaunchSpecifications") or []:
        named += [str(one.get("ImageId") or "")]
        subnets += str(one.get("SubnetId") or "").replace(" ", "").split(",")
    used = [*dict.fromkeys(str(x) for x in (*named, *subnets) if x)]
    abouts = [made(world, "spot-fleet-request", given), *(_named(world, one) for one in used)]
    role = str(config.get("IamFleetRole") or "")
    return [
        *on(world, "ec2", "RequestSpotFleet", abouts),
        *tagged(world, "ec2", "CreateTags", "RequestSpotFleet", abouts),
        *(passed(world, role, SPOT_FLEET) if role else []),
    ]


def made(
    world: World, kind: str, tags: Mapping[str, str], more: Mapping[str, str] | None = None
) -> About:
    """Something that the call makes: it has no id yet."""
    return About(_arn(world, kind, "*"), kind, given=tags, more=more or {})


def _named(
    world: World, id_: str, given: Mapping[str, str] | None = None, keys: tuple[str, ...] = ()
) -> About:
    kind = _kind(id_)
    owner = world.owner(id_) if kind == "image" else ""
    return About(
        _arn(world, kind, id_),
        kind,
        given=given or {},
        has=world.tags(id_),
        keys=keys,
        more={"ec2:Owner": owner} if owner else {},
    )


def _by_name(world: World, kind: str, parameters: Mapping[str, Any], operation: str) -> list[About]:
    """What EC2 lets callers name without an id."""
    if kind == "key-pair" and parameters.get("KeyName"):
        return [_key_pair(world, str(parameters["KeyName"]))]
    if kind == "launch-template" and not operation.startswith("Create"):
        template, _ = world.template(dict(parameters))
        return [_named(world, template)] if template and "LaunchTemplateName" in parameters else []
    return []


def _key_pair(world: World, name: str) -> About:
    return About(_arn(world, "key-pair", name), "key-pair")


def _kind(id_: str) -> str:
    found = _ID.fullmatch(id_)
    return _KINDS[found[1]] if found else ""


def _arn(world: World, kind: str, id_: str) -> str:
    if kind in _WITHOUT_ACCOUNT:
        return f"arn:aws:ec2:{world.region}::{kind}/{id_}"
    return world.arn("ec2", f"{kind}/{id_}")


def _ids(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Ids at the top: what a rule of a security group or a filter names is not what it is about."""
    for value in parameters.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str) and _kind(one):
                yield one


def _given(specifications: Any) -> dict[str, dict[str, str]]:
    """Tags by the type of resource that gets them."""
    return {
        str(one.get("ResourceType")): of_tags(one.get("Tags") or one.get("Tag"))
        for one in specifications or ()
    }
