"""The operations on images and snapshots that moto lacks or gets wrong."""

from datetime import datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.exceptions import EC2ClientError, InvalidAMIIdError
from moto.ec2.responses.amis import AmisResponse
from moto.ec2.responses.elastic_block_store import ElasticBlockStore

from sandbox.api.base import SandboxApi, unsupported
from sandbox.compute.checks import check_snapshots
from sandbox.state.records import utcnow

# Of DescribeImageAttribute: moto has no answer, or the wrong one.
_ATTRIBUTES = {"imdsSupport": "imds_support", "description": "description", "bootMode": "boot_mode"}


class ImageApi(SandboxApi, AmisResponse, ElasticBlockStore):
    def _specified_tags(self) -> dict[str, dict[str, str]]:
        """The tags of the request, by resource type."""
        tags: dict[str, dict[str, str]] = {}
        for spec in self.value("TagSpecifications", []):
            pairs = {tag["Key"]: tag["Value"] for tag in spec.get("Tags") or []}
            tags.setdefault(spec["ResourceType"], {}).update(pairs)
        return tags

    def create_image(self) -> ActionResult:
        self.error_on_dryrun()
        tags = self._specified_tags()
        image = self.engine.images.create(
            self.value("InstanceId", ""),
            self.value("Name", ""),
            self.value("Description", ""),
            tags,
            reboot=not self.value("NoReboot", default=False),
        )
        return ActionResult({"ImageId": image.id})

    def copy_image(self) -> ActionResult:
        """Within the region, or from one that is a neighbour's."""
        self.error_on_dryrun()
        account = self.engine.account
        if self.value("SourceRegion") != account.region and not account.neighbours:
            raise unsupported("CopyImage between regions", "CopyImage within its region")
        source, tags = self.value("SourceImageId", ""), self._specified_tags()
        if self.value("CopyImageTags", default=False):
            copied = {
                key: value
                for key, value in self.engine.account.tags(source).items()
                if not key.startswith("aws:")
            }
            tags["image"] = {**copied, **tags.get("image", {})}
        image = self.engine.images.copy(
            source,
            self.value("SourceRegion", ""),
            self.value("Name", ""),
            self.value("Description", ""),
            tags,
            self.value("ClientToken", ""),
        )
        return ActionResult({"ImageId": image.id})

    def register_image(self) -> ActionResult:
        raise unsupported("RegisterImage", "CreateImage")

    def deregister_image(self) -> ActionResult:
        self.error_on_dryrun()
        deleted = self.engine.images.deregister(
            self.value("ImageId", ""),
            delete_snapshots=bool(self.value("DeleteAssociatedSnapshots", default=False)),
        )
        return ActionResult({"Return": True, "DeleteSnapshotResults": deleted})

    def describe_images(self) -> ActionResult:
        self.error_on_dryrun()
        asked = self.value("ImageIds", [])
        others = self._of_neighbours(asked)
        there = self._there([one for one in asked if one not in others])
        if asked and not there:
            return ActionResult({"Images": list(others.values())})
        self.params["ImageIds"] = there
        images: Any = super().describe_images().result
        found = [*images["Images"], *others.values()]
        if not asked and not self.value("IncludeDeprecated", default=False):
            found = [one for one in found if not self._is_hidden(one)]
        return self.paged("Images", found)

    def _is_hidden(self, image: Any) -> bool:
        """Whoever does not own a deprecated image sees it if it is asked for by its id."""
        when = getattr(image, "deprecation_time", None)
        if when is None or image.owner_id == self.current_account:
            return False
        return datetime.fromisoformat(when).replace(tzinfo=None) <= utcnow()

    def _of_neighbours(self, image_ids: list[str]) -> dict[str, dict[str, Any]]:
        """Those that neighbours share with this account. Their tags are not told."""
        account, found = self.engine.account, {}
        unknown = [one for one in image_ids if one not in self.ec2_backend.amis]
        for one in unknown if account.neighbours else ():
            if told := account.neighbours.image(account.region, one):
                found[one] = {
                    "ImageId": one,
                    "Name": told["name"],
                    "OwnerId": told["owner"],
                    "State": "available",
                    "CreationDate": datetime.fromisoformat(told["created"]).replace(tzinfo=None),
                    "Architecture": told["architecture"],
                    "ImdsSupport": told["imds_support"],
                }
        return found

    def _there(self, image_ids: list[str]) -> list[str]:
        """Without the deregistered images that instances still use. Raises for unknown ids."""
        amis = self.ec2_backend.amis
        gone = [one for one in image_ids if one.startswith("ami-") and one not in amis]
        if missing := [one for one in gone if not self.engine.images.recently_deregistered(one)]:
            raise InvalidAMIIdError(missing)
        return [one for one in image_ids if one not in gone]

    def describe_snapshots(self) -> ActionResult:
        """Only those of the owners in the request: moto ignores them."""
        check_snapshots(self.engine.account, self.value("SnapshotIds", []))
        found: Any = ElasticBlockStore.describe_snapshots(self).result
        wanted = {
            self.current_account if owner == "self" else owner
            for owner in self.value("OwnerIds", [])
        }
        snapshots = [one for one in found["Snapshots"] if not wanted or one.owner_id in wanted]
        return self.paged("Snapshots", snapshots)

    def describe_image_attribute(self) -> ActionResult:
        name, image_id = self.value("Attribute", ""), self.value("ImageId", "")
        image = self.ec2_backend.amis.get(image_id)
        if image is None or name not in _ATTRIBUTES:
            return super().describe_image_attribute()
        key = f"{name[0].upper()}{name[1:]}"
        value = getattr(image, _ATTRIBUTES[name], None)
        return ActionResult({"ImageId": image_id, key: {"Value": value} if value else {}})

    def modify_image_attribute(self) -> ActionResult:
        image = self.engine.images.own(self.value("ImageId", ""))
        attribute = self.value("Attribute")
        support = self.value("ImdsSupport.Value") or (
            self.value("Value") if attribute == "imdsSupport" else None
        )
        description = self.value("Description.Value") or (
            self.value("Value") if attribute == "description" else None
        )
        if support is None and description is None:
            return super().modify_image_attribute()
        self.error_on_dryrun()
        if support is not None:
            if support != "v2.0":
                raise EC2ClientError(
                    "InvalidParameterValue", f"Value ({support}) for imdsSupport is invalid."
                )
            image.imds_support = support
        if description is not None:
            image.description = description
        return EmptyResult()

    def enable_image_deregistration_protection(self) -> ActionResult:
        self.error_on_dryrun()
        image = self.engine.images.own(self.value("ImageId", ""))
        cooldown = self.value("WithCooldown", default=False)
        image.deregistration_protection = (
            "enabled-with-cooldown" if cooldown else "enabled-without-cooldown"
        )
        return ActionResult({"Return": "true"})

    def disable_image_deregistration_protection(self) -> ActionResult:
        """Takes effect at once: there is no cooldown of a day."""
        self.error_on_dryrun()
        self.engine.images.own(self.value("ImageId", "")).deregistration_protection = "disabled"
        return ActionResult({"Return": "true"})

    def lock_snapshot(self) -> ActionResult:
        self.error_on_dryrun()
        snapshot = self.ec2_backend.get_snapshot(self.value("SnapshotId", ""))
        self.engine.account.state.locked_snapshots.add(snapshot.id)
        return ActionResult({"SnapshotId": snapshot.id, "LockState": self.value("LockMode")})

    def unlock_snapshot(self) -> ActionResult:
        self.error_on_dryrun()
        snapshot = self.ec2_backend.get_snapshot(self.value("SnapshotId", ""))
        self.engine.account.state.locked_snapshots.discard(snapshot.id)
        return ActionResult({"SnapshotId": snapshot.id})

    def delete_snapshot(self) -> ActionResult:
        name = self.value("SnapshotId", "")
        check_snapshots(self.engine.account, [name])
        if name in self.engine.account.state.locked_snapshots:
            raise EC2ClientError(
                "OperationNotPermitted", f"The snapshot '{name}' is locked and cannot be deleted."
            )
        return ElasticBlockStore.delete_snapshot(self)

    def enable_image_deprecation(self) -> ActionResult:
        self.error_on_dryrun()
        image = self.engine.images.own(self.value("ImageId", ""))
        when = self.value("DeprecateAt")
        if when is None or when <= utcnow():
            raise EC2ClientError(
                "InvalidParameterValue", "The date and time to deprecate the AMI must be later"
            )
        image.deprecation_time = when.strftime("%Y-%m-%dT%H:%M:00.000Z")
        return ActionResult({"Return": True})

    def disable_image_deprecation(self) -> ActionResult:
        self.error_on_dryrun()
        self.engine.images.own(self.value("ImageId", "")).deprecation_time = None
        return ActionResult({"Return": True})
