"""Disk: the root disk of a machine."""

from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from spotkiln.errors import InputError
from spotkiln.noun import ShownNoun

# A key's id, alias or ARN.
KEY = r"^(arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:(key|alias)/\S+|alias/\S+|(mrk-)?[0-9a-f-]{32,36})?$"
# As EC2 limits them.
WITH_IOPS = ("gp3", "io1", "io2")


class VolumeType(StrEnum):
    GP3 = "gp3"
    GP2 = "gp2"
    IO1 = "io1"
    IO2 = "io2"
    ST1 = "st1"
    STANDARD = "standard"


class ImageDisk(ShownNoun):
    """The root disk of a machine that an image is made of, and so the image's own."""

    size_gib: int = Field(
        default=0,
        ge=0,
        le=65536,
        title="Size (GiB)",
        description="The image's, too: no server's can be smaller. Not below that of what the "
        "bake starts from. 0: as large as that.",
    )
    type: Literal["gp3", "gp2"] | None = Field(
        default=None,
        title="Type",
        description="Of EBS: gp3 or gp2. The servers' as well, unless their own disk says "
        "otherwise. Empty: as what the bake starts from.",
    )

    @property
    def settings(self) -> dict[str, Any]:
        """What decides what the image is like; nothing where nothing is asked for."""
        return {"disk": dict(self)} if any(dict(self).values()) else {}

    def variables(self, device: str, least: int) -> dict[str, Any]:
        """Those of packer/app.pkr.hcl and base.pkr.hcl. `device` is where the source image has its
        root disk, of `least` GiB: a layer may be larger than its base image."""
        size = max(self.size_gib, least) if self.size_gib else 0
        used = bool(self.settings)
        return {
            "root_device": device if used else "",
            "root_gib": size,
            "root_type": self.type or "",
        }


AS_IT_IS = ImageDisk()


class Disk(ShownNoun):
    """The root disk. What is left open is as the image has it."""

    size_gib: int = Field(
        default=0,
        ge=0,
        le=65536,
        title="Size (GiB)",
        description="Not below the image's. 0: as large as the image's.",
    )
    type: VolumeType | None = Field(
        default=None,
        title="Type",
        description="Of EBS: gp3, gp2, io1, io2. Empty: the image's.",
    )
    iops: int = Field(
        default=0,
        ge=0,
        le=256000,
        title="IOPS",
        description="Of gp3, io1 and io2. 0: EC2's default.",
    )
    throughput: int = Field(
        default=0,
        ge=0,
        le=2000,
        title="Throughput (MiB/s)",
        description="Of gp3. 0: EC2's default.",
    )
    encrypted: bool = Field(
        default=False,
        title="Encrypted",
        description="By the key below, else by the account's default key. Where the account "
        "encrypts by default, or the image is encrypted, disks are without this.",
    )
    kms_key: str = Field(
        default="",
        title="KMS key",
        description="Id, alias or ARN of the key that encrypts it. It must let EC2's own "
        "service-linked role use it.",
        pattern=KEY,
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.iops and self.type not in WITH_IOPS:
            raise ValueError(f"iops need a type of {', '.join(WITH_IOPS)}, got {self.type}")
        if self.throughput and self.type != VolumeType.GP3:
            raise ValueError(f"throughput needs the type gp3, got {self.type}")
        if self.type in {VolumeType.IO1, VolumeType.IO2} and not self.iops:
            raise ValueError(f"type {self.type} needs iops")
        return self

    @property
    def used(self) -> bool:
        return any(dict(self).values())

    def to_aws(self) -> dict[str, Any]:
        """An EbsBlockDevice, without what is left open."""
        found = {
            "VolumeSize": self.size_gib,
            "VolumeType": str(self.type or ""),
            "Iops": self.iops,
            "Throughput": self.throughput,
            "Encrypted": self.encrypted or bool(self.kms_key),
            "KmsKeyId": self.kms_key,
        }
        return {key: value for key, value in found.items() if value}


def require_room_for(disk: Disk | ImageDisk, least: int, whose: str, image: str) -> None:
    """Raises:
    InputError: the image has more than the disk could hold.
    """
    if 0 < disk.size_gib < least:
        raise InputError(
            f"{whose}.size_gib is {disk.size_gib}, and {image} has {least} GiB: say {least} or "
            "more, or leave it out"
        )


def of_servers(disk: Disk, theirs: list[dict[str, Any]], device: str) -> Disk:
    """Size and encryption as they will be: the deployment's, else a launch template's of the user's
    own."""
    there: dict[str, Any] = next(
        (one.get("Ebs") or {} for one in theirs if one.get("DeviceName") == device), {}
    )
    return disk.model_copy(
        update={
            "size_gib": disk.size_gib or there.get("VolumeSize", 0),
            "encrypted": disk.encrypted or bool(there.get("Encrypted")),
            "kms_key": disk.kms_key or there.get("KmsKeyId", ""),
        }
    )


def with_root(mappings: list[dict[str, Any]], device: str, disk: Disk) -> list[dict[str, Any]]:
    """BlockDeviceMappings with this root disk; other disks stay, and so does what it leaves
    open."""
    if not disk.used:
        return mappings
    there = next((one for one in mappings if one.get("DeviceName") == device), {})
    ebs = {"DeleteOnTermination": True, **(there.get("Ebs") or {}), **disk.to_aws()}
    root = {**there, "DeviceName": device, "Ebs": ebs}
    return [root, *(one for one in mappings if one is not there)]
