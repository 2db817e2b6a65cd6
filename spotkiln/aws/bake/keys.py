"""Looks at the KMS keys of disks: whether servers could be launched with them."""

from collections.abc import Iterable, Mapping, Sequence

from spotkiln.aws.errors import aws_errors
from spotkiln.aws.session import Aws, client_of
from spotkiln.bake.disk import Disk, ImageDisk, of_servers, require_room_for
from spotkiln.bake.image import Image
from spotkiln.bake.infra import BaseImage
from spotkiln.bake.keys_of_disks import (
    OfWorker,
    allowed_by_grant,
    allowed_by_policy,
    of_worker,
    refusal,
    require_enabled,
    workers_refusal,
)
from spotkiln.bake.own_template import OwnTemplate
from spotkiln.errors import PermissionDenied
from spotkiln.serve.launcher import Launcher

# AWS's own key of disks, which everybody in the account may use.
AWS_OWN = "alias/aws/ebs"
# By which EC2 launches the Spot machines of Packer, and what they do.
SPOT_ROLES = {
    "aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot": "Spot (build.spot)",
    "aws-service-role/ec2fleet.amazonaws.com/AWSServiceRoleForEC2Fleet": "EC2 Fleet (build.spot)",
}


def check_disks(
    aws: Aws,
    asked: Disk,
    template: OwnTemplate | None,
    image: Image | BaseImage,
    launcher: Launcher,
    builders: ImageDisk,
) -> list[str]:
    """Of the servers' root disks: that they hold the image, or what is baked from it on a builder
    with that disk, and that whoever launches servers may use the keys. What could not be checked,
    in words.

    Raises:
        InputError: one of that is not so.
    """
    disk = of_servers(asked, template.mappings if template else [], image.root_device)
    require_room_for(builders, image.root_gib, "build.disk", image.name)
    whole = f"{image.name} with build.disk" if builders.size_gib else image.name
    require_room_for(disk, max(image.root_gib, builders.size_gib), "fleet.disk", whole)
    keys, unknown = _keys(aws, disk, image.encrypted)
    roles = {launcher.service_role: launcher.name}
    return [*unknown, *_check_roles(aws, keys, roles), *_of_worker(aws, image)]


def check_spot_builders(aws: Aws, images: Iterable[Image | BaseImage]) -> list[str]:
    """Of builders by Spot: that the roles that launch them may use the keys of their disks. What
    could not be checked, in words.

    Raises:
        InputError: one may not.
    """
    told: list[str] = []
    for image in images:
        keys, unknown = _keys(aws, Disk(), image.encrypted)
        told += [*unknown, *_check_roles(aws, keys, SPOT_ROLES)]
    return list(dict.fromkeys(told))


def _keys(aws: Aws, disk: Disk, snapshots: Sequence[str]) -> tuple[list[str], list[str]]:
    """Also where the account's default encrypts what nobody asks to be. And what could not be
    looked at, in words."""
    keys = keys_of(aws, disk, snapshots)
    try:
        return keys or keys_by_default(aws), []
    except PermissionDenied as error:
        return [], [f"whether disks are encrypted by default was not checked: {error}"]


def _check_roles(aws: Aws, keys: Sequence[str], roles: Mapping[str, str]) -> list[str]:
    """`roles`: what launches by them, by their paths."""
    if not keys:
        return []
    with aws_errors("who is asking"):
        arn = aws.sts.get_caller_identity()["Arn"].split(":")
    start = f"arn:{arn[1]}:iam::{arn[4]}:role/"
    return [
        doubt for path, name in roles.items() for doubt in check_keys(aws, keys, start + path, name)
    ]


def keys_by_default(aws: Aws) -> list[str]:
    """The account's default key of disks, if every disk is to be encrypted. Source: EC2
    GetEbsEncryptionByDefault."""
    with aws_errors("whether disks are encrypted by default"):
        by_default = aws.ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"]
    return _of_disk(aws, Disk(encrypted=True)) if by_default else []


def _of_worker(aws: Aws, image: Image | BaseImage) -> list[str]:
    """What could not be checked of whether the worker may use a base image's keys, in words."""
    if not isinstance(image, BaseImage) or not image.encrypted:
        return []
    with aws_errors("who is asking"):
        caller = aws.sts.get_caller_identity()["Arn"]
    _, unseen = keys_of_worker(aws, _of_snapshots(aws, image.encrypted), caller)
    return unseen


def keys_of_worker(aws: Aws, keys: Iterable[str], caller: str) -> tuple[list[str], list[str]]:
    """Of these keys those that `caller` (ARN) may use only by rights of its own, as ARNs; and what
    could not be checked, in words. Of another account's key only that account sees the policy.

    Raises:
        InputError: a key's policy allows it neither by name nor by the account's own policies, and
            there is no grant.
    """
    by_rights, unknown = list[str](), list[str]()
    for key in keys:
        if key.endswith(AWS_OWN):
            continue
        try:
            if arn := _by_rights(aws, key, caller):
                by_rights.append(arn)
        except PermissionDenied as error:
            unknown.append(f"whether {caller} may use the KMS key {key} was not checked: {error}")
    return by_rights, unknown


def _by_rights(aws: Aws, key: str, caller: str) -> str:
    """Its ARN if rights of the caller's own decide; else empty."""
    kms = client_of(aws, "kms")
    with aws_errors(f"KMS key {key}"):
        found = kms.describe_key(KeyId=key)["KeyMetadata"]
    arn, own = str(found["Arn"]), caller.split(":")[4]
    if found.get("KeyManager") == "AWS" or caller.endswith(":root"):
        return ""
    if arn.split(":")[4] != own:
        return arn
    with aws_errors(f"policy of KMS key {key}"):
        policy = kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"]
    said = of_worker(policy, caller)
    if said is OfWorker.NOT_ALLOWED and not _granted(aws, arn, caller):
        raise workers_refusal(arn, caller)
    return arn if said is OfWorker.LEFT_TO_IAM else ""


def _granted(aws: Aws, key: str, caller: str) -> bool:
    """By name: a session's ARN has no path of its role."""
    name = caller.partition(":assumed-role/")[2].partition("/")[0] or caller
    with aws_errors(f"grants of KMS key {key}"):
        pages = client_of(aws, "kms").get_paginator("list_grants").paginate(KeyId=key)
        principals = [one.get("GranteePrincipal", "") for x in pages for one in x["Grants"]]
    return any(one == caller or one.endswith(f"/{name}") for one in principals)


def keys_of(aws: Aws, disk: Disk, snapshots: Sequence[str]) -> list[str]:
    """The keys of this disk, and of encrypted snapshots. Nothing is asked where nothing is
    encrypted. Source: EC2 GetEbsDefaultKmsKeyId, DescribeSnapshots."""
    return sorted({*_of_disk(aws, disk), *(_of_snapshots(aws, snapshots) if snapshots else ())})


def _of_disk(aws: Aws, disk: Disk) -> list[str]:
    if disk.kms_key or not disk.encrypted:
        return [disk.kms_key] if disk.kms_key else []
    with aws_errors("the account's default key of disks"):
        return [aws.ec2.get_ebs_default_kms_key_id()["KmsKeyId"]]


def _of_snapshots(aws: Aws, snapshots: Sequence[str]) -> list[str]:
    with aws_errors(f"snapshots {', '.join(snapshots)}"):
        found = aws.ec2.describe_snapshots(SnapshotIds=list(snapshots))["Snapshots"]
    return [one["KmsKeyId"] for one in found if one.get("KmsKeyId")]


def check_keys(aws: Aws, keys: Iterable[str], role: str, launcher: str) -> list[str]:
    """What could not be checked, in words. `role` is the ARN of the role by which the launcher's
    service launches. AWS's own key serves everybody.

    Raises:
        InputError: there is no such key, it is not enabled, or the role may not use it.
    """
    unknown = []
    for key in keys:
        if key.endswith(AWS_OWN):
            continue
        try:
            _check(aws, key, role, launcher)
        except PermissionDenied as error:
            unknown.append(f"whether {launcher} may use the KMS key {key} was not checked: {error}")
    return unknown


def _check(aws: Aws, key: str, role: str, launcher: str) -> None:
    kms = client_of(aws, "kms")
    with aws_errors(f"KMS key {key}"):
        found = kms.describe_key(KeyId=key)["KeyMetadata"]
    require_enabled(key, found.get("KeyState", "Enabled"))
    if found.get("KeyManager") == "AWS":
        return
    arn = found["Arn"]
    with aws_errors(f"grants of KMS key {key}"):
        grants = kms.list_grants(KeyId=arn, GranteePrincipal=role)["Grants"]
    if allowed_by_grant(grants, role):
        return
    with aws_errors(f"policy of KMS key {key}"):
        policy = kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"]
    if not allowed_by_policy(policy, role):
        raise refusal(arn, role, launcher)
