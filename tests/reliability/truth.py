"""What exists in the account, and what of it somebody owns: with plain boto3 and the sandbox's own
inventory, for the product's eyes would not do."""

from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

from rehearsal.account import every, fleets_of, instances_of, own_images, tags_of
from sandbox.client import Sandbox
from tests.look_alikes import LookAlikes
from tests.reliability.scenarios import INSIDE

ENDED = {"cancelled", "failed"}
# What AWS puts on a fleet's or group's members.
MEMBER = ("aws:ec2spot:fleet-request-id", "aws:autoscaling:groupName")
BASE = "rails-base"
BASES = (BASE, "rails-arm")
# What EC2 itself adds for a volume of each instance is the instance's; the rest the sandbox's own.
UNCOUNTED = {"volumes", "networks", "routing_rules"}
# Real machines' containers and images are named after what they are for.
NAMED_AFTER = {"containers": "instances", "docker_images": "images"}


def client(box: Sandbox, service: str) -> Any:
    environment = box.environment
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(user_agent_extra="truth", retries={"total_max_attempts": 3}),
    )


@dataclass
class Truth:
    """One look at one target group: its serving fleet, its targets, and whatever has no owner,
    as `kind id`."""

    fleet: str = ""
    commit: str = ""
    image: str = ""
    capacity: int = 0
    members: list[str] = field(default_factory=list)
    healthy: list[str] = field(default_factory=list)
    other_targets: list[str] = field(default_factory=list)
    stray: list[str] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        """Everything that must not be, in words."""
        found = [f"left: {one}" for one in self.stray] + self.touched
        if not self.fleet:
            found.append("no fleet serves")
        if len(self.members) != self.capacity or sorted(self.members) != sorted(self.healthy):
            found.append(
                f"of {self.capacity} servers {len(self.members)} live, {len(self.healthy)} healthy"
            )
        found += [f"target {one}" for one in self.other_targets]
        return found


class Account:
    """`others` is what looks like ours and is not: it stays as it is, whatever happens."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box
        self.ec2 = client(box, "ec2")
        self.elbv2 = client(box, "elbv2")
        self.scaling = client(box, "autoscaling")
        self.others = LookAlikes(self.ec2, self.elbv2, "", box.mark)

    def add_others(self, image: str, group: str = "website", *, machines: bool) -> None:
        self.others.group = self.group_arn(group)
        self.others.seed(image, machines=machines)

    def group_arn(self, name: str) -> str:
        found = self.elbv2.describe_target_groups(Names=[name])["TargetGroups"]
        return str(found[0]["TargetGroupArn"])

    def leases(self, name: str = "website") -> list[str]:
        answer = self.elbv2.describe_tags(ResourceArns=[self.group_arn(name)])
        tags = answer["TagDescriptions"][0].get("Tags", [])
        ours = ("spotkiln:lease/", "spotkiln:taken/", "spotkiln:weights-before/")
        return [tag["Key"] for tag in tags if tag["Key"].startswith(ours)]

    def base_image(self, name: str = BASE, kind: str = "amd64", machine: str = "t3.small") -> str:
        """Made of the Debian image as quickly as can be: a machine, and its image."""
        wanted: Any = [{"Name": "name", "Values": [f"debian-13-{kind}-*"]}]
        debian = self.ec2.describe_images(Filters=wanted)
        source = max(debian["Images"], key=lambda one: one["CreationDate"])["ImageId"]
        one_of: Any = {"InstanceType": machine, "MinCount": 1, "MaxCount": 1}
        made = self.ec2.run_instances(ImageId=source, **one_of)
        running = made["Instances"][0]["InstanceId"]
        quick: Any = {"Delay": 0.2, "MaxAttempts": 300}
        self.ec2.get_waiter("instance_running").wait(InstanceIds=[running], WaiterConfig=quick)
        image = self.ec2.create_image(InstanceId=running, Name=f"{name} for tests")["ImageId"]
        self.ec2.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig=quick)
        self.ec2.terminate_instances(InstanceIds=[running])
        self.ec2.get_waiter("instance_terminated").wait(InstanceIds=[running], WaiterConfig=quick)
        return str(image)

    def fleets(self) -> list[dict[str, Any]]:
        """Those that have not ended, whoever keeps them; groups in the shape of Spot Fleets."""
        found = [*fleets_of(self.ec2), *self.groups()]
        return [one for one in found if one["SpotFleetRequestState"] not in ENDED]

    def groups(self) -> list[dict[str, Any]]:
        found = every(self.scaling, "describe_auto_scaling_groups", "AutoScalingGroups[]")
        return [_as_fleet(one) for one in found]

    def instances(self, fleet: str = "") -> list[dict[str, Any]]:
        """Those that have not ended; of one fleet, or all."""
        found = instances_of(self.ec2)
        if fleet:
            asked = {"SpotFleetRequestId": fleet}
            operation = "describe_spot_fleet_instances"
            spot = fleet.startswith("sfr-")
            told = every(self.ec2, operation, "ActiveInstances[]", **asked) if spot else []
            active = {one["InstanceId"] for one in told}
            found = [
                one
                for one in found
                if one["InstanceId"] in active or fleet in {tags_of(one).get(key) for key in MEMBER}
            ]
        return [one for one in found if one["State"]["Name"] != "terminated"]

    def targets(self, name: str) -> dict[str, str]:
        """State by instance."""
        arn = self.group_arn(name)
        found = self.elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return {one["Target"]["Id"]: one["TargetHealth"]["State"] for one in found}

    def released_images(self) -> list[dict[str, Any]]:
        own = own_images(self.ec2)
        return [
            one
            for one in own
            if "spotkiln:released" in tags_of(one)
            and one["ImageId"] not in self.others.of("images")
        ]

    def serving(self, group: str = "website") -> list[dict[str, Any]]:
        return _serving(self.fleets(), self.group_arn(group))

    def previews(self) -> dict[str, bool]:
        """Target groups of previews; whether a rule leads there."""
        found = every(self.elbv2, "describe_target_groups", "TargetGroups[]")
        groups = [one for one in found if one["TargetGroupName"].startswith("preview-")]
        ruled = self._ruled() if groups else set()
        return {str(one["TargetGroupName"]): one["TargetGroupArn"] in ruled for one in groups}

    def _ruled(self) -> set[str]:
        """The target groups that rules of listeners lead to."""
        return {
            action.get("TargetGroupArn", "")
            for balancer in every(self.elbv2, "describe_load_balancers", "LoadBalancers[]")
            for listener in every(
                self.elbv2,
                "describe_listeners",
                "Listeners[]",
                LoadBalancerArn=balancer["LoadBalancerArn"],
            )
            for rule in self.elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
            for action in rule["Actions"]
        }

    def look(self, group: str = "website", *, whole: bool = True) -> Truth:
        """At one target group; what serves the others owns what is theirs. Not `whole`: what has no
        owner is not looked for, which takes time with each target group that there is."""
        truth = Truth()
        serving = self.serving(group)
        owned = {one["SpotFleetRequestId"] for one in serving}
        if serving:
            first = serving[0]
            marks = tags_of(first)
            truth.fleet = first["SpotFleetRequestId"]
            truth.commit = marks.get("spotkiln:commit", "")
            truth.image = marks.get("spotkiln:image", "")
            truth.capacity = first["SpotFleetRequestConfig"]["TargetCapacity"]
            truth.members = [one["InstanceId"] for one in self.instances(truth.fleet)]
            truth.stray += [f"second serving fleet {x['SpotFleetRequestId']}" for x in serving[1:]]
        health = self.targets(group)
        truth.healthy = [
            name
            for name, state in health.items()
            if state == "healthy" and name not in self.others.targets
        ]
        truth.other_targets = [
            f"{name} is {state}"
            for name, state in health.items()
            if name not in truth.members and name not in self.others.targets
        ]
        groups = every(self.elbv2, "describe_target_groups", "TargetGroups[]")
        names = [str(one["TargetGroupName"]) for one in groups]
        if INSIDE in names and group != INSIDE:
            truth.other_targets += self._inside(truth, group)
        if not whole:
            return truth
        fleets = self.fleets()
        for other in groups:
            serving = _serving(fleets, other["TargetGroupArn"])
            owned |= {one["SpotFleetRequestId"] for one in serving}
        truth.stray += self._strays(owned)
        for preview, led_to in self.previews().items():
            if not led_to or not self.serving(preview):
                truth.stray.append(f"preview {preview}, which does not serve")
        truth.touched = self.others.touched() if self.others.ids else []
        truth.stray += [f"lease {key}" for name in names for key in self.leases(name)]
        return truth

    def _inside(self, truth: Truth, group: str) -> list[str]:
        """What is wrong in the further target group: of whom it is one all servers are in it, and
        nobody else's."""
        serving = self.serving(INSIDE)
        here = [x for x in serving if self.group_arn(group) in _groups(x)]
        if not here and serving:
            return []
        health = self.targets(INSIDE)
        wanted = truth.members if here else []
        return [
            *(
                f"{name} is {state} in {INSIDE}"
                for name, state in health.items()
                if name not in wanted
            ),
            *(
                f"{name} is not healthy in {INSIDE}"
                for name in wanted
                if health.get(name) != "healthy"
            ),
        ]

    def _strays(self, owned: set[str]) -> list[str]:
        """Whatever exists and neither these fleets nor a kept version own, as `kind id`. The second
        image of a version is known by its name."""
        kinds = ("fleets", "scaling_groups", "scalable_targets")
        keep: dict[str, set[str]] = {kind: set(owned) for kind in kinds}
        keep["instances"] = {one["InstanceId"] for x in owned for one in self.instances(x)}
        fleets = [one for one in self.fleets() if one["SpotFleetRequestId"] in owned]
        keep["launch_templates"] = {
            part["LaunchTemplateSpecification"]["LaunchTemplateId"]
            for one in fleets
            for config in one["SpotFleetRequestConfig"].get("LaunchTemplateConfigs", [])
            for part in [config, *config.get("Overrides", [])]
            if "LaunchTemplateSpecification" in part
        }
        own = own_images(self.ec2)
        kept = [
            one
            for one in own
            if "spotkiln:released" in tags_of(one)
            or one["Name"].startswith(BASES)
            or tags_of(one).get("spotkiln:state") == "layer"
        ]
        versions = {one["Name"] for one in kept}
        kept += [one for one in own if one["Name"].rpartition("/")[0] in versions]
        foreign = self.ec2.describe_images(Filters=[{"Name": "name", "Values": ["debian-13-*"]}])
        keep["images"] = {one["ImageId"] for one in [*kept, *foreign["Images"]]}
        keep["snapshots"] = {
            mapping["Ebs"]["SnapshotId"]
            for one in kept
            for mapping in one["BlockDeviceMappings"]
            if "Ebs" in mapping
        }
        return [
            f"{kind} {name}"
            for kind, found in self.box.inventory().items()
            if kind not in UNCOUNTED
            for name in found["ids"]
            if name not in keep.get(kind, set()) | self.others.of(kind)
            and not any(x in name for x in self._namesakes(keep, kind))
        ]

    def _namesakes(self, keep: dict[str, set[str]], kind: str) -> set[str]:
        of = NAMED_AFTER.get(kind, "")
        return keep.get(of, set()) | self.others.of(of)


def _as_fleet(group: dict[str, Any]) -> dict[str, Any]:
    policy = group["MixedInstancesPolicy"]["LaunchTemplate"]
    targets = [{"Arn": arn} for arn in group["TargetGroupARNs"]]
    return {
        "SpotFleetRequestId": group["AutoScalingGroupName"],
        "SpotFleetRequestState": "active",
        "Tags": group["Tags"],
        "SpotFleetRequestConfig": {
            "TargetCapacity": group["DesiredCapacity"],
            "LaunchTemplateConfigs": [policy],
            "LoadBalancersConfig": {"TargetGroupsConfig": {"TargetGroups": targets}},
        },
    }


def _serving(fleets: list[dict[str, Any]], arn: str) -> list[dict[str, Any]]:
    return [
        one
        for one in fleets
        if tags_of(one).get("spotkiln:phase") == "serving" and arn in _groups(one)
    ]


def _groups(fleet: dict[str, Any]) -> set[str]:
    balancers = fleet["SpotFleetRequestConfig"].get("LoadBalancersConfig", {})
    groups = balancers.get("TargetGroupsConfig", {}).get("TargetGroups", [])
    return {one["Arn"] for one in groups}
