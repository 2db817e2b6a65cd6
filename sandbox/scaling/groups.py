"""Auto Scaling groups: what callers ask for."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError

from sandbox.balancing.targets import Targets
from sandbox.compute.instances import Instances
from sandbox.scaling import automatic, config, words
from sandbox.scaling.balance import Balance
from sandbox.scaling.rounds import Rounds
from sandbox.state.account import Account
from sandbox.state.scaling import Activity, Member, ScalingGroup

log = logging.getLogger(__name__)

_NOT_SETTINGS = {"AutoScalingGroupName", "DesiredCapacity", "Tags", "TargetGroupARNs", "InstanceId"}
_MOST_TAGS = 50


class ScalingGroups:
    def __init__(self, account: Account, instances: Instances, targets: Targets) -> None:
        self._account = account
        self._instances = instances
        self._balance = Balance(account, targets)
        self._rounds = Rounds(account, instances, self._balance)

    @property
    def _groups(self) -> dict[str, ScalingGroup]:
        return self._account.state.scaling_groups

    # -- groups --

    def create(self, asked: Mapping[str, Any]) -> None:
        name = str(asked["AutoScalingGroupName"])
        if name in self._groups:
            raise AutoscalingClientError(
                "AlreadyExists",
                "AutoScalingGroup by this name already exists - A group with the name "
                f"{name} already exists",
            )
        settings = {**config.DEFAULTS, **_settings(asked)}
        desired = int(asked.get("DesiredCapacity") or settings["MinSize"])
        config.check(self._account, settings, desired)
        arns = list(asked.get("TargetGroupARNs") or [])
        self._must_be_target_groups(arns)
        group = ScalingGroup(name, settings, {}, arns, desired=desired)
        self._put_tags(group, asked.get("Tags") or [])
        group.asked = words.created(desired)
        self._groups[name] = group
        self._account.wake()

    def get(self, name: str) -> ScalingGroup:
        if name not in self._groups:
            raise ValidationError(
                f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found"
            )
        return self._groups[name]

    def changeable(self, name: str) -> ScalingGroup:
        group = self.get(name)
        if group.deleting:
            raise AutoscalingClientError(
                "ScalingActivityInProgress",
                f"AutoScalingGroup {name} is pending delete and cannot be changed.",
            )
        return group

    def update(self, asked: Mapping[str, Any]) -> None:
        group = self.changeable(str(asked["AutoScalingGroupName"]))
        changes = _settings(asked)
        if "MixedInstancesPolicy" in changes:
            group.settings.pop("LaunchTemplate", None)
        settings = {**group.settings, **changes}
        wanted = asked.get("DesiredCapacity")
        bounded = min(max(group.desired, int(settings["MinSize"])), int(settings["MaxSize"]))
        desired = int(bounded if wanted is None else wanted)
        config.check(self._account, settings, desired)
        group.settings = settings
        self._resize(group, desired)

    def resize(self, name: str, desired: int) -> None:
        group = self.changeable(name)
        config.check_sizes(group.settings, desired)
        self._resize(group, desired)

    def _resize(self, group: ScalingGroup, desired: int) -> None:
        if desired != group.desired:
            group.asked = words.updated(group.desired, desired)
        group.desired, group.evaluate_at = desired, 0.0
        self._account.wake()

    def delete(self, name: str, *, force: bool) -> None:
        group = self.get(name)
        if not force:
            if group.members:
                raise AutoscalingClientError(
                    "ResourceInUse",
                    "You cannot delete an AutoScalingGroup while there are instances or pending "
                    "Spot instance request(s) still in the group.",
                )
            if any(a.group == name and a.ended is None for a in self._account.state.activities):
                raise AutoscalingClientError(
                    "ScalingActivityInProgress",
                    "You cannot delete an AutoScalingGroup while there are scaling activities in "
                    "progress for that group.",
                )
        group.deleting = True
        for member in group.members.values():
            # Without draining: that is what force means.
            if member.lifecycle != "Terminating":
                text = f"Terminating EC2 instance: {member.instance_id}"
                member.lifecycle = "Terminating"
                member.activity = self._rounds.note(group, text, words.taken_out(words.REQUESTED))
            if member.instance_id in self._account.state.instances:
                self._instances.terminate([member.instance_id])
        self._account.wake()

    # -- processes, target groups, tags --

    def suspend(self, name: str, processes: Iterable[str]) -> None:
        group = self.changeable(name)
        chosen = _processes(processes)
        for one in chosen:
            group.suspended.setdefault(one, f"User suspended at {words.now()}")
        late = self._account.late_launch_seconds
        if late is not None and "Launch" in chosen and len(group.kept) < group.desired:
            group.late_at = self._account.clock.now() + late

    def resume(self, name: str, processes: Iterable[str]) -> None:
        group = self.changeable(name)
        for one in _processes(processes):
            group.suspended.pop(one, None)
        group.evaluate_at = 0.0
        self._account.wake()

    def attach(self, name: str, arns: list[str]) -> None:
        group = self.changeable(name)
        self._must_be_target_groups(arns)
        new = [arn for arn in arns if arn not in group.target_groups]
        group.target_groups += new
        if group.does("AddToLoadBalancer"):
            serving = [m.instance_id for m in group.kept if m.lifecycle == "InService"]
            self._balance.register(new, serving)
        self._account.wake()

    def detach(self, name: str, arns: list[str]) -> None:
        """Its instances drain, and go on running."""
        group = self.changeable(name)
        if unknown := [arn for arn in arns if arn not in group.target_groups]:
            raise ValidationError(
                f"Trying to remove Target Groups that are not part of the group: "
                f"{', '.join(unknown)}"
            )
        self._balance.deregister(arns, list(group.members))
        group.target_groups = [arn for arn in group.target_groups if arn not in arns]
        self._account.wake()

    def _must_be_target_groups(self, arns: list[str]) -> None:
        if unknown := [arn for arn in arns if not self._balance.exists(arn)]:
            raise ValidationError(
                "Provided Target Groups may not be valid. Please ensure they exist and try again: "
                f"{', '.join(unknown)}"
            )

    def tag(self, tags: list[Mapping[str, Any]]) -> None:
        by_group: dict[str, list[Mapping[str, Any]]] = {}
        for one in tags:
            by_group.setdefault(self.get(str(one.get("ResourceId"))).name, []).append(one)
        for name, own in by_group.items():
            self._put_tags(self.get(name), own)

    def _put_tags(self, group: ScalingGroup, tags: list[Mapping[str, Any]]) -> None:
        new = dict(group.tags)
        for one in tags:
            key, value = str(one["Key"]), str(one.get("Value") or "")
            if key.lower().startswith("aws:"):
                raise ValidationError(f"Tag keys starting with aws: are reserved: {key}")
            if not 1 <= len(key) <= 128 or len(value) > 256:
                raise ValidationError(
                    f"Tag {key[:40]!r}: keys have 1 to 128 characters, values 256"
                )
            new[key] = (value, bool(one.get("PropagateAtLaunch")))
        if len(new) > _MOST_TAGS:
            raise AutoscalingClientError(
                "LimitExceeded", f"A group has at most {_MOST_TAGS} tags, and these are {len(new)}"
            )
        group.tags = new

    def untag(self, tags: list[Mapping[str, Any]]) -> None:
        for one in tags:
            self.get(str(one.get("ResourceId"))).tags.pop(str(one["Key"]), None)

    # -- what scales it --

    def put_policy(self, asked: Mapping[str, Any]) -> None:
        automatic.put_policy(self.changeable(str(asked["AutoScalingGroupName"])), asked)
        self._account.wake()

    def put_action(self, asked: Mapping[str, Any]) -> None:
        automatic.put_action(self.changeable(str(asked["AutoScalingGroupName"])), asked)

    def come_due(self, name: str, action: str) -> None:
        """A scheduled action, as if its time had come."""
        group = self.get(name)
        self._scale(group, automatic.by_action(group, action))

    def _scale(self, group: ScalingGroup, found: tuple[int, str] | None) -> None:
        if found and found[0] != group.desired:
            before = group.desired
            self._resize(group, found[0])
            group.asked = words.changed(found[1], before, found[0])

    # -- instances --

    def member(self, instance_id: str) -> tuple[ScalingGroup, Member]:
        for group in self._groups.values():
            if instance_id in group.members:
                return group, group.members[instance_id]
        raise ValidationError(
            f"Instance Id not found - No managed instance found for instance ID: {instance_id}"
        )

    def terminate(self, instance_id: str, *, smaller: bool) -> Activity:
        group, member = self.member(instance_id)
        if smaller:
            if group.desired <= int(group.settings["MinSize"]):
                raise ValidationError(
                    f"Currently, desired capacity equals minimum capacity ({group.desired}). "
                    f"Terminating instance {instance_id} without replacement will violate group's "
                    "min size constraint."
                )
            group.desired -= 1
        return self._rounds.end(group, member, words.taken_out(words.REQUESTED))

    def set_health(self, instance_id: str, *, healthy: bool) -> None:
        _, member = self.member(instance_id)
        member.healthy = healthy
        self._account.wake()

    def protect(self, name: str, instance_ids: list[str], *, protected: bool) -> None:
        group = self.changeable(name)
        for one in instance_ids:
            if one not in group.members:
                raise ValidationError(
                    f"The instance {one} is not part of Auto Scaling group {name}."
                )
            group.members[one].protected = protected

    # -- as time passes --

    def tick(self) -> None:
        for group in list(self._groups.values()):
            self._step(group)
            if group.deleting and not group.members:
                del self._groups[group.name]
                for one in self._account.state.activities:
                    one.deleted = one.deleted or one.group == group.name

    def _step(self, group: ScalingGroup) -> None:
        """What nobody thought of is told of the group that it happened to. The others go on."""
        try:
            self._scale(group, automatic.by_load(group))
            self._rounds.step(group)
        except Exception as error:
            log.exception("a round of %s failed", group.name)
            self._rounds.failed(group, f"the sandbox failed: {type(error).__name__}: {error}")

    def look_again(self) -> None:
        """Capacity has changed: all try again at once."""
        for group in self._groups.values():
            group.evaluate_at = 0.0
        self._account.wake()


def _settings(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in asked.items() if k not in _NOT_SETTINGS and v is not None}


def _processes(named: Iterable[str]) -> list[str]:
    """All of them, if none is named."""
    chosen = list(named) or list(config.PROCESSES)
    if unknown := [one for one in chosen if one not in config.PROCESSES]:
        raise ValidationError(f"Invalid process name(s): {', '.join(unknown)}")
    return chosen
