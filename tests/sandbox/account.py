"""boto3 against the sandbox, and what most tests begin with."""

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config

from rehearsal.account import instances_of
from sandbox.client import Sandbox
from tests.sandbox import answers

DEBIAN = "136693071363"


def eventually(look: Callable[[], Any], timeout: float = 60.0, what: str = "") -> Any:
    """The first true value that `look` returns. Patient: a busy machine may give the sandbox no
    processor for ten seconds."""
    deadline, seen = time.monotonic() + timeout, None
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.05)
    raise AssertionError(f"not within {timeout} s: {what or look}; last seen {seen!r}")


class Account:
    def __init__(self, box: Sandbox) -> None:
        self.box = box
        self._session = boto3.Session(
            aws_access_key_id=box.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=box.environment["AWS_SECRET_ACCESS_KEY"],
            region_name="eu-west-1",
        )
        self.ec2: Any = self.client("ec2")
        self.elbv2: Any = self.client("elbv2")
        self.scaling: Any = self.client("autoscaling")
        self.iam: Any = self.client("iam")

    def client(self, service: str, agent: str = "", timeout: float = 60) -> Any:
        """It tries once: the tests want to see what is answered. What the sandbox itself answers is
        held against AWS's model."""
        config = Config(
            retries={"total_max_attempts": 1},
            user_agent_extra=agent,
            read_timeout=timeout,
            proxies={},
        )
        endpoint = self.box.environment["AWS_ENDPOINT_URL"]
        made = self._session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]
        answers.watch(made)
        return made

    def forget(self) -> None:
        """What was found is looked for anew: the sandbox has been reset."""
        for name in ("debian", "target_group", "fleet_role"):
            self.__dict__.pop(name, None)

    # -- the furniture --

    @cached_property
    def debian(self) -> str:
        wanted = [{"Name": "name", "Values": ["debian-13-amd64-*"]}]
        found = self.ec2.describe_images(Owners=[DEBIAN], Filters=wanted)["Images"]
        return str(found[0]["ImageId"])

    def subnets(self) -> dict[str, str]:
        """By zone."""
        found = self.ec2.describe_subnets()["Subnets"]
        return {one["AvailabilityZone"]: one["SubnetId"] for one in found}

    @cached_property
    def target_group(self) -> str:
        groups = self.elbv2.describe_target_groups(Names=["website"])["TargetGroups"]
        return str(groups[0]["TargetGroupArn"])

    @cached_property
    def fleet_role(self) -> str:
        role = self.iam.get_role(RoleName="aws-ec2-spot-fleet-tagging-role")
        return str(role["Role"]["Arn"])

    # -- instances and images --

    def run(self, image: str | None = None, **parameters: Any) -> str:
        request = {
            "ImageId": image or self.debian,
            "InstanceType": "t3.micro",
            "MinCount": 1,
            "MaxCount": 1,
            **parameters,
        }
        return str(self.ec2.run_instances(**request)["Instances"][0]["InstanceId"])

    def instance(self, instance_id: str) -> dict[str, Any]:
        reservations = self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
        return dict(reservations[0]["Instances"][0])

    def state(self, instance_id: str) -> str:
        return str(self.instance(instance_id)["State"]["Name"])

    def until(self, instance_id: str, state: str) -> None:
        eventually(lambda: self.state(instance_id) == state, what=f"{instance_id} becomes {state}")

    def image(self, image_id: str) -> dict[str, Any]:
        return dict(self.ec2.describe_images(ImageIds=[image_id])["Images"][0])

    def make_image(self, instance_id: str, **parameters: Any) -> str:
        name = parameters.pop("Name", f"test {uuid.uuid4()}")
        answer = self.ec2.create_image(InstanceId=instance_id, Name=name, **parameters)
        return str(answer["ImageId"])

    # -- fleets --

    def fleet_config(self, **changes: Any) -> dict[str, Any]:
        """Two t3.micro in any zone, registered with the target group."""
        spec = {
            "ImageId": changes.pop("ImageId", None) or self.debian,
            "InstanceType": changes.pop("InstanceType", "t3.micro"),
            **changes.pop("spec", {}),
        }
        groups = {"TargetGroups": [{"Arn": self.target_group}]}
        return {
            "IamFleetRole": self.fleet_role,
            "TargetCapacity": 2,
            "LaunchSpecifications": [spec],
            "LoadBalancersConfig": {"TargetGroupsConfig": groups},
            **changes,
        }

    def request(self, **changes: Any) -> str:
        config = self.fleet_config(**changes)
        answer = self.ec2.request_spot_fleet(SpotFleetRequestConfig=config)
        return str(answer["SpotFleetRequestId"])

    def fleet(self, fleet_id: str) -> dict[str, Any]:
        found = self.ec2.describe_spot_fleet_requests(SpotFleetRequestIds=[fleet_id])
        return dict(found["SpotFleetRequestConfigs"][0])

    def until_fleet(self, fleet_id: str, state: str, activity: str | None = None) -> None:
        def reached() -> bool:
            fleet = self.fleet(fleet_id)
            return fleet["SpotFleetRequestState"] == state and (
                activity is None or fleet.get("ActivityStatus") == activity
            )

        eventually(reached, what=f"{fleet_id} becomes {state} {activity or ''}")

    def members(self, fleet_id: str, *states: str) -> list[dict[str, Any]]:
        """Its instances, oldest first: Spot ones by EC2's tag, On-Demand ones as it tells them."""
        active = self.ec2.describe_spot_fleet_instances(SpotFleetRequestId=fleet_id)
        ids = {one["InstanceId"] for one in active["ActiveInstances"]}
        found = instances_of(self.ec2)
        tag = {"Key": "aws:ec2spot:fleet-request-id", "Value": fleet_id}
        return [
            one
            for one in found
            if (one["InstanceId"] in ids or tag in one.get("Tags", []))
            and (not states or one["State"]["Name"] in states)
        ]

    def running_members(self, fleet_id: str, count: int = 2) -> list[str]:
        found = eventually(
            lambda: [m] if len(m := self.members(fleet_id, "running")) == count else None,
            what=f"{count} running instances of {fleet_id}",
        )
        return [one["InstanceId"] for one in found[0]]

    def history(self, fleet_id: str, kind: str | None = None) -> list[tuple[str, str]]:
        """Types and sub types."""
        return [
            (one["EventType"], one["EventInformation"]["EventSubType"])
            for one in self.events(fleet_id, kind)
        ]

    def events(self, fleet_id: str, kind: str | None = None) -> list[dict[str, Any]]:
        more = {"EventType": kind} if kind else {}
        start = datetime.now(UTC) - timedelta(minutes=30)
        found = self.ec2.describe_spot_fleet_request_history(
            SpotFleetRequestId=fleet_id, StartTime=start, **more
        )
        return list(found["HistoryRecords"])

    # -- Auto Scaling groups --

    def template(self, name: str, **data: Any) -> str:
        """A launch template's id."""
        wanted = {"ImageId": self.debian, "InstanceType": "t3.micro", **data}
        answer = self.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=wanted)
        return str(answer["LaunchTemplate"]["LaunchTemplateId"])

    def group_config(self, name: str, template: str, **changes: Any) -> dict[str, Any]:
        """Two Spot instances, t3.micro or t3a.micro, registered with the target group."""
        distribution = {
            "OnDemandPercentageAboveBaseCapacity": 0,
            "SpotAllocationStrategy": "price-capacity-optimized",
            **changes.pop("distribution", {}),
        }
        types = changes.pop("types", ["t3.micro", "t3a.micro"])
        source = {"LaunchTemplateId": template, "Version": "1"}
        return {
            "AutoScalingGroupName": name,
            "MinSize": 0,
            "MaxSize": 10,
            "DesiredCapacity": 2,
            "MixedInstancesPolicy": {
                "LaunchTemplate": {
                    "LaunchTemplateSpecification": source,
                    "Overrides": [{"InstanceType": one} for one in types],
                },
                "InstancesDistribution": distribution,
            },
            "VPCZoneIdentifier": ",".join(self.subnets().values()),
            "TargetGroupARNs": [self.target_group],
            **changes,
        }

    def make_group(self, name: str, **changes: Any) -> str:
        template = changes.pop("template", None) or self.template(f"{name}-template")
        self.scaling.create_auto_scaling_group(**self.group_config(name, template, **changes))
        return name

    def group(self, name: str) -> dict[str, Any]:
        found = self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
        return dict(next(iter(found["AutoScalingGroups"]), {}))

    def in_service(self, name: str, count: int = 2) -> list[str]:
        """Waits for so many members in service, and no others."""

        def reached() -> Any:
            found = self.group(name)["Instances"]
            good = all(one["LifecycleState"] == "InService" for one in found)
            return [[one["InstanceId"] for one in found]] if good and len(found) == count else None

        return list(eventually(reached, what=f"{count} in service in {name}")[0])

    def activities(self, name: str) -> list[dict[str, Any]]:
        """Oldest first."""
        found = self.scaling.describe_scaling_activities(
            AutoScalingGroupName=name, IncludeDeletedGroups=True
        )
        return list(reversed(found["Activities"]))

    # -- targets --

    def health(self, group: str | None = None) -> dict[str, dict[str, Any]]:
        found = self.elbv2.describe_target_health(TargetGroupArn=group or self.target_group)
        return {
            one["Target"]["Id"]: one["TargetHealth"] for one in found["TargetHealthDescriptions"]
        }

    def until_health(
        self, instance_id: str, state: str, group: str | None = None
    ) -> dict[str, Any]:
        def reached() -> Any:
            health = self.health(group).get(instance_id)
            return health if health and health["State"] == state else None

        return dict(eventually(reached, what=f"{instance_id} becomes {state}"))

    # -- the end --

    def remove_everything(self) -> None:
        found = {kind: one["ids"] for kind, one in self.box.inventory().items()}
        if found["fleets"]:
            self.ec2.cancel_spot_fleet_requests(
                SpotFleetRequestIds=found["fleets"], TerminateInstances=True
            )
        for group in found["scaling_groups"]:
            self.scaling.delete_auto_scaling_group(AutoScalingGroupName=group, ForceDelete=True)
        if found["scaling_groups"]:
            eventually(lambda: not self.box.inventory()["scaling_groups"]["count"], what="no group")
        if left := self.box.inventory()["instances"]["ids"] if found["instances"] else []:
            self.ec2.terminate_instances(InstanceIds=left)
            eventually(lambda: not self.box.inventory()["instances"]["count"], what="no instance")
            eventually(lambda: not self.health(), what="no target")
        for image in found["images"]:
            self.ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)
        for snapshot in set(found["snapshots"]) & set(self.box.inventory()["snapshots"]["ids"]):
            self.ec2.delete_snapshot(SnapshotId=snapshot)
        for template in found["launch_templates"]:
            self.ec2.delete_launch_template(LaunchTemplateId=template)
        for key in found["key_pairs"]:
            self.ec2.delete_key_pair(KeyName=key)
        self._remove_groups(found["security_groups"])

    def _remove_groups(self, ids: list[str]) -> None:
        """First their rules, for one group may name another."""
        groups = self.ec2.describe_security_groups(GroupIds=ids)["SecurityGroups"] if ids else []
        for one in groups:
            if rules := one["IpPermissions"]:
                self.ec2.revoke_security_group_ingress(GroupId=one["GroupId"], IpPermissions=rules)
        for group in ids:
            self.ec2.delete_security_group(GroupId=group)
