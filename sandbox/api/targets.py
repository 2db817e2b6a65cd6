"""Elastic Load Balancing's operations on targets."""

from typing import ClassVar

from moto.core.responses import ActionResult, EmptyResult
from moto.elbv2.responses import ELBV2Response

from sandbox.engine.engine import Engine


class SandboxElbv2(ELBV2Response):
    engine: ClassVar[Engine]

    def register_targets(self) -> ActionResult:
        self.engine.targets.register(
            self._get_param("TargetGroupArn"), self._get_param("Targets", [])
        )
        return EmptyResult()

    def deregister_targets(self) -> ActionResult:
        self.engine.targets.deregister(
            self._get_param("TargetGroupArn"), self._get_param("Targets", [])
        )
        return EmptyResult()

    def describe_target_health(self) -> ActionResult:
        described = self.engine.targets.describe(
            self._get_param("TargetGroupArn"), self._get_param("Targets", []) or []
        )
        return ActionResult({"TargetHealthDescriptions": described})
