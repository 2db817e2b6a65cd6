"""Passes details from moto's instance to its machine, and back."""

import base64
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance

from sandbox.compute.checks import disk_of
from sandbox.machines.protocol import MachineSpec, MetadataOptions
from sandbox.state.account import Account
from sandbox.state.records import ACCOUNT_ID, InstanceRecord


def machine_spec(account: Account, instance: Instance, record: InstanceRecord) -> MachineSpec:
    ec2: Any = account.ec2
    subnet = ec2.get_subnet(instance.subnet_id)
    image = ec2.amis.get(instance.image_id)
    key = ec2.key_pairs.get(instance.key_name)
    profile: Any = instance.iam_instance_profile
    user_data: Any = instance.user_data
    return MachineSpec(
        instance_id=instance.id,
        image_id=instance.image_id,
        image_name=(image.name if image else "") or "",
        instance_type=instance.instance_type,
        memory_mib=memory_of(instance.instance_type),
        region=account.region,
        zone=subnet.availability_zone,
        zone_id=subnet.availability_zone_id,
        account_id=ACCOUNT_ID,
        vpc_id=subnet.vpc_id,
        subnet_id=subnet.id,
        spot=record.spot,
        private_ip=instance.private_ip or "",
        public_ip=instance.public_ip,
        key_name=instance.key_name,
        public_key=key.public_key.strip() if key else None,
        security_groups=tuple(group.name for group in instance.nics[0].group_set),
        instance_profile_arn=profile["Arn"] if profile else None,
        role_key=record.role_key,
        user_data=base64.b64decode(str(user_data)) if user_data else b"",
        tags=account.tags(instance.id),
        metadata=metadata_options(instance),
        image_tags=account.tags(instance.image_id),
        architecture=str(instance.architecture),
    )


def metadata_options(instance: Instance) -> MetadataOptions:
    options = instance.metadata_options
    return MetadataOptions(
        endpoint=options.http_endpoint == "enabled",
        tokens_required=options.http_tokens == "required",
        tags=options.instance_metadata_tags == "enabled",
    )


def memory_of(instance_type: str) -> int:
    """In MiB."""
    return int(INSTANCE_TYPES[instance_type]["MemoryInfo"]["SizeInMiB"])


def give_root_volume(account: Account, instance: Instance) -> None:
    """Attach the root volume where the image has its root device. moto attaches it to /dev/sda1,
    whatever the image says, and makes none if the request maps other devices only."""
    mapping, root = instance.block_device_mapping, instance.root_device_name
    if root in mapping:
        return
    size, kind = disk_of(account.ec2.amis[instance.image_id])
    if "/dev/sda1" in mapping:
        mapping[root] = mapping.pop("/dev/sda1")
        volume = account.ec2.get_volume(mapping[root].volume_id)
        assert volume.attachment is not None
        volume.attachment.device = root
        volume.size = size
    else:
        zone = str(instance.placement.zone)
        volume = account.ec2.create_volume(size=size, zone_name=zone)
        account.ec2.attach_volume(volume.id, instance.id, root, True)
    volume.volume_type = kind


def root_disk(account: Account, instance: Instance) -> tuple[int, str]:
    """Size and type of the instance's root volume."""
    volume = account.ec2.get_volume(
        instance.block_device_mapping[instance.root_device_name].volume_id
    )
    return int(volume.size), str(volume.volume_type or "gp3")


def give_public_address(instance: Instance) -> None:
    """One that leads nowhere (RFC 2544's). moto's belong to somebody on the internet: whoever takes
    a simulated machine for a real one would knock there."""
    nic = instance.nics.get(0)
    if nic is not None and nic.public_ip:
        _, _, *last = str(nic.private_ip_address).split(".")
        nic.public_ip = ".".join(["198", "18", *last])


def give_back_addresses(account: Account, instance: Instance) -> None:
    """Once it has ended. moto does so when it is forgotten, and by then another may have them."""
    zones = account.ec2.subnets.values()
    for subnet in [each[instance.subnet_id] for each in zones if instance.subnet_id in each]:
        for address in instance._private_ips:
            subnet.del_subnet_ip(address)
    instance._private_ips = set()


def set_address(instance: Instance, address: str) -> None:
    nic = instance.nics.get(0)
    if nic is None or nic.private_ip_address == address:
        return
    nic.private_ip_address = address
    nic.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": address}]
    nic.public_ip = address
