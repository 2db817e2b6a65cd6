"""An account in memory: what the product's own calls to EC2 and ELBv2 do to it, and nothing else.

`before` is called with each call's name before it is carried out, so that a test can stop there,
let others go on, or change something. Its time is AWS's; every answer tells it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Protocol, cast

from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.serve.spot_fleet.launcher import MEMBER
from spotkiln.aws.session import Aws
from spotkiln.aws.time import AwsTime
from spotkiln.poll import Clock
from tests.unit.nouns import GROUP, START, target_group

DELAY = 5.0


@dataclass
class Machine:
    fleet: str
    image: str
    state: str = "running"
    console: str = ""
    reason: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Request:
    config: dict[str, Any]
    tags: dict[str, str]
    created: datetime
    state: str = "active"
    history: list[dict[str, Any]] = field(default_factory=list)


class Memory:
    """`torn` are instances that were terminated while the load balancer still held them."""

    def __init__(self) -> None:
        self.time = 0.0
        self.count = 0
        self.fleets: dict[str, Request] = {}
        self.machines: dict[str, Machine] = {}
        # When a target began to drain; 0: it serves.
        self.targets: dict[str, float] = {}
        # Targets that fail their checks.
        self.sick: set[str] = set()
        self.group_tags: dict[str, str] = {}
        self.templates: dict[str, str] = {}
        self.images: dict[str, dict[str, str]] = {}
        self.torn: list[str] = []
        self.before: Callable[[str], None] = lambda _: None

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.time)

    def aws(self, elapsed: Callable[[], float] | None = None) -> Aws:
        """Clients of a host whose clock counts as `elapsed` does."""
        told = AwsTime(elapsed or (lambda: self.time))
        client = cast(Any, Client(self, told))
        aws = Aws("eu-west-1", cast(Any, None), client, client, client, client, told)
        vars(aws)["scaling"] = client
        return aws

    # -- what happens by itself --

    def launch(self, fleet: str, number: int = 1, *, serves: bool = True) -> list[str]:
        names = []
        for _ in range(number):
            self.count += 1
            names.append(f"i-{self.count:08x}")
            request = self.fleets[fleet]
            marks = {**request.tags, MEMBER: fleet}
            self.machines[names[-1]] = Machine(fleet, request.tags[t.IMAGE], tags=marks)
            if serves:
                self.targets[names[-1]] = 0.0
        return names

    def serving_targets(self, fleet: str) -> list[str]:
        """Members that requests are sent to."""
        self._settle()
        return [
            name
            for name, one in self.machines.items()
            if one.fleet == fleet and one.state == "running" and self.targets.get(name, 1.0) == 0.0
        ]

    def _settle(self) -> None:
        for name, since in list(self.targets.items()):
            if since and self.time >= since + DELAY:
                del self.targets[name]
        for fleet, request in self.fleets.items():
            alive = any(x.fleet == fleet and x.state == "running" for x in self.machines.values())
            if request.state == "cancelled_running" and not alive:
                request.state = "cancelled"

    # -- Auto Scaling: it keeps nothing here --

    def describe_auto_scaling_groups(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"AutoScalingGroups": []}

    # -- EC2 --

    def get_caller_identity(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"Account": "123456789012"}

    def describe_spot_fleet_requests(self, asked: dict[str, Any]) -> dict[str, Any]:
        wanted = set(asked.get("SpotFleetRequestIds", ())) or self.fleets.keys()
        return {
            "SpotFleetRequestConfigs": [
                {
                    "SpotFleetRequestId": name,
                    "SpotFleetRequestState": one.state,
                    "SpotFleetRequestConfig": one.config,
                    "CreateTime": one.created,
                    "Tags": t.to_aws(one.tags),
                }
                for name, one in self.fleets.items()
                if name in wanted
            ]
        }

    def request_spot_fleet(self, asked: dict[str, Any]) -> dict[str, Any]:
        token = asked["SpotFleetRequestConfig"]["ClientToken"]
        for name, one in self.fleets.items():
            if one.config["ClientToken"] == token:
                return {"SpotFleetRequestId": name}
        self.count += 1
        name = f"sfr-{self.count:04d}"
        marks = t.from_aws(asked["SpotFleetRequestConfig"]["TagSpecifications"][0]["Tags"])
        self.fleets[name] = Request(asked["SpotFleetRequestConfig"], marks, self.now)
        self.launch(name, asked["SpotFleetRequestConfig"]["TargetCapacity"])
        return {"SpotFleetRequestId": name}

    def describe_spot_fleet_request_history(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"HistoryRecords": self.fleets[asked["SpotFleetRequestId"]].history}

    def get_console_output(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"Output": self.machines[asked["InstanceId"]].console}

    def cancel_spot_fleet_requests(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert not asked["TerminateInstances"]
        for name in asked["SpotFleetRequestIds"]:
            if self.fleets[name].state == "active":
                self.fleets[name].state = "cancelled_running"
        return {}

    def create_tags(self, asked: dict[str, Any]) -> dict[str, Any]:
        for name in asked["Resources"]:
            holder = self.fleets.get(name) or self.machines.get(name)
            marks = holder.tags if holder else self.images[name]
            marks.update(t.from_aws(asked["Tags"]))
        return {}

    def describe_instances(self, asked: dict[str, Any]) -> dict[str, Any]:
        def fits(name: str, one: Machine) -> bool:
            for rule in asked.get("Filters", ()):
                key = rule["Name"]
                if key == "instance-id":
                    good = name in rule["Values"]
                elif key == "tag-key":
                    good = any(value in one.tags for value in rule["Values"])
                else:
                    good = one.tags.get(key.removeprefix("tag:")) in rule["Values"]
                if not good:
                    return False
            return True

        found = [
            {
                "InstanceId": name,
                "State": {"Name": one.state},
                "StateReason": {"Code": one.reason},
                "ImageId": one.image,
                "LaunchTime": START,
                "Tags": t.to_aws(one.tags),
            }
            for name, one in self.machines.items()
            if fits(name, one)
        ]
        return {"Reservations": [{"Instances": found}]}

    def describe_spot_fleet_instances(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {
            "ActiveInstances": [
                {"InstanceId": name}
                for name, one in self.machines.items()
                if one.fleet == asked["SpotFleetRequestId"] and one.state == "running"
            ]
        }

    def terminate_instances(self, asked: dict[str, Any]) -> dict[str, Any]:
        for name in asked["InstanceIds"]:
            if name in self.targets:
                self.torn.append(name)
                del self.targets[name]
            self.machines[name].state = "terminated"
        return {}

    def create_launch_template(self, asked: dict[str, Any]) -> dict[str, Any]:
        marks = t.from_aws(asked["TagSpecifications"][0]["Tags"])
        self.templates[asked["LaunchTemplateName"]] = marks[t.RELEASE]
        return {"LaunchTemplate": {"LaunchTemplateId": asked["LaunchTemplateName"]}}

    def describe_launch_templates(self, asked: dict[str, Any]) -> dict[str, Any]:
        rule = {"Name": "name", "Values": asked.get("LaunchTemplateNames", [])}
        [rule] = asked.get("Filters", [rule])
        return {
            "LaunchTemplates": [
                {
                    "LaunchTemplateId": name,
                    "LaunchTemplateName": name,
                    "Tags": [{"Key": t.RELEASE, "Value": release}],
                }
                for name, release in self.templates.items()
                if rule["Name"] == "tag-key" or {release, name} & set(rule["Values"])
            ]
        }

    def delete_launch_template(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.templates.pop(asked["LaunchTemplateId"], None)
        return {}

    # -- ELBv2: one target group --

    def describe_tags(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["ResourceArns"] == [GROUP]
        return {"TagDescriptions": [{"ResourceArn": GROUP, "Tags": t.to_aws(self.group_tags)}]}

    def add_tags(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["ResourceArns"] == [GROUP]
        self.group_tags.update(t.from_aws(asked["Tags"]))
        return {}

    def remove_tags(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["ResourceArns"] == [GROUP]
        for key in asked["TagKeys"]:
            self.group_tags.pop(key, None)
        return {}

    def describe_target_health(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["TargetGroupArn"] == GROUP
        return {
            "TargetHealthDescriptions": [
                {
                    "Target": {"Id": name},
                    "TargetHealth": {"State": "draining"}
                    if since
                    else {"State": "unhealthy", "Reason": "Target.FailedHealthChecks"}
                    if name in self.sick
                    else {"State": "healthy"},
                }
                for name, since in self.targets.items()
            ]
        }

    def describe_target_group_attributes(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["TargetGroupArn"] == GROUP
        delay = str(target_group().deregistration_delay)
        return {"Attributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": delay}]}

    def deregister_targets(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["TargetGroupArn"] == GROUP
        for one in asked["Targets"]:
            if self.targets.get(one["Id"]) == 0.0:
                self.targets[one["Id"]] = self.time or 0.001
        return {}


class Client:
    """All of AWS's services in one."""

    def __init__(self, memory: Memory, told: AwsTime) -> None:
        self._memory, self._told = memory, told

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        answer = getattr(self._memory, operation)

        def call(**parameters: Any) -> Any:
            self._memory.before(operation)
            self._memory._settle()
            try:
                return answer(parameters)
            except KeyError as missing:
                error = {"Error": {"Code": "Invalid.NotFound", "Message": str(missing)}}
                raise ClientError(cast(Any, error), operation) from missing
            finally:
                self._told.hear(format_datetime(self._memory.now.astimezone(UTC), usegmt=True))

        return call

    def get_paginator(self, operation: str) -> "Pages":
        return Pages(getattr(self, operation))


class Pages:
    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def paginate(self, **parameters: Any) -> Iterator[Any]:
        yield self._call(**parameters)


class Sleeper(Protocol):
    """An account that is its own clock: while somebody sleeps, its time passes."""

    time: float

    def sleep(self, seconds: float) -> None: ...


class Ticks(Clock):
    """The time of an account in memory."""

    def __init__(self, account: Sleeper) -> None:
        self._account = account

    def now(self) -> float:
        return self._account.time

    def sleep(self, seconds: float) -> None:
        self._account.sleep(seconds)
