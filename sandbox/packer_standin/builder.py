"""The EC2 calls of a bake, in the order in which Packer 1.6.6 makes them, and its clean-up."""

import uuid
from collections.abc import Callable
from typing import Any

from sandbox.packer_standin import asked, spot
from sandbox.packer_standin.ec2 import Ec2, Ec2Error, deadline_in, tag_specification, text
from sandbox.packer_standin.template import Template
from sandbox.packer_standin.ui import Ui

_PATIENCE = 1800.0


class BuildError(Exception):
    """Ends the build. Its text is what Packer would print."""


class Builder:
    def __init__(
        self,
        template: Template,
        ec2: Ec2,
        ui: Ui,
        pause: Callable[[], None],
        pause_in_clean_up: Callable[[], None],
    ) -> None:
        """Both `pause` functions wait for one poll. `pause` raises when the build is cancelled."""
        self.template = template
        self.ec2 = ec2
        self.ui = ui
        self._pause = pause
        self._pause_in_clean_up = pause_in_clean_up
        self._undo: list[Callable[[], None]] = []
        self.source_name = ""

    # -- before and after --

    def prepare(self) -> None:
        """All steps until the machine runs. `clean_up` removes what they make."""
        if self.template.builder == "amazon-ebs":
            self._check_name()
        self._find_source()
        vpc_id, zone = self._network()
        key, groups = self._key_pair(), self._security_groups(vpc_id)
        if self.on_spot:
            self._instance_id = spot.launch(self, key, groups, zone)
        else:
            self._instance_id = self._run(key, groups, zone)
            self.ui.step(f"Waiting for instance ({self._instance_id}) to become ready...")
        self._wait_instance("running")

    @property
    def on_spot(self) -> bool:
        return bool(self.template.value("spot_types"))

    def require_alive(self) -> None:
        """What SSH would notice."""
        if self._state(self._instance_id) != "running":
            raise BuildError(
                "Script disconnected unexpectedly. If you expected your script to disconnect, "
                'i.e. from a restart, you can try adding `"expect_disconnect": true` or '
                '`"valid_exit_codes": [0, 2300218]` to the shell provisioner parameters.'
            )

    def clean_up(self) -> None:
        """Remove in reverse order. A failure does not stop the rest."""
        for undo in reversed(self._undo):
            try:
                undo()
            except Ec2Error as error:
                self.ui.step_error(f"Error while cleaning up: {error}")
        self._undo.clear()

    def stop(self) -> None:
        if self.on_spot:  # cannot be stopped
            return
        self.ui.step("Stopping the source instance...")
        self.ui.detail("Stopping instance")
        self.ec2.call("StopInstances", {"InstanceId": [self._instance_id]})
        self.ui.step("Waiting for the instance to stop...")
        self._wait_instance("stopped")

    def create_image(self, made: Callable[[str], None]) -> str:
        """Returns the image's id once it is available and tagged. `made` is called with the id
        at once."""
        name = self.template.text("image_name")
        self.ui.step(f"Creating AMI {name} from instance {self._instance_id}")
        answer = self.ec2.call("CreateImage", {"InstanceId": self._instance_id, "Name": name})
        image_id = text(answer, "imageId")
        self._undo.append(lambda: self._deregister(image_id))
        made(image_id)
        self.ui.detail(f"AMI: {image_id}")
        self.ui.step("Waiting for AMI to become ready...")
        snapshots = self._wait_image(image_id)
        self._tag(image_id, snapshots)
        self._undo.pop()
        return image_id

    # -- steps --

    def _check_name(self) -> None:
        name = self.template.text("image_name")
        self.ui.step("Prevalidating any provided VPC information")
        self.ui.step(f"Prevalidating AMI Name: {name}")
        answer = self.ec2.call("DescribeImages", {"Filter": [{"Name": "name", "Value": [name]}]})
        if taken := answer.findtext("imagesSet/item/imageId"):
            raise BuildError(f"Error: AMI Name: '{name}' is used by an existing AMI: {taken}")

    def _find_source(self) -> None:
        source = self.template.text("source_ami")
        try:
            answer = self.ec2.call("DescribeImages", {"ImageId": [source]})
        except Ec2Error as error:
            raise BuildError(f"Error querying AMI: {error}") from None
        image = answer.find("imagesSet/item")
        if image is None:
            raise BuildError(f"No AMI was found matching filters: {source}")
        if text(image, "rootDeviceType") != "ebs":
            raise BuildError("The root device type of the source AMI must be ebs")
        self.source_name = text(image, "name")
        self.ui.detail(f"Found Image ID: {source}")

    def _network(self) -> tuple[str, str]:
        subnet_id = self.template.text("subnet_id")
        if not subnet_id:
            return self.template.text("vpc_id"), ""
        subnet = self.ec2.call("DescribeSubnets", {"SubnetId": [subnet_id]}).find("subnetSet/item")
        if subnet is None:
            raise BuildError(f"The subnet {subnet_id} was not found")
        return text(subnet, "vpcId"), text(subnet, "availabilityZone")

    def _key_pair(self) -> str:
        name = self.template.text("key_pair_name") or f"packer_{uuid.uuid4()}"
        self.ui.step(f"Creating temporary keypair: {name}")
        self.ec2.call("CreateKeyPair", {"KeyName": name})

        def remove() -> None:
            self.ui.step("Deleting temporary keypair...")
            self.ec2.call("DeleteKeyPair", {"KeyName": name})

        self._undo.append(remove)
        return name

    def _security_groups(self, vpc_id: str) -> list[str]:
        if several := self.template.value("security_group_ids"):
            return list(several)
        if given := self.template.text("security_group_id"):
            return [given]
        name = f"packer_{uuid.uuid4()}"
        self.ui.step(f"Creating temporary security group for this instance: {name}")
        answer = self.ec2.call(
            "CreateSecurityGroup",
            {"GroupName": name, "GroupDescription": "Temporary group for Packer", "VpcId": vpc_id},
        )
        group_id = text(answer, "groupId")

        def remove() -> None:
            self.ui.step("Deleting temporary security group...")
            self.ec2.call("DeleteSecurityGroup", {"GroupId": group_id})

        self._undo.append(remove)
        cidrs = list(self.template.value("ssh_source_cidrs") or ["0.0.0.0/0"])
        self.ui.step(
            f"Authorizing access to port 22 from [{' '.join(cidrs)}] in the temporary security "
            "groups..."
        )
        permission = {
            "IpProtocol": "tcp",
            "FromPort": 22,
            "ToPort": 22,
            "IpRanges": [{"CidrIp": cidr} for cidr in cidrs],
        }
        self.ec2.call(
            "AuthorizeSecurityGroupIngress", {"GroupId": group_id, "IpPermissions": [permission]}
        )
        return [group_id]

    def _run(self, key: str, groups: list[str], zone: str) -> str:
        self.ui.step("Launching a source AWS instance...")
        tags = dict(self.template.value("run_tags") or {})
        self.ui.step("Adding tags to source instance")
        request: dict[str, Any] = {
            "ImageId": self.template.text("source_ami"),
            "InstanceType": self.template.text("instance_type", "t3.small"),
            "KeyName": key,
            "MinCount": 1,
            "MaxCount": 1,
            **asked.place(self.template, groups),
            **asked.disks(self.template),
            "Placement": {"AvailabilityZone": zone},
            "InstanceInitiatedShutdownBehavior": "terminate",
            "ClientToken": str(uuid.uuid4()).upper(),
            "IamInstanceProfile": {"Name": self.template.text("iam_instance_profile")},
            "TagSpecification": [
                tag_specification("instance", {"Name": "Packer Builder", **tags}),
                *([tag_specification("volume", tags)] if tags else []),
            ],
        }
        try:
            answer = self.ec2.call("RunInstances", request)
        except Ec2Error as error:
            raise BuildError(f"Error launching source instance: {error}") from None
        instance_id = text(answer, "instancesSet/item/instanceId")
        self.ends(instance_id)
        self.ui.detail(f"Instance ID: {instance_id}")
        return instance_id

    def ends(self, instance_id: str) -> None:
        """With the build, however that ends."""
        self._undo.append(lambda: self._terminate(instance_id))

    def later(self, undo: Callable[[], None]) -> None:
        self._undo.append(undo)

    def _terminate(self, instance_id: str) -> None:
        self.ui.step("Terminating the source AWS instance...")
        self.ec2.call("TerminateInstances", {"InstanceId": [instance_id]})
        deadline = deadline_in(_PATIENCE)
        while self._state(instance_id) != "terminated" and deadline > deadline_in(0):
            self._pause_in_clean_up()

    def _deregister(self, image_id: str) -> None:
        self.ui.step(
            "Deregistering the AMI and deleting associated snapshots because of cancellation, or "
            "error..."
        )
        answer = self.ec2.call("DescribeImages", {"ImageId": [image_id]})
        self.ec2.call("DeregisterImage", {"ImageId": image_id})
        for snapshot in answer.findall("imagesSet/item/blockDeviceMapping/item/ebs/snapshotId"):
            self.ec2.call("DeleteSnapshot", {"SnapshotId": snapshot.text or ""})

    def _tag(self, image_id: str, snapshots: list[str]) -> None:
        tags = dict(self.template.value("tags") or {})
        if not tags:
            return
        self.ui.step(f"Adding tags to AMI ({image_id})...")
        for snapshot in snapshots:
            self.ui.step(f"Tagging snapshot: {snapshot}")
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        for kind, resources in (("AMI", [image_id, *snapshots]), ("snapshot", snapshots)):
            self.ui.step(f"Creating {kind} tags")
            for key, value in tags.items():
                self.ui.detail(f'Adding tag: "{key}": "{value}"')
            self.ec2.call("CreateTags", {"ResourceId": resources, "Tag": pairs})

    # -- waits --

    def _state(self, instance_id: str) -> str:
        answer = self.ec2.call("DescribeInstances", {"InstanceId": [instance_id]})
        return text(answer, ".//instanceState/name")

    def _wait_instance(self, wanted: str) -> None:
        deadline, state = deadline_in(_PATIENCE), ""
        while deadline > deadline_in(0):
            try:
                state = self._state(self._instance_id)
            except Ec2Error as error:
                if error.code != "InvalidInstanceID.NotFound":  # not to be seen yet
                    raise
            if state == wanted:
                return
            if state == "terminated" or (wanted == "running" and state == "shutting-down"):
                raise BuildError(
                    f"Error waiting for instance ({self._instance_id}) to become "
                    f"{'ready' if wanted == 'running' else wanted}: unexpected state {state}"
                )
            self._pause()
        raise BuildError(f"Timeout waiting for instance ({self._instance_id}): it is {state}")

    def _wait_image(self, image_id: str) -> list[str]:
        """Returns the image's snapshots."""
        deadline, state = deadline_in(_PATIENCE), ""
        while deadline > deadline_in(0):
            try:
                answer = self.ec2.call("DescribeImages", {"ImageId": [image_id]})
            except Ec2Error as error:
                if error.code != "InvalidAMIID.NotFound":
                    raise
            else:
                state = text(answer, "imagesSet/item/imageState")
                if state == "available":
                    found = answer.findall(".//blockDeviceMapping/item/ebs/snapshotId")
                    return [one.text or "" for one in found]
                if state == "failed":
                    raise BuildError(f"Error waiting for AMI: the image {image_id} is {state}")
            self._pause()
        raise BuildError(f"Timeout waiting for AMI {image_id}: it is {state}")
