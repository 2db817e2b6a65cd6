"""Application Auto Scaling, of Spot Fleets: what callers ask for, and what it does by itself."""

from collections.abc import Mapping
from typing import Any

from moto.core.exceptions import JsonRESTError

from sandbox.fleets.fleets import Fleets
from sandbox.scaling import tracking
from sandbox.state.account import Account
from sandbox.state.records import Fleet
from sandbox.state.scaling import ScalableTarget

DIMENSION = "ec2:spot-fleet-request:TargetCapacity"
PREFIX = "spot-fleet-request/"
CONFIGURATION = "TargetTrackingScalingPolicyConfiguration"
PARTS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
_KINDS = {"EC2SpotFleetRequestAverageCPUUtilization", "ALBRequestCountPerTarget"}


def invalid(text: str) -> JsonRESTError:
    return JsonRESTError("ValidationException", text)


class ApplicationScaling:
    def __init__(self, account: Account, fleets: Fleets) -> None:
        self._account = account
        self._fleets = fleets

    @property
    def targets(self) -> dict[str, ScalableTarget]:
        return self._account.state.scalable

    def fleet_of(self, asked: Mapping[str, Any]) -> str:
        named, dimension = str(asked.get("ResourceId", "")), asked.get("ScalableDimension")
        if asked.get("ServiceNamespace") != "ec2" or dimension != DIMENSION:
            raise invalid(f"the sandbox scales {DIMENSION} of ec2")
        if not named.startswith(PREFIX):
            raise invalid(f"Unsupported resource ID: {named}")
        return named.removeprefix(PREFIX)

    def get(self, asked: Mapping[str, Any]) -> ScalableTarget:
        fleet = self.fleet_of(asked)
        if fleet not in self.targets:
            raise JsonRESTError(
                "ObjectNotFoundException",
                "No scalable target registered for service namespace: ec2, resource ID: "
                f"{PREFIX}{fleet}, scalable dimension: {DIMENSION}",
            )
        return self.targets[fleet]

    def register(self, asked: Mapping[str, Any]) -> None:
        """What is not given of one that is registered stays as it is."""
        fleet = self.fleet_of(asked)
        known = self._account.state.fleets.get(fleet)
        if known is None or not known.live:
            raise invalid(f"EC2 spot fleet request does not exist: {fleet}")
        former = self.targets.get(fleet)
        least = asked.get("MinCapacity", former.least if former else None)
        most = asked.get("MaxCapacity", former.most if former else None)
        if least is None or most is None:
            raise invalid("MinCapacity and MaxCapacity must be specified for a new scalable target")
        if least > most:
            raise invalid("Maximum capacity cannot be less than minimum capacity")
        target = former or ScalableTarget()
        target.least, target.most = int(least), int(most)
        if state := asked.get("SuspendedState"):
            # What it does not name is not suspended: AWS's default.
            target.suspended = {one: bool(state.get(one)) for one in PARTS}
        self.targets[fleet] = target
        self._account.wake()

    def deregister(self, asked: Mapping[str, Any]) -> None:
        """With its policies and scheduled actions."""
        self.get(asked)
        del self.targets[self.fleet_of(asked)]

    def put_policy(self, asked: Mapping[str, Any]) -> None:
        target = self.get(asked)
        if why := tracking.refused(asked, CONFIGURATION, _KINDS):
            raise invalid(why)
        target.policies[str(asked["PolicyName"])] = dict(asked)
        self._account.wake()

    def put_action(self, asked: Mapping[str, Any]) -> None:
        target = self.get(asked)
        if not tracking.is_schedule(str(asked.get("Schedule"))):
            raise invalid(f"Invalid schedule expression: {asked.get('Schedule')}")
        action = asked.get("ScalableTargetAction") or {}
        if not action:
            raise invalid("MinCapacity or MaxCapacity must be specified")
        if action.get("MinCapacity", 0) > action.get("MaxCapacity", action.get("MinCapacity", 0)):
            raise invalid("Maximum capacity cannot be less than minimum capacity")
        target.scheduled[str(asked["ScheduledActionName"])] = dict(asked)

    # -- as time passes --

    def tick(self) -> None:
        for name, target in self.targets.items():
            fleet = self._account.state.fleets.get(name)
            found = tracking.wanted(target, CONFIGURATION)
            if fleet is None or not fleet.live or found is None:
                continue
            size = int(fleet.target)
            capacity = min(max(found[0], target.least), target.most)
            key = PARTS[1] if capacity > size else PARTS[0]
            if capacity != size and not target.suspended.get(key):
                self._resize(fleet, capacity)

    def come_due(self, fleet: str, name: str) -> None:
        """A scheduled action, as if its time had come. Suspended, it passes by."""
        target = self.targets[fleet]
        if target.suspended.get(PARTS[2]):
            return
        action = target.scheduled[name]["ScalableTargetAction"]
        target.least = int(action.get("MinCapacity", target.least))
        target.most = max(int(action.get("MaxCapacity", target.most)), target.least)
        known = self._account.state.fleets[fleet]
        self._resize(known, min(max(int(known.target), target.least), target.most))

    def _resize(self, fleet: Fleet, capacity: int) -> None:
        if capacity != int(fleet.target):
            self._fleets.modify(fleet.fleet_id, {"TargetCapacity": capacity})
