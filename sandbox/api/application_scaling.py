"""Application Auto Scaling's operations. moto's own change nothing."""

import json
from typing import Any, ClassVar

from moto.core.responses import BaseResponse

from sandbox.engine.engine import Engine
from sandbox.scaling import tracking
from sandbox.scaling.application import DIMENSION, PREFIX, invalid
from sandbox.state.records import ACCOUNT_ID
from sandbox.state.scaling import ScalableTarget


class SandboxApplicationScaling(BaseResponse):
    engine: ClassVar[Engine]

    def __init__(self) -> None:
        super().__init__(service_name="application-autoscaling")

    @property
    def asked(self) -> dict[str, Any]:
        return dict(json.loads(self.body or "{}"))

    def _arn(self, what: str) -> str:
        return f"arn:aws:application-autoscaling:{self.region}:{ACCOUNT_ID}:{what}"

    def register_scalable_target(self) -> str:
        self.engine.application_scaling.register(self.asked)
        return json.dumps({"ScalableTargetARN": self._arn(f"scalable-target/{self._fleet}")})

    @property
    def _fleet(self) -> str:
        return self.engine.application_scaling.fleet_of(self.asked)

    def deregister_scalable_target(self) -> str:
        self.engine.application_scaling.deregister(self.asked)
        return "{}"

    def describe_scalable_targets(self) -> str:
        ids = self.asked.get("ResourceIds") or []
        found = [
            _target(fleet, one, self._arn(f"scalable-target/{fleet}"))
            for fleet, one in self._targets()
            if not ids or f"{PREFIX}{fleet}" in ids
        ]
        return json.dumps({"ScalableTargets": found}, default=_seconds)

    def _targets(self) -> list[tuple[str, ScalableTarget]]:
        if self.asked.get("ServiceNamespace") != "ec2":
            raise invalid("the sandbox scales ec2")
        return list(self.engine.application_scaling.targets.items())

    def put_scaling_policy(self) -> str:
        self.engine.application_scaling.put_policy(self.asked)
        name = str(self.asked["PolicyName"])
        return json.dumps({"PolicyARN": self._policy(self._fleet, name), "Alarms": self._alarms()})

    def _policy(self, fleet: str, name: str) -> str:
        return self._arn(f"scalingPolicy:resource/ec2/{PREFIX}{fleet}:policyName/{name}")

    def _alarms(self) -> list[dict[str, str]]:
        of = f"{PREFIX}{self._fleet}"
        return tracking.alarms(of, self.region, str(self.asked["PolicyName"]))

    def describe_scaling_policies(self) -> str:
        wanted = str(self.asked.get("ResourceId") or "")
        found = [
            {
                **policy,
                "PolicyARN": self._policy(fleet, name),
                "Alarms": tracking.alarms(f"{PREFIX}{fleet}", self.region, name),
                "CreationTime": target.created,
            }
            for fleet, target in self._targets()
            for name, policy in target.policies.items()
            if wanted in ("", f"{PREFIX}{fleet}")
        ]
        return json.dumps({"ScalingPolicies": found}, default=_seconds)

    def put_scheduled_action(self) -> str:
        self.engine.application_scaling.put_action(self.asked)
        return "{}"

    def describe_scheduled_actions(self) -> str:
        wanted = str(self.asked.get("ResourceId") or "")
        found = [
            {
                **action,
                "ScheduledActionARN": self._arn(f"scheduledAction:{name}"),
                "CreationTime": target.created,
            }
            for fleet, target in self._targets()
            for name, action in target.scheduled.items()
            if wanted in ("", f"{PREFIX}{fleet}")
        ]
        return json.dumps({"ScheduledActions": found}, default=_seconds)


def _target(fleet: str, target: ScalableTarget, arn: str) -> dict[str, Any]:
    return {
        "ServiceNamespace": "ec2",
        "ResourceId": f"{PREFIX}{fleet}",
        "ScalableDimension": DIMENSION,
        "MinCapacity": target.least,
        "MaxCapacity": target.most,
        "RoleARN": f"arn:aws:iam::{ACCOUNT_ID}:role/aws-service-role/"
        "ec2.application-autoscaling.amazonaws.com/"
        "AWSServiceRoleForApplicationAutoScaling_EC2SpotFleetRequest",
        "CreationTime": target.created,
        "SuspendedState": target.suspended,
        "ScalableTargetARN": arn,
    }


def _seconds(value: Any) -> float:
    """A time, as the protocol has it."""
    return float(value.timestamp())
