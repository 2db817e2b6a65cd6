"""A second launcher, for tests: a service that AWS might have, played over RunInstances.

It keeps a crew of servers at its size, registers them, and knows nothing of Spot Fleet. A
deployment that asks for Spot Fleet gets it, where it comes first. Its crews
are kept in memory; its machines, targets and tags of instances are the account's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from sandbox.client import Sandbox
from spotkiln import tags as t
from spotkiln.aws.errors import AwsRefused
from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve import target as targets
from spotkiln.aws.serve.refusal import refusal_in
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.bake.infra_names import InfraNames
from spotkiln.bake.own import SERVER
from spotkiln.serve.fleet import Fleet, State
from spotkiln.serve.launcher import NONE, Note, Part
from spotkiln.serve.order import Order
from spotkiln.serve.problem import Problem
from spotkiln.serve.role import server_user_data
from spotkiln.serve.spec import FleetSpec, LauncherKind
from spotkiln.statement import Statement
from spotkiln.target import Instance

NAME = "Crew"
RESOURCE = "crew"
MEMBER = "crew:of"


@dataclass
class _Crew:
    id: str
    size: int
    image: str
    group: str
    created: datetime
    tags: dict[str, str]
    machine_tags: dict[str, str]
    state: State = State.KEPT
    runs: int = 0
    problems: list[Problem] = field(default_factory=list)


class Service:
    """What all who ask for crews share: AWS's side of it. `calls` are the changes asked for."""

    name, resource, member, parts = NAME, RESOURCE, MEMBER, 0
    spec = FleetSpec(capacity=2, instance_types=["t3.micro"])
    history, told_afterwards = "launched ", 1

    def __init__(self) -> None:
        self.crews: dict[str, _Crew] = {}
        self.calls: list[str] = []

    def launcher(self, aws: Aws) -> "Crews":
        return Crews(aws, self)

    @property
    def number(self) -> int:
        return len(self.crews)

    def give_away(self, crew: str) -> None:
        """From now on it is somebody else's."""
        self.crews[crew].tags = {"team": "others"}

    def refuse(self, box: Sandbox, code: str) -> None:
        box.fault("RunInstances", "error", count=100, code=code)


class Crews:
    name = NAME
    kind = LauncherKind.FLEET
    resource = RESOURCE
    part = ""
    late_seconds = 0.0
    service_role = "aws-service-role/crews.example.com/Crews"
    stop_call = "StopCrews"
    statements: tuple[Statement, ...] = ()

    def __init__(self, aws: Aws, service: Service) -> None:
        self._aws, self._service = aws, service

    # -- what the service does by itself --

    def _tend(self, crew: _Crew) -> None:
        """Launch what is missing, register what runs: a service does so whenever it likes."""
        if crew.state is not State.KEPT:
            return
        members = self._members(crew.id)
        if missing := crew.size - sum(one.live for one in members):
            self._run(crew, missing)
        running = [one.id for one in members if one.state == "running"]
        if new := sorted(set(running) - targets.health(self._aws, crew.group).keys()):
            self._aws.elbv2.register_targets(
                TargetGroupArn=crew.group, Targets=[{"Id": one} for one in new]
            )

    def _run(self, crew: _Crew, number: int) -> None:
        crew.runs += 1
        marks = t.to_aws({**crew.machine_tags, t.ROLE: SERVER, MEMBER: crew.id})
        wanted: dict[str, Any] = {
            "ImageId": crew.image,
            "InstanceType": "t3.micro",
            "MinCount": number,
            "MaxCount": number,
            "UserData": server_user_data(),
            "ClientToken": f"{crew.id}-{crew.runs}"[-64:],
            "TagSpecifications": [{"ResourceType": "instance", "Tags": marks}],
        }
        try:
            self._aws.ec2.run_instances(**wanted)
            crew.problems = []
        except ClientError as error:
            text = f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
            crew.problems = [Problem(text=text, meaning=refusal_in(text))]

    def _members(self, crew: str) -> list[Instance]:
        return [one.of(crew) for one in instances.with_tag(self._aws, MEMBER, crew)]

    def _fleet(self, crew: _Crew) -> Fleet:
        return Fleet(
            id=crew.id,
            launcher=NAME,
            state=crew.state,
            status=crew.state.name.lower(),
            stuck=bool(crew.problems),
            capacity=crew.size,
            created=crew.created,
            target_groups=(crew.group,),
            tags=dict(crew.tags),
        )

    # -- the protocol --

    def role(self, names: InfraNames) -> str:
        del names
        return ""

    def check(self, infra: Infra, spec: FleetSpec) -> None:
        del infra, spec

    def launch(self, order: Order, note: Note) -> Fleet:
        name = f"crew-{order.release}-{order.digest[:8]}"
        if name not in self._service.crews:
            self._service.calls.append(f"launch {name}")
            self._service.crews[name] = _Crew(
                id=name,
                size=order.first.capacity,
                image=order.image.id,
                group=order.infra.target_group.arn,
                created=self._aws.now(),
                tags=order.fleet_tags,
                machine_tags=order.part_tags,
            )
        note(RESOURCE, name)
        self._tend(self._service.crews[name])
        return self._fleet(self._service.crews[name])

    def listing(self, tags: Mapping[str, str] = NONE) -> list[Fleet]:
        del tags
        for crew in self._service.crews.values():
            self._tend(crew)
        return [self._fleet(crew) for crew in self._service.crews.values()]

    def find(self, fleet: str) -> Fleet | None:
        crew = self._service.crews.get(fleet)
        if crew is None:
            return None
        self._tend(crew)
        return self._fleet(crew)

    def members(self, fleet: str, enough: int | None = None) -> list[Instance]:
        del enough
        if crew := self._service.crews.get(fleet):
            self._tend(crew)
        return self._members(fleet)

    def fleet_of(self, instance: Instance) -> str:
        return instance.tags.get(MEMBER, "")

    def problems(self, fleet: str) -> list[Problem]:
        return self._service.crews[fleet].problems

    def history(self, fleet: str) -> list[str]:
        return [f"launched {self._service.crews[fleet].runs} times"]

    def mark(self, fleet: str, tags: Mapping[str, str]) -> None:
        self._service.crews[fleet].tags.update(tags)

    def resize(self, fleet: str, capacity: int) -> None:
        self._service.crews[fleet].size = capacity

    def enlarge(self, fleet: str, order: Order, capacity: int) -> None:
        del order
        self._service.crews[fleet].size = capacity

    def suspend_scaling(self, fleet: Fleet, release: str) -> None:
        """Nothing scales crews."""

    def resume_scaling(self, fleet: Fleet) -> None:
        """Nothing was suspended."""

    def end_scaling(self, fleet: Fleet) -> None:
        """There is nothing to end."""

    def stop_replacing(self, fleets: Iterable[str]) -> None:
        for name in fleets:
            self._service.calls.append(f"stop {name}")
            self._service.crews[name].state = State.STOPPED

    def remove(self, fleet: Fleet) -> None:
        """Unlike Spot Fleet, it does not end a crew by itself; and never one that has members."""
        if left := [one.id for one in self._members(fleet.id) if not one.gone]:
            raise AwsRefused(f"{fleet.id} still has {', '.join(left)}", "ResourceInUse")
        self._service.calls.append(f"remove {fleet.id}")
        self._service.crews[fleet.id].state = State.ENDED

    def parts(self, release: str = "") -> list[Part]:
        del release
        return []

    def has_part(self, part: str) -> bool:
        del part
        return False

    def remove_part(self, part: str) -> None:
        raise AssertionError(f"crews have no parts, and this is none: {part}")
