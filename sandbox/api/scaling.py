"""Auto Scaling's operations. moto's own are not used: its instances have no machines."""

from collections.abc import Iterable
from typing import Any, ClassVar

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.core.common_types import TYPE_RESPONSE
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.core.utils import camelcase_to_underscores

from sandbox.engine.engine import Engine
from sandbox.scaling import config, tracking
from sandbox.state.records import ACCOUNT_ID
from sandbox.state.scaling import Activity, Member, ScalingGroup


class SandboxAutoScaling(BaseResponse):
    engine: ClassVar[Engine]

    def __init__(self) -> None:
        super().__init__(service_name="autoscaling")
        self.automated_parameter_parsing = True

    def call_action(self) -> TYPE_RESPONSE:
        action = self._get_action()
        if not hasattr(self, camelcase_to_underscores(action)):
            text = f"the sandbox's Auto Scaling has no {action}"
            error = AutoscalingClientError("InvalidAction", text)
            status, headers, body = self.serialized(ActionResult(error))
            return status, headers, body
        return super().call_action()

    # -- parameters and pages --

    def value(self, name: str, default: Any = None) -> Any:
        found = self._get_param(name, default)
        return default if found is None else found

    @property
    def name(self) -> str:
        return str(self.value("AutoScalingGroupName", ""))

    def paged(self, key: str, items: list[Any], usual: int, most: int = 100) -> ActionResult:
        size = int(self.value("MaxRecords") or usual)
        if not 1 <= size <= most:
            raise ValidationError(f"MaxRecords must be between 1 and {most}")
        token = str(self.value("NextToken") or "0")
        if not token.isdigit():
            raise AutoscalingClientError("InvalidNextToken", "The token is not valid.")
        start = int(token)
        result: dict[str, Any] = {key: items[start : start + size]}
        if start + size < len(items):
            result["NextToken"] = str(start + size)
        return ActionResult(result)

    # -- groups --

    def create_auto_scaling_group(self) -> ActionResult:
        self.engine.scaling_groups.create(self.params)
        return EmptyResult()

    def update_auto_scaling_group(self) -> ActionResult:
        self.engine.scaling_groups.update(self.params)
        return EmptyResult()

    def set_desired_capacity(self) -> ActionResult:
        self.engine.scaling_groups.resize(self.name, int(self.value("DesiredCapacity")))
        return EmptyResult()

    def delete_auto_scaling_group(self) -> ActionResult:
        self.engine.scaling_groups.delete(self.name, force=bool(self.value("ForceDelete")))
        return EmptyResult()

    def describe_auto_scaling_groups(self) -> ActionResult:
        names = self.value("AutoScalingGroupNames", [])
        every = self.engine.account.state.scaling_groups.values()
        found = [one for one in every if not names or one.name in names]
        for rule in self.value("Filters", []):
            found = [one for one in found if _fits(one, rule["Name"], rule["Values"])]
        return self.paged("AutoScalingGroups", [self._group(one) for one in found], 50)

    def _group(self, group: ScalingGroup) -> dict[str, Any]:
        arn = (
            f"arn:aws:autoscaling:{self.region}:{ACCOUNT_ID}:autoScalingGroup:"
            f"{group.id.replace('/', '-')}:autoScalingGroupName/{group.name}"
        )
        shown = {
            **group.settings,
            "AutoScalingGroupName": group.name,
            "AutoScalingGroupARN": arn,
            "CreatedTime": group.created,
            "DesiredCapacity": group.desired,
            "TargetGroupARNs": group.target_groups,
            "LoadBalancerNames": [],
            "TrafficSources": [_source(one) for one in group.target_groups],
            "AvailabilityZones": self._zones(group),
            "Instances": [_instance(one) for one in group.members.values()],
            "SuspendedProcesses": [
                {"ProcessName": name, "SuspensionReason": why}
                for name, why in sorted(group.suspended.items())
            ],
            "Tags": _tags(group),
        }
        if group.deleting:
            shown["Status"] = "Delete in progress"
        return shown

    def _zones(self, group: ScalingGroup) -> list[str]:
        ec2 = self.engine.account.ec2
        ids = config.subnets(self.engine.account, group.settings)
        known = {subnet.id: subnet for each in ec2.subnets.values() for subnet in each.values()}
        return sorted({str(known[one].availability_zone) for one in ids if one in known})

    def describe_auto_scaling_instances(self) -> ActionResult:
        ids = self.value("InstanceIds", [])
        found = [
            {**_instance(one), "AutoScalingGroupName": group.name, "HealthStatus": _health(one)}
            for group in self.engine.account.state.scaling_groups.values()
            for one in group.members.values()
            if not ids or one.instance_id in ids
        ]
        return self.paged("AutoScalingInstances", found, 50, 50)

    def describe_scaling_activities(self) -> ActionResult:
        name, ids = self.value("AutoScalingGroupName", ""), self.value("ActivityIds", [])
        gone = bool(self.value("IncludeDeletedGroups"))
        every = self.engine.account.state.activities
        if name and not gone:
            self.engine.scaling_groups.get(name)
        found = [
            _activity(one)
            for one in reversed(every)
            if (not name or one.group == name)
            and (not ids or one.id in ids)
            and (gone or not one.deleted)
        ]
        return self.paged("Activities", found, 100)

    # -- processes, target groups, tags --

    def suspend_processes(self) -> ActionResult:
        self.engine.scaling_groups.suspend(self.name, self.value("ScalingProcesses", []))
        return EmptyResult()

    def resume_processes(self) -> ActionResult:
        self.engine.scaling_groups.resume(self.name, self.value("ScalingProcesses", []))
        return EmptyResult()

    def attach_load_balancer_target_groups(self) -> ActionResult:
        self.engine.scaling_groups.attach(self.name, self.value("TargetGroupARNs", []))
        return EmptyResult()

    def detach_load_balancer_target_groups(self) -> ActionResult:
        self.engine.scaling_groups.detach(self.name, self.value("TargetGroupARNs", []))
        return EmptyResult()

    def attach_traffic_sources(self) -> ActionResult:
        self.engine.scaling_groups.attach(self.name, _arns(self.value("TrafficSources", [])))
        return EmptyResult()

    def detach_traffic_sources(self) -> ActionResult:
        self.engine.scaling_groups.detach(self.name, _arns(self.value("TrafficSources", [])))
        return EmptyResult()

    def describe_load_balancer_target_groups(self) -> ActionResult:
        group = self.engine.scaling_groups.get(self.name)
        found = [
            {"LoadBalancerTargetGroupARN": one, "State": "InService"} for one in group.target_groups
        ]
        return self.paged("LoadBalancerTargetGroups", found, 100)

    def describe_traffic_sources(self) -> ActionResult:
        group = self.engine.scaling_groups.get(self.name)
        found = [{**_source(one), "State": "InService"} for one in group.target_groups]
        return self.paged("TrafficSources", found, 50)

    def create_or_update_tags(self) -> ActionResult:
        self.engine.scaling_groups.tag(self.value("Tags", []))
        return EmptyResult()

    def delete_tags(self) -> ActionResult:
        self.engine.scaling_groups.untag(self.value("Tags", []))
        return EmptyResult()

    def describe_tags(self) -> ActionResult:
        found = [
            tag
            for group in self.engine.account.state.scaling_groups.values()
            for tag in _tags(group)
            if all(_tag_fits(tag, x["Name"], x["Values"]) for x in self.value("Filters", []))
        ]
        return self.paged("Tags", found, 50)

    # -- what scales it --

    def put_scaling_policy(self) -> ActionResult:
        self.engine.scaling_groups.put_policy(self.params)
        return ActionResult(self._policy(self.name, str(self.value("PolicyName"))))

    def _policy(self, group: str, name: str) -> dict[str, Any]:
        arn = f"arn:aws:autoscaling:{self.region}:{ACCOUNT_ID}:scalingPolicy:"
        return {
            "PolicyARN": f"{arn}autoScalingGroupName/{group}:policyName/{name}",
            "Alarms": tracking.alarms(group, self.region, name),
        }

    def describe_policies(self) -> ActionResult:
        found = [
            {**policy, **self._policy(group.name, name), "Enabled": True}
            for group in self.engine.account.state.scaling_groups.values()
            for name, policy in group.automatic.policies.items()
            if self.name in ("", group.name)
        ]
        return self.paged("ScalingPolicies", found, 50)

    def put_scheduled_update_group_action(self) -> ActionResult:
        self.engine.scaling_groups.put_action(self.params)
        return EmptyResult()

    def describe_scheduled_actions(self) -> ActionResult:
        found = [
            {**action, "ScheduledActionARN": f"arn:aws:autoscaling:scheduledActionName/{name}"}
            for group in self.engine.account.state.scaling_groups.values()
            for name, action in group.automatic.scheduled.items()
            if self.name in ("", group.name)
        ]
        return self.paged("ScheduledUpdateGroupActions", found, 50)

    # -- instances --

    def terminate_instance_in_auto_scaling_group(self) -> ActionResult:
        activity = self.engine.scaling_groups.terminate(
            self.value("InstanceId"), smaller=bool(self.value("ShouldDecrementDesiredCapacity"))
        )
        return ActionResult({"Activity": _activity(activity)})

    def set_instance_health(self) -> ActionResult:
        self.engine.scaling_groups.set_health(
            self.value("InstanceId"), healthy=self.value("HealthStatus") == "Healthy"
        )
        return EmptyResult()

    def set_instance_protection(self) -> ActionResult:
        self.engine.scaling_groups.protect(
            self.name,
            self.value("InstanceIds", []),
            protected=bool(self.value("ProtectedFromScaleIn")),
        )
        return EmptyResult()


def _health(member: Member) -> str:
    return "Healthy" if member.healthy else "Unhealthy"


def _instance(member: Member) -> dict[str, Any]:
    template, name, version = member.template
    return {
        "InstanceId": member.instance_id,
        "InstanceType": member.instance_type,
        "AvailabilityZone": member.zone,
        "LifecycleState": member.lifecycle,
        "HealthStatus": _health(member),
        "ProtectedFromScaleIn": member.protected,
        "LaunchTemplate": {
            "LaunchTemplateId": template,
            "LaunchTemplateName": name,
            "Version": version,
        },
    }


def _activity(activity: Activity) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "ActivityId": activity.id,
        "AutoScalingGroupName": activity.group,
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": activity.started,
        "StatusCode": activity.status,
        "Progress": activity.progress,
        "Details": "{}",
    }
    if activity.ended:
        shown["EndTime"] = activity.ended
    if activity.message:
        shown["StatusMessage"] = activity.message
    if activity.deleted:
        shown["AutoScalingGroupState"] = "Deleted"
    return shown


def _source(arn: str) -> dict[str, str]:
    return {"Identifier": arn, "Type": "elbv2"}


def _arns(sources: Iterable[dict[str, str]]) -> list[str]:
    return [one["Identifier"] for one in sources]


def _tags(group: ScalingGroup) -> list[dict[str, Any]]:
    return [
        {
            "ResourceId": group.name,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": passed,
        }
        for key, (value, passed) in sorted(group.tags.items())
    ]


def _fits(group: ScalingGroup, name: str, values: list[str]) -> bool:
    """DescribeAutoScalingGroups' filters."""
    if name == "tag-key":
        return bool({*values} & group.tags.keys())
    if name == "tag-value":
        return bool({*values} & {value for value, _ in group.tags.values()})
    if name.startswith("tag:"):
        return group.tags.get(name.removeprefix("tag:"), ("\0", False))[0] in values
    raise ValidationError(
        f"Filter type {name} is not correct. Allowed Filter types are: tag-key, "
        "tag-value, tag:<key>"
    )


def _tag_fits(tag: dict[str, Any], name: str, values: list[str]) -> bool:
    """DescribeTags' filters."""
    keys = {"auto-scaling-group": "ResourceId", "key": "Key", "value": "Value"}
    if name == "propagate-at-launch":
        return str(tag["PropagateAtLaunch"]).lower() in values
    if name not in keys:
        raise ValidationError(f"Filter type {name} is not correct.")
    return tag[keys[name]] in values
