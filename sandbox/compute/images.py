"""Images and their snapshots. An image is pending until the copy of the machine's disk is there."""

import re
from datetime import datetime
from typing import Any

from moto.ec2.exceptions import EC2ClientError, InvalidAMIIdError, UnvailableAMIIdError
from moto.ec2.models.amis import Ami
from moto.ec2.utils import random_ami_id

from sandbox.compute.checks import IMAGE_SIZE, disk_of, must_be_usable
from sandbox.compute.details import root_disk
from sandbox.compute.instances import Instances
from sandbox.machines.protocol import InitialImage
from sandbox.state.account import Account
from sandbox.state.records import ACCOUNT_ID, utcnow

_NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")
ROOT_DEVICE = "/dev/xvda"


class SandboxAmi(Ami):
    """An EBS-backed image."""

    imds_support: str | None = None
    deprecation_time: str | None = None
    ena_support = True
    size_gib = IMAGE_SIZE
    volume_type = "gp3"
    source_image_id: str | None = None
    source_image_region: str | None = None
    deregistration_protection = "disabled"
    state_reason: dict[str, str] | None = None
    refused = ""  # why no machine can be launched from it

    @property
    def block_device_mappings(self) -> list[dict[str, Any]]:
        ebs = {
            "SnapshotId": self.ebs_snapshot.id,
            "VolumeSize": self.size_gib,
            "DeleteOnTermination": True,
            "VolumeType": self.volume_type,
            "Encrypted": False,
        }
        return [{"DeviceName": self.root_device_name, "Ebs": ebs}]


class Images:
    def __init__(self, account: Account, instances: Instances) -> None:
        self._account = account
        self._instances = instances

    def add_initial(self, image: InitialImage) -> None:
        ami = self._make(
            image.image_id,
            image.name,
            image.description,
            owner_id=image.owner_id,
            public=image.owner_id != ACCOUNT_ID,
            architecture=image.architecture,
        )
        ami.creation_date = datetime.fromisoformat(image.created).replace(tzinfo=None)
        ami.refused = image.refused
        self._tag(ami.id, dict(image.tags))

    def create(
        self,
        instance_id: str,
        name: str,
        description: str,
        tags: dict[str, dict[str, str]],
        *,
        reboot: bool,
    ) -> SandboxAmi:
        """`tags` by resource type: `image` and `snapshot`."""
        self._check_name(name)
        if unknown := set(tags) - {"image", "snapshot"}:
            raise EC2ClientError(
                "InvalidParameterValue",
                f"'{min(unknown)}' is not a valid taggable resource type for this operation.",
            )
        instance = self._instances.get(instance_id)
        if instance.state not in ("running", "stopping", "stopped"):
            raise EC2ClientError(
                "IncorrectState", f"Instance '{instance_id}' is not 'running' or 'stopped'."
            )
        source, architecture = instance.image_id, str(instance.architecture)
        ami = self._make(
            random_ami_id(), name, description, source=source, architecture=architecture
        )
        self._size(ami, *root_disk(self._account, instance))
        ami.instance_id = instance_id
        ami.state = "pending"
        ami.ebs_snapshot.status = "pending"
        ami.ebs_snapshot.description = f"Created by CreateImage({instance_id}) for {ami.id}"
        self._tag(ami.id, tags.get("image", {}))
        self._tag(ami.ebs_snapshot.id, tags.get("snapshot", {}))
        self._account.machines.create_image(instance_id, ami.id, name, tags.get("image", {}))
        if reboot and instance.state == "running":
            self._account.machines.reboot(instance_id)
        self._account.wake()
        return ami

    def copy(
        self,
        source_id: str,
        region: str,
        name: str,
        description: str,
        tags: dict[str, dict[str, str]],
        token: str = "",
    ) -> SandboxAmi:
        """CopyImage. `tags` by resource type. The source may belong to any account, and be in the
        `region` of a neighbour. The same token is the same copy."""
        tokens = self._account.state.copies
        if token and token in tokens:
            return self.any(tokens[token])
        self._check_name(name)
        if region == self._account.region and source_id in self._account.ec2.amis:
            must_be_usable(self._account, source_id)
            original = self._account.ec2.amis[source_id]
            support = getattr(original, "imds_support", None)
            snapshot = original.ebs_snapshot.id
            disk, architecture = disk_of(original), str(original.architecture)
        else:
            told = self._account.neighbours.image(region, source_id)
            if told is None:
                raise InvalidAMIIdError(source_id)
            support, snapshot = told["imds_support"], told["snapshot"]
            disk, architecture = (told["size_gib"], told["volume_type"]), told["architecture"]
        ami = self._make(
            random_ami_id(), name, description, source=source_id, architecture=architecture
        )
        self._size(ami, *disk)
        ami.source_image_region = region
        if token:
            tokens[token] = ami.id
        ami.imds_support = support
        ami.state = "pending"
        ami.ebs_snapshot.status = "pending"
        ami.ebs_snapshot.description = (
            f"Copied for DestinationAmi {ami.id} from SourceAmi {source_id} "
            f"for SourceSnapshot {snapshot}. "
            f"Task created on {round(utcnow().timestamp() * 1000)}."
        )
        self._tag(ami.id, tags.get("image", {}))
        self._tag(ami.ebs_snapshot.id, tags.get("snapshot", {}))
        self._account.machines.copy_image(source_id, ami.id, name, tags.get("image", {}))
        self._account.wake()
        return ami

    def _check_name(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise EC2ClientError(
                "InvalidAMIName.Malformed",
                "AMI names must be between 3 and 128 characters long, and may contain letters, "
                "numbers, '(', ')', '.', '-', '/' and '_'",
            )
        for ami in self._account.ec2.amis.values():
            if ami.name == name and ami.owner_id == ACCOUNT_ID:
                raise EC2ClientError(
                    "InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {ami.id}"
                )

    def _make(
        self,
        image_id: str,
        name: str,
        description: str,
        *,
        architecture: str,
        owner_id: str = ACCOUNT_ID,
        public: bool = False,
        source: str | None = None,
    ) -> SandboxAmi:
        ami = SandboxAmi(
            self._account.ec2,
            image_id,
            name=name,
            description=description,
            owner_id=owner_id,
            public=public,
            virtualization_type="hvm",
            hypervisor="xen",
            architecture=architecture,
            root_device_type="ebs",
            root_device_name=ROOT_DEVICE,
            image_location=f"{owner_id}/{name}",
            region_name=f"{self._account.region}a",
            creation_date=utcnow(),
            boot_mode="uefi-preferred",
        )
        ami.ebs_snapshot.volume.size = IMAGE_SIZE
        ami.source_image_id = source
        ami.source_image_region = self._account.region if source else None
        self._account.ec2.amis[image_id] = ami
        return ami

    def _size(self, ami: SandboxAmi, size_gib: int, volume_type: str) -> None:
        """Of its root disk."""
        ami.size_gib, ami.volume_type = size_gib, volume_type
        ami.ebs_snapshot.volume.size = size_gib

    def _tag(self, resource_id: str, tags: dict[str, str]) -> None:
        if tags:
            self._account.ec2.create_tags([resource_id], tags)

    def shared(self, image_id: str, account: str) -> dict[str, Any] | None:
        """An image that is available, if this account may use it, and its snapshot as well."""
        ami = self._account.ec2.amis.get(image_id)
        if not isinstance(ami, SandboxAmi) or ami.state != "available":
            return None
        may = {"UserId": account} in ami.launch_permissions
        may = may and account in ami.ebs_snapshot.create_volume_permission_userids
        if account != ACCOUNT_ID and not may and not ami.is_public:
            return None
        return {
            "name": ami.name,
            "owner": ami.owner_id,
            "architecture": ami.architecture,
            "imds_support": ami.imds_support,
            "snapshot": ami.ebs_snapshot.id,
            "size_gib": ami.size_gib,
            "volume_type": ami.volume_type,
            "created": f"{ami.creation_date:%Y-%m-%dT%H:%M:%S}.000Z",
        }

    def own(self, image_id: str) -> SandboxAmi:
        """An image that this account may change. Raises for all others."""
        ami = self.any(image_id)
        if ami.owner_id != ACCOUNT_ID:
            raise EC2ClientError("AuthFailure", f"Not authorized for image:{image_id}")
        return ami

    def any(self, image_id: str) -> SandboxAmi:
        """Whoever owns it. Raises if it is not there."""
        ami = self._account.ec2.amis.get(image_id)
        if ami is None:
            if image_id in self._account.state.deregistered:
                raise UnvailableAMIIdError(image_id)
            raise InvalidAMIIdError(image_id)
        if not isinstance(ami, SandboxAmi):
            raise EC2ClientError("AuthFailure", f"Not authorized for image:{image_id}")
        return ami

    def deregister(self, image_id: str, *, delete_snapshots: bool) -> list[dict[str, str]]:
        """Returns what became of the snapshots, if they were to be deleted as well."""
        ami = self.own(image_id)
        if ami.deregistration_protection != "disabled":
            raise EC2ClientError(
                "OperationNotPermitted",
                f"The image '{image_id}' cannot be deregistered because deregistration protection "
                "is enabled for it.",
            )
        del self._account.ec2.amis[image_id]
        self._account.ec2.tags.pop(image_id, None)
        self._account.state.deregistered[image_id] = self._account.clock.now()
        self._account.machines.remove_image(image_id)
        if not delete_snapshots:
            return []
        self._account.ec2.delete_snapshot(ami.ebs_snapshot.id)
        return [{"SnapshotId": ami.ebs_snapshot.id, "ReturnCode": "success"}]

    def lose(self, image_id: str) -> None:
        """Its content is gone, and so is it with its snapshot."""
        ami = self._account.ec2.amis.pop(image_id)
        self._account.ec2.tags.pop(image_id, None)
        self._account.ec2.snapshots.pop(ami.ebs_snapshot.id, None)
        self._account.ec2.tags.pop(ami.ebs_snapshot.id, None)

    def recently_deregistered(self, image_id: str) -> bool:
        """Whether instances still use the image. For as long AWS answers for its id with an empty
        list."""
        return image_id in self._account.state.deregistered and any(
            self._instances.get(record.instance_id).image_id == image_id
            for record in self._account.state.instances.values()
            if record.ended_at is None
        )

    def moving(self) -> bool:
        return any(ami.state == "pending" for ami in self._account.ec2.amis.values())

    def tick(self) -> None:
        for ami in self._account.ec2.amis.values():
            if ami.state != "pending":
                continue
            status = self._account.machines.image_state(ami.id)
            if status == "available":
                ami.state = "available"
                ami.ebs_snapshot.status = "completed"
            elif status in ("failed", "absent"):
                ami.state = "failed"
                ami.ebs_snapshot.status = "error"
                assert isinstance(ami, SandboxAmi)
                ami.state_reason = {
                    "Code": "Server.InternalError",
                    "Message": "Server.InternalError: An internal error has occurred",
                }
