"""Elastic Load Balancing's operations on targets."""

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.elbv2.models import ELBv2Backend

from sandbox.api.balancing import BalancingApi
from sandbox.api.listeners import ListenersApi
from sandbox.engine.engine import Engine


def take_over(engine: Engine) -> None:
    """Whatever part of moto registers targets: they are the sandbox's, with real health checks."""

    def register(_backend: ELBv2Backend, arn: str, targets: list[dict[str, Any]]) -> None:
        engine.targets.register(arn, targets)

    def deregister(_backend: ELBv2Backend, arn: str, targets: list[dict[str, Any]]) -> None:
        engine.targets.deregister(arn, targets)

    ELBv2Backend.register_targets = register  # type: ignore[method-assign, assignment]
    ELBv2Backend.deregister_targets = deregister  # type: ignore[method-assign, assignment]


class SandboxElbv2(BalancingApi, ListenersApi):
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
