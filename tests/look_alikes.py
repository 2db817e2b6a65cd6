"""What others have in the account that looks like ours: nobody may touch it.

People copy images with their tags and launch "more like this", backups copy the tags of what they
back up, and other tools have machines behind the same load balancer.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rehearsal.account import every, instances_of, own_images, own_snapshots

DEAD = "demo-web-app-00000000dead"
INHERITED = {
    "Name": "demo-web-app",
    "spotkiln:app": "demo-web-app",
    "spotkiln:release": DEAD,
    "spotkiln:run": "00000000-dead-4000-8000-000000000000",
    "spotkiln:commit": "dead" * 10,
    "spotkiln:target-group": "website",
}
RECIPE = {"spotkiln:recipe": "0" * 64, "spotkiln:inputs": "source=000000000000 base=ami-0"}
# An image that would be the version to go back to, one to discard, one to delete at once.
VERSION = {
    **INHERITED,
    **RECIPE,
    "spotkiln:state": "tested",
    "spotkiln:released": "2039-01-01T00:00:00.000+00:00",
    "spotkiln:served/website": "2039-01-01T00:00:00.000+00:00",
}
CANDIDATE = {**INHERITED, **RECIPE, "spotkiln:state": "candidate"}
REJECTED = {**INHERITED, **RECIPE, "spotkiln:state": "rejected"}
BASE = {"spotkiln:base": "rails-base", "spotkiln:release": "base-00000000dead"}
DLM = {
    "aws:dlm:lifecycle-policy-id": "policy-0123456789abcdef0",
    "aws:dlm:lifecycle-schedule-name": "Default Schedule",
}


def _tags(kind: str, tags: Mapping[str, str]) -> list[dict[str, Any]]:
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    return [{"ResourceType": kind, "Tags": pairs}]


def _until(look: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within a minute: {what}")
        time.sleep(0.1)


@dataclass
class LookAlikes:
    """`seed` makes them of `image`; `touched` says what became of them since. `ids` by kind, as
    the sandbox's inventory calls it; `targets` are in the target group. `mark` gives a resource
    the tags that only AWS's own services give."""

    ec2: Any
    elbv2: Any
    group: str
    mark: Callable[[str, Mapping[str, str]], object]
    ids: dict[str, list[str]] = field(default_factory=dict)
    targets: list[str] = field(default_factory=list)
    _first: dict[str, Any] = field(default_factory=dict)

    def seed(self, image: str, *, machines: bool = True) -> None:
        """Without `machines` there is nothing that costs real memory."""
        for name, tags in {
            "demo-web-app for the disaster site": VERSION,
            "demo-web-app/deadbeef0000/copy of a candidate": CANDIDATE,
            "a rejected one to look at": REJECTED,
            "rails-base copy": {**BASE, "spotkiln:state": "base", "spotkiln:fingerprint": "0"},
        }.items():
            self._copied_image(image, name, tags)
        self._snapshots()
        self._security_group()
        self._template(image)
        if machines:
            self._machines(image)
        self._first = self._see()

    def of(self, kind: str) -> set[str]:
        return set(self.ids.get(kind, []))

    def _add(self, kind: str, name: str) -> str:
        self.ids.setdefault(kind, []).append(name)
        return name

    def _copied_image(self, image: str, name: str, tags: Mapping[str, str]) -> None:
        copy = self.ec2.copy_image(
            SourceImageId=image,
            SourceRegion=self.ec2.meta.region_name,
            Name=name,
            TagSpecifications=[*_tags("image", tags), *_tags("snapshot", tags)],
        )["ImageId"]
        self._add("images", copy)
        _until(lambda: self._image(copy)["State"] == "available", f"{copy} to be copied")
        self._add("snapshots", self._image(copy)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"])

    def _image(self, name: str) -> dict[str, Any]:
        return dict(self.ec2.describe_images(ImageIds=[name])["Images"][0])

    def _snapshots(self) -> None:
        """Of a lifecycle policy, and one whose description was copied with it."""
        zone = self.ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
        volume = self.ec2.create_volume(AvailabilityZone=zone, Size=8)["VolumeId"]
        for description, tags in (
            ("Created for policy: policy-0123456789abcdef0 schedule: Default Schedule", DLM),
            ("Created by CreateImage(i-0dead) for ami-0dead", DLM),
            (
                "[Copied snap-0dead from eu-west-1] Created by CreateImage(i-0dead) for ami-0dead",
                {},
            ),
        ):
            made = self.ec2.create_snapshot(
                VolumeId=volume,
                Description=description,
                TagSpecifications=_tags("snapshot", INHERITED),
            )
            self._add("snapshots", made["SnapshotId"])
            self.mark(made["SnapshotId"], tags)
        self.ec2.delete_volume(VolumeId=volume)

    def _security_group(self) -> None:
        vpc = self.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        made = self.ec2.create_security_group(
            GroupName="like the builder's",
            Description="Made by hand",
            VpcId=vpc,
            TagSpecifications=_tags("security-group", INHERITED),
        )
        self._add("security_groups", made["GroupId"])

    def _template(self, image: str) -> None:
        made = self.ec2.create_launch_template(
            LaunchTemplateName="made-from-a-template",
            LaunchTemplateData={"ImageId": image},
            TagSpecifications=_tags("launch-template", INHERITED),
        )
        self._add("launch_templates", made["LaunchTemplate"]["LaunchTemplateId"])

    def _machines(self, image: str) -> None:
        """More like a server, more like a builder, and another tool's, which serves, too."""
        for tags in (
            {**INHERITED, "spotkiln:role": "server"},
            {**INHERITED, "spotkiln:role": "builder"},
            INHERITED,
            {"Name": "legacy"},
        ):
            made = self.ec2.run_instances(
                ImageId=image,
                InstanceType="t3.micro",
                MinCount=1,
                MaxCount=1,
                TagSpecifications=_tags("instance", tags),
            )
            name = self._add("instances", made["Instances"][0]["InstanceId"])
            _until(lambda: self._instance(name)["State"]["Name"] == "running", f"{name} to run")  # noqa: B023 - used at once
        self.elbv2.register_targets(TargetGroupArn=self.group, Targets=[{"Id": name}])
        self.targets.append(name)
        _until(lambda: self._health().get(name) == "healthy", f"{name} to be healthy")

    def _instance(self, name: str) -> dict[str, Any]:
        found = self.ec2.describe_instances(InstanceIds=[name])["Reservations"]
        return dict(found[0]["Instances"][0])

    def _health(self) -> dict[str, str]:
        found = self.elbv2.describe_target_health(TargetGroupArn=self.group)
        return {
            one["Target"]["Id"]: one["TargetHealth"]["State"]
            for one in found["TargetHealthDescriptions"]
        }

    def _see(self) -> dict[str, Any]:
        """Everything that somebody could change, by id; what is gone is missing."""

        def tags(one: Mapping[str, Any]) -> dict[str, str]:
            return {tag["Key"]: tag["Value"] for tag in one.get("Tags", [])}

        images = own_images(self.ec2)
        seen: dict[str, Any] = {one["ImageId"]: (one["State"], tags(one)) for one in images}
        seen |= {one["SnapshotId"]: tags(one) for one in own_snapshots(self.ec2)}
        machines = instances_of(self.ec2)
        seen |= {one["InstanceId"]: (one["State"]["Name"], tags(one)) for one in machines}
        groups = every(self.ec2, "describe_security_groups", "SecurityGroups[]")
        seen |= {one["GroupId"]: tags(one) for one in groups}
        templates = every(self.ec2, "describe_launch_templates", "LaunchTemplates[]")
        seen |= {one["LaunchTemplateId"]: tags(one) for one in templates}
        health = self._health()
        seen |= {f"target {name}": health.get(name) for name in self.targets}
        names = {name for found in self.ids.values() for name in found}
        names |= {f"target {name}" for name in self.targets}
        return {name: seen.get(name) for name in sorted(names)}

    def touched(self) -> list[str]:
        """What is not as it was, in words."""
        now = self._see()
        return [
            f"somebody else's {name} was {before}, is {now[name]}"
            for name, before in self._first.items()
            if now[name] != before
        ]
