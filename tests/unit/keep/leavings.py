"""An account in memory with what bakes leave: images, snapshots, builders' helpers."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.bake.image_name import image_name
from tests.unit.memory import DELAY, Memory
from tests.unit.nouns import GROUP, START, TAGS


def refusal(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


@dataclass
class Ami:
    name: str
    tags: dict[str, str]
    snapshots: list[str] = field(default_factory=list)


class Leavings(Memory):
    """It is the clock as well. `in_use` says for how many more tries something cannot go."""

    def __init__(self) -> None:
        super().__init__()
        self.amis: dict[str, Ami] = {}
        self.snapshots: dict[str, dict[str, str]] = {}
        self.key_pairs: set[str] = set()
        self.groups: set[str] = set()
        self.in_use: dict[str, int] = {}
        self.said: list[str] = []

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def say(self, text: str, level: int = 0) -> None:
        self.said.append(text)

    # -- what there is --

    def bake(self, name: str, **tags: str) -> Ami:
        """An image of ours. `tags` are given by the last part of their names."""
        made = [f"snap-{name}-{n}" for n in range(2)]
        marks = {**TAGS, **{f"{t.PREFIX}{key}": value for key, value in tags.items()}}
        release = marks[t.RELEASE]
        called = image_name(TAGS[t.APP], TAGS[t.COMMIT], release)
        self.amis[name] = Ami(called, marks, made)
        self.snapshots |= {snapshot: dict(marks) for snapshot in made}
        return self.amis[name]

    def serve(self, image: str = "ami-1", phase: str = "serving", **tags: str) -> str:
        """A fleet with two servers."""
        marks = {**TAGS, t.PHASE: phase, t.IMAGE: image}
        marks |= {f"{t.PREFIX}{key}": value for key, value in tags.items()}
        groups = {"TargetGroupsConfig": {"TargetGroups": [{"Arn": GROUP}]}}
        config: dict[str, Any] = {
            "ClientToken": f"token-{len(self.fleets)}",
            "TargetCapacity": 2,
            "LoadBalancersConfig": groups,
            "TagSpecifications": [{"Tags": t.to_aws(marks)}],
        }
        answer = self.request_spot_fleet({"SpotFleetRequestConfig": config})
        return str(answer["SpotFleetRequestId"])

    # -- the calls --

    def _may_go(self, name: str, code: str, operation: str) -> None:
        if self.in_use.get(name, 0) > 0:
            self.in_use[name] -= 1
            raise refusal(code, operation)

    def describe_images(self, asked: dict[str, Any]) -> dict[str, Any]:
        for name in asked.get("ImageIds", ()):
            if name not in self.amis:
                raise refusal("InvalidAMIID.NotFound", "DescribeImages")
        wanted = set(asked.get("ImageIds", self.amis))
        for rule in asked.get("Filters", ()):
            values, key = rule["Values"], rule["Name"].removeprefix("tag:")
            if rule["Name"].startswith("tag:"):
                wanted &= {x for x, one in self.amis.items() if one.tags.get(key) in values}
            if key == "name":
                wanted &= {
                    x
                    for x, one in self.amis.items()
                    if any(fnmatchcase(one.name, value) for value in values)
                }
        found = [
            {
                "ImageId": name,
                "Name": self.amis[name].name,
                "State": "available",
                "CreationDate": START.isoformat(),
                "SourceInstanceId": "i-builder",
                "BlockDeviceMappings": [
                    {"Ebs": {"SnapshotId": snapshot}} for snapshot in self.amis[name].snapshots
                ],
                "Tags": t.to_aws(self.amis[name].tags),
            }
            for name in sorted(wanted)
        ]
        return {"Images": found}

    def describe_snapshots(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = []
        for name, marks in self.snapshots.items():
            image = name.removeprefix("snap-").rpartition("-")[0]
            description = f"Created by CreateImage(i-0b) for {image}"
            good = True
            for rule in asked.get("Filters", ()):
                if rule["Name"] == "description":
                    good &= any(value.strip("*") in description for value in rule["Values"])
                else:
                    good &= marks.get(rule["Name"].removeprefix("tag:")) in rule["Values"]
            if good:
                found.append(
                    {"SnapshotId": name, "Description": description, "Tags": t.to_aws(marks)}
                )
        return {"Snapshots": found}

    def deregister_image(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._may_go(asked["ImageId"], "OperationNotPermitted", "DeregisterImage")
        self.amis.pop(asked["ImageId"])
        return {}

    def delete_snapshot(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["SnapshotId"]
        self._may_go(name, "InvalidSnapshot.InUse", "DeleteSnapshot")
        if any(name in one.snapshots for one in self.amis.values()):
            raise refusal("InvalidSnapshot.InUse", "DeleteSnapshot")
        self.snapshots.pop(name)
        return {}

    def create_tags(self, asked: dict[str, Any]) -> dict[str, Any]:
        for name in asked["Resources"]:
            if name in self.amis:
                self.amis[name].tags.update(t.from_aws(asked["Tags"]))
            elif name in self.snapshots:
                self.snapshots[name].update(t.from_aws(asked["Tags"]))
            else:
                super().create_tags({**asked, "Resources": [name]})
        return {}

    def delete_tags(self, asked: dict[str, Any]) -> dict[str, Any]:
        for name in asked["Resources"]:
            for tag in asked["Tags"]:
                self.amis[name].tags.pop(tag["Key"], None)
        return {}

    def delete_key_pair(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.key_pairs.discard(asked["KeyName"])
        return {}

    def delete_security_group(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._may_go(asked["GroupId"], "DependencyViolation", "DeleteSecurityGroup")
        self.groups.remove(asked["GroupId"])
        return {}

    def describe_target_groups(self, _: dict[str, Any]) -> dict[str, Any]:
        group = {
            "TargetGroupArn": GROUP,
            "TargetGroupName": "website",
            "TargetType": "instance",
            "VpcId": "vpc-1",
            "Protocol": "HTTP",
            "Port": 3000,
            "LoadBalancerArns": ["arn:balancer"],
            "HealthCheckProtocol": "HTTP",
            "HealthCheckPort": "traffic-port",
            "HealthCheckPath": "/up",
            "HealthCheckIntervalSeconds": 5,
            "HealthCheckTimeoutSeconds": 2,
            "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 2,
            "Matcher": {"HttpCode": "200"},
        }
        return {"TargetGroups": [group]}

    def describe_target_group_attributes(self, _: dict[str, Any]) -> dict[str, Any]:
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": str(int(DELAY))}
        return {"Attributes": [delay]}


class Clock:
    """The account's own time."""

    def __init__(self, account: Memory) -> None:
        self._account = account

    def now(self) -> float:
        return self._account.time

    def sleep(self, seconds: float) -> None:
        self._account.time += seconds
