"""The operations on volumes that moto gets wrong."""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses.elastic_block_store import ElasticBlockStore

from sandbox.api.base import SandboxApi


class VolumeApi(SandboxApi, ElasticBlockStore):
    def describe_volumes(self) -> ActionResult:
        self.error_on_dryrun()
        found: Any = ElasticBlockStore.describe_volumes(self).result
        return self.paged("Volumes", list(found["Volumes"]))

    def get_ebs_default_kms_key_id(self) -> ActionResult:
        """Nobody has changed it: AWS's own."""
        self.error_on_dryrun()
        return ActionResult({"KmsKeyId": "alias/aws/ebs"})

    def detach_volume(self) -> ActionResult:
        """moto wants the instance to be named, too."""
        volume = self.ec2_backend.get_volume(self.value("VolumeId", ""))
        if volume.attachment is None:
            raise EC2ClientError(
                "IncorrectState", f"Volume '{volume.id}' is in the 'available' state."
            )
        self.params.setdefault("InstanceId", volume.attachment.instance.id)
        return ElasticBlockStore.detach_volume(self)
