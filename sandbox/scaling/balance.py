"""Target groups as an Auto Scaling group uses them: it registers, it drains, it asks for health."""

from moto.core.exceptions import ServiceException

from sandbox.balancing.targets import Targets
from sandbox.state.account import Account
from sandbox.state.scaling import ScalingGroup


class Balance:
    def __init__(self, account: Account, targets: Targets) -> None:
        self._account = account
        self._targets = targets

    def exists(self, arn: str) -> bool:
        return arn in self._account.elbv2.target_groups

    def register(self, arns: list[str], instance_ids: list[str]) -> None:
        """What cannot be registered is left out, as AWS does."""
        for arn in arns:
            for one in instance_ids:
                try:
                    self._targets.register(arn, [{"Id": one}])
                except ServiceException:
                    continue

    def deregister(self, arns: list[str], instance_ids: list[str]) -> None:
        for arn in filter(self.exists, arns):
            self._targets.deregister(arn, [{"Id": one} for one in instance_ids])

    def held(self, group: ScalingGroup, instance_id: str) -> bool:
        """Whether a target group still has it, draining or not."""
        state = self._account.state.targets
        return any(
            key[0] == instance_id for arn in group.target_groups for key in state.get(arn, ())
        )

    def unhealthy(self, group: ScalingGroup, instance_id: str) -> bool:
        for arn in filter(self.exists, group.target_groups):
            for one in self._targets.describe(arn, []):
                if one["Target"]["Id"] == instance_id:
                    return bool(one["TargetHealth"]["State"] == "unhealthy")
        return False
