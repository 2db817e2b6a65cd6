"""Looks up file systems (EFS) by name, and whether servers could mount them."""

from collections.abc import Mapping, Sequence
from typing import Any

from spotkiln.aws.errors import aws_errors
from spotkiln.aws.serve.ingress import from_aws
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import exactly_one
from spotkiln.bake.mounts import NFS_PORT, FileSystem, Mount, apart, source_of
from spotkiln.errors import InputError
from spotkiln.serve.ingress import admits


def _every(client: Any, operation: str, of: str, **given: str) -> list[dict[str, Any]]:
    return [one for page in client.get_paginator(operation).paginate(**given) for one in page[of]]


def _zones(client: Any, file_system: str) -> dict[str, tuple[str, ...]]:
    """Source: EFS DescribeMountTargets and DescribeMountTargetSecurityGroups."""
    with aws_errors(f"mount targets of {file_system}"):
        targets = client.describe_mount_targets(FileSystemId=file_system)["MountTargets"]
        return {
            one.get("AvailabilityZoneName", ""): tuple(
                client.describe_mount_target_security_groups(MountTargetId=one["MountTargetId"])[
                    "SecurityGroups"
                ]
            )
            for one in targets
            if one.get("LifeCycleState") == "available"
        }


def _named(everything: Sequence[dict[str, Any]], client: Any, region: str, name: str) -> FileSystem:
    found = {
        one["FileSystemId"]: one
        for one in everything
        if name in {one["FileSystemId"], one.get("Name", "")}
    }
    known = [one.get("Name") or one["FileSystemId"] for one in everything]
    one = exactly_one("file system", region, name, found, known)
    zones = _zones(client, one["FileSystemId"])
    state = one.get("LifeCycleState", "available")
    return FileSystem(id=one["FileSystemId"], name=name, state=state, zones=zones)


def _require_reachable(
    aws: Aws, one: FileSystem, zones: Sequence[str], networks: Sequence[str], groups: Sequence[str]
) -> None:
    """Machines in these zones and networks, of these security groups, reach it.

    Raises:
        InputError: else.
    """
    if one.state not in {"available", "updating"}:
        raise InputError(f"file system {one.name!r} ({one.id}) is {one.state}, not available")
    if missing := sorted({*zones} - {*one.zones}):
        raise InputError(
            f"file system {one.name!r} ({one.id}) has no mount target in {', '.join(missing)}, "
            "where servers may be launched: make one in each zone of the load balancer"
        )
    with aws_errors(f"security groups of {one.name}'s mount targets"):
        wanted = sorted({group for zone in zones for group in one.zones[zone]})
        found = aws.ec2.describe_security_groups(GroupIds=wanted)["SecurityGroups"]
    rules = {
        group["GroupId"]: [from_aws(rule) for rule in group.get("IpPermissions", [])]
        for group in found
    }
    for zone in zones:
        theirs = [rule for group in one.zones[zone] for rule in rules.get(group, [])]
        if not admits(theirs, NFS_PORT, groups, networks):
            raise InputError(
                f"no rule of the security groups ({', '.join(one.zones[zone])}) of file system "
                f"{one.name!r}'s mount target in {zone} lets the servers' security groups "
                f"({', '.join(groups)}) reach port {NFS_PORT}: add one for NFS"
            )


def find_mounts(
    aws: Aws, asked: Mapping[str, str], subnets: Sequence[str], groups: Sequence[str]
) -> tuple[Mount, ...]:
    """What a deployment asks for, by folder: where machines in these subnets, of these security
    groups, mount it from.

    Raises:
        InputError: a file system is not there, or could not be mounted from one of the zones.
    """
    if not asked:
        return ()
    session: Any = aws.session
    client = session.client("efs", config=aws.ec2.meta.config)
    suffix = session.get_partition_for_region(aws.region)
    suffix = "amazonaws.com.cn" if suffix == "aws-cn" else "amazonaws.com"
    with aws_errors("subnets"):
        found = aws.ec2.describe_subnets(SubnetIds=list(subnets))["Subnets"]
    zones = sorted({one.get("AvailabilityZone", "") for one in found})
    networks = [one["CidrBlock"] for one in found if "CidrBlock" in one]
    with aws_errors("file systems"):
        everything = _every(client, "describe_file_systems", "FileSystems")
    mounts = []
    for folder, text in sorted(asked.items()):
        name, path = apart(text)
        one = _named(everything, client, aws.region, name)
        _require_reachable(aws, one, zones, networks, groups)
        source = source_of(one, aws.region, suffix, path)
        mounts.append(Mount(folder=folder, name=name, source=source))
    return tuple(mounts)
