"""Elastic Load Balancing's operations on targets."""

from moto.core.responses import ActionResult, EmptyResult

from sandbox.api.listeners import ListenersApi


class SandboxElbv2(ListenersApi):
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
