"""What EC2 refuses before it launches: whatever a launch names must exist, and fit."""

import base64
import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from moto.ec2.exceptions import EC2ClientError, InvalidAMIIdError
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.iam.models import iam_backends

from sandbox.state import prices
from sandbox.state.account import Account
from sandbox.state.records import ACCOUNT_ID

MOST_USER_DATA = 16384
# GiB of every image, unless it was made of a larger disk.
IMAGE_SIZE = 8
# What metadata can show of a tag's key: it is a part of a path there.
_SHOWN = re.compile(r"[0-9a-zA-Z\-_+=,.@:]{1,255}")
_RESERVED = (".", "..", "_index")


def must_be_usable(account: Account, image_id: str) -> None:
    """Raises what EC2 answers to a launch whose image is missing or not available yet."""
    if not image_id.startswith("ami-"):
        raise EC2ClientError(
            "InvalidAMIID.Malformed", f'Invalid id: "{image_id}" (expecting "ami-...")'
        )
    ami = account.ec2.amis.get(image_id)
    if ami is None:
        raise InvalidAMIIdError(image_id)
    if ami.state != "available":
        raise EC2ClientError(
            "InvalidAMIID.Unavailable", f"The image ID '{image_id}' is not available"
        )
    if refused := getattr(ami, "refused", ""):
        raise EC2ClientError("UnsupportedOperation", refused)


def check_type(instance_type: str) -> None:
    if not prices.known(instance_type):
        raise EC2ClientError(
            "InvalidParameterValue", f"Invalid value '{instance_type}' for InstanceType."
        )


def check_architecture(account: Account, image_id: str, instance_type: str) -> None:
    wanted = account.ec2.amis[image_id].architecture
    supported = INSTANCE_TYPES[instance_type]["ProcessorInfo"]["SupportedArchitectures"]
    if wanted not in supported:
        raise EC2ClientError(
            "InvalidParameterValue",
            f"The architecture '{','.join(supported)}' of the specified instance type does not "
            f"match the architecture '{wanted}' of the specified AMI. Specify an instance type and "
            "an AMI that have matching architectures, and try again.",
        )


def check_snapshots(account: Account, snapshot_ids: Iterable[str]) -> None:
    """moto does not say which is missing."""
    for one in snapshot_ids:
        if one not in account.ec2.snapshots:
            raise EC2ClientError(
                "InvalidSnapshot.NotFound", f"The snapshot '{one}' does not exist."
            )


def check_key(account: Account, key_name: str | None) -> None:
    if key_name and key_name not in account.ec2.key_pairs:
        raise EC2ClientError("InvalidKeyPair.NotFound", f"The key pair '{key_name}' does not exist")


def check_groups(account: Account, names_or_ids: Iterable[str], subnet_id: str | None) -> None:
    """They must be there, and in the subnet's network."""
    vpc = account.ec2.get_subnet(subnet_id).vpc_id if subnet_id else account.ec2.default_vpc.id
    for one in names_or_ids:
        group: Any = account.ec2.get_security_group_by_name_or_id(one)
        if group is None:
            where = "" if one.startswith("sg-") else f" in VPC '{vpc}'"
            raise EC2ClientError(
                "InvalidGroup.NotFound", f"The security group '{one}' does not exist{where}"
            )
        if group.vpc_id != vpc:
            raise EC2ClientError(
                "InvalidParameter",
                f"Security group {group.id} and subnet {subnet_id or 'of the default VPC'} belong "
                "to different networks.",
            )


def check_address(account: Account, address: str | None, subnet_id: str) -> None:
    """A private address that is asked for."""
    if not address or not subnet_id:
        return
    subnet: Any = account.ec2.get_subnet(subnet_id)
    if ip_address(address) not in ip_network(subnet.cidr_block):
        raise EC2ClientError(
            "InvalidParameterValue",
            f"Address {address} does not fall within the subnet's address range",
        )
    taken = (nic.private_ip_address for nic in account.ec2.enis.values() if nic.subnet is subnet)
    if address in taken:
        raise EC2ClientError("InvalidIPAddress.InUse", f"Address {address} is in use.")


def check_user_data(encoded: Any) -> None:
    if encoded and len(base64.b64decode(str(encoded))) > MOST_USER_DATA:
        raise EC2ClientError(
            "InvalidParameterValue", f"User data is limited to {MOST_USER_DATA} bytes"
        )


def disk_of(ami: Any) -> tuple[int, str]:
    """Size and type of its root disk."""
    return int(getattr(ami, "size_gib", IMAGE_SIZE)), str(getattr(ami, "volume_type", "gp3"))


def check_volumes(mappings: Iterable[Mapping[str, Any]], ami: Any) -> None:
    """The root volume has room for the image."""
    least, _ = disk_of(ami)
    for one in mappings:
        size = (one.get("Ebs") or {}).get("VolumeSize")
        if one.get("DeviceName") == ami.root_device_name and size and int(size) < least:
            raise EC2ClientError(
                "InvalidBlockDeviceMapping",
                f"Volume of size {size}GB is smaller than snapshot '{ami.ebs_snapshot.id}', expect "
                f"size >= {least}GB",
            )


def check_profile(profile: Mapping[str, Any]) -> None:
    """An instance profile by Name or Arn; empty for none."""
    every: Any = list(iam_backends[ACCOUNT_ID]["aws"].instance_profiles.values())
    for key, called in (("Name", "name"), ("Arn", "ARN")):
        wanted = profile.get(key)
        if wanted and wanted not in [getattr(one, key.lower()) for one in every]:
            raise EC2ClientError(
                "InvalidParameterValue",
                f"Value ({wanted}) for parameter iamInstanceProfile.{key.lower()} is invalid. "
                f"Invalid IAM Instance Profile {called}",
            )


def check_shown(keys: Iterable[str]) -> None:
    """Of the tags of an instance whose metadata shows them."""
    for key in keys:
        if key in _RESERVED or not _SHOWN.fullmatch(key):
            raise EC2ClientError(
                "InvalidParameterValue",
                f"'{key}' is not a valid tag key. Tag keys must match pattern "
                r"([0-9a-zA-Z\\-_+=,.@:]{1,255}), and must not be a reserved name "
                "('.', '..', '_index')",
            )


def check_own_tags(account: Account, instance: Any) -> None:
    """Those that it has."""
    if instance.metadata_options.instance_metadata_tags == "enabled":
        check_shown(account.tags(instance.id))


def check_asked_tags(
    options: Mapping[str, Any] | None, specifications: Iterable[Mapping[str, Any]]
) -> None:
    """Those that a request gives to its instances."""
    if (options or {}).get("InstanceMetadataTags") == "enabled":
        check_shown(
            str(tag.get("Key") or "")
            for one in specifications
            if one.get("ResourceType") == "instance"
            for tag in one.get("Tags") or ()
        )
