"""Spot fleets: their requests, modifications, cancellations, states and history."""

import json
import logging
import re
import uuid
from typing import Any

from moto.ec2.exceptions import EC2ClientError

from sandbox.balancing.targets import Targets
from sandbox.compute.instances import Instances
from sandbox.fleets import config as fleet_config
from sandbox.fleets.rounds import Rounds
from sandbox.state.account import Account
from sandbox.state.records import Fleet, InstanceRecord, utcnow

log = logging.getLogger(__name__)

_ID = re.compile(r"sfr-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Between a request (or its modification) and its first launches, in sandbox seconds.
EVALUATION = 1.0
# Spot Fleet deletes requests two days after their end.
_FORGET_AFTER = 48 * 3600.0


class Fleets:
    def __init__(self, account: Account, instances: Instances, targets: Targets) -> None:
        self._account = account
        self._instances = instances
        self._rounds = Rounds(account, instances, targets)

    # -- what callers ask for --

    def request(self, config: dict[str, Any]) -> str:
        fleet_config.check(config)
        token = config.get("ClientToken")
        content = json.dumps(config, sort_keys=True, default=str)
        if requested := self._requested_before(token, content):
            return requested
        fleet_config.check_times(config, utcnow())
        for template in config.get("LaunchTemplateConfigs") or []:
            fleet_config.template_version(self._account, template["LaunchTemplateSpecification"])
        fleet_config.check_pools(self._account, config, fleet_config.INVALID)
        fleet = Fleet(
            f"sfr-{uuid.uuid4()}", config, utcnow(), self._account.clock.now() + EVALUATION
        )
        self._account.state.fleets[fleet.fleet_id] = fleet
        if token:
            self._account.state.tokens[f"spot-fleet/{token}"] = content, fleet.fleet_id
        for spec in config.get("TagSpecifications") or []:
            tags = {tag["Key"]: tag["Value"] for tag in spec.get("Tags") or []}
            self._account.ec2.create_tags([fleet.fleet_id], tags)
        fleet.event("fleetRequestChange", "submitted")
        self._account.wake()
        return fleet.fleet_id

    def _requested_before(self, token: str | None, content: str) -> str | None:
        """The id of the fleet that was requested with the same client token and content."""
        used = self._account.state.tokens.get(f"spot-fleet/{token}") if token else None
        if used is None:
            return None
        if used[0] != content:
            raise EC2ClientError(
                "IdempotentParameterMismatch",
                "The request uses the same client token as a previous, but non-identical request.",
            )
        return used[1]

    def get(self, fleet_id: str) -> Fleet:
        fleet = self._account.state.fleets.get(fleet_id)
        if fleet is None:
            malformed = not _ID.fullmatch(fleet_id)
            raise EC2ClientError(
                f"InvalidSpotFleetRequestId.{'Malformed' if malformed else 'NotFound'}",
                f"The spot fleet request ID '{fleet_id}' "
                + ("is malformed" if malformed else "does not exist"),
            )
        return fleet

    def cancel(
        self, fleet_ids: list[str], *, terminate: bool
    ) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
        """Returns CancelSpotFleetRequests' two lists: successful and unsuccessful."""
        if len(fleet_ids) > 100:
            raise EC2ClientError(
                "InvalidParameterValue", "At most 100 Spot fleet requests can be cancelled at once."
            )
        done, failed = [], []
        for fleet_id in fleet_ids:
            error = self._not_cancellable(fleet_id)
            if error:
                failed.append({"SpotFleetRequestId": fleet_id, "Error": error})
            else:
                done.append(self._cancel(self.get(fleet_id), terminate=terminate))
        self._account.wake()
        return done, failed

    def _not_cancellable(self, fleet_id: str) -> dict[str, str] | None:
        if not _ID.fullmatch(fleet_id):
            return {
                "Code": "fleetRequestIdMalformed",
                "Message": f"The fleet request id {fleet_id} is malformed.",
            }
        fleet = self._account.state.fleets.get(fleet_id)
        if fleet is None:
            return {
                "Code": "fleetRequestIdDoesNotExist",
                "Message": f"The fleet request {fleet_id} does not exist.",
            }
        if not fleet.live:
            return {
                "Code": "fleetRequestNotInCancellableState",
                "Message": f"The fleet request {fleet_id} is in state {fleet.state}.",
            }
        return None

    def _cancel(self, fleet: Fleet, *, terminate: bool) -> dict[str, str]:
        previous = fleet.state
        fleet.state = "cancelled_terminating" if terminate else "cancelled_running"
        fleet.event("fleetRequestChange", fleet.state)
        if terminate:
            self._instances.terminate([r.instance_id for r in self._members(fleet)])
        self._rounds.cancelled(fleet)
        return {
            "SpotFleetRequestId": fleet.fleet_id,
            "PreviousSpotFleetRequestState": previous,
            "CurrentSpotFleetRequestState": fleet.state,
        }

    def modify(self, fleet_id: str, changes: dict[str, Any]) -> None:
        """`changes` may have TargetCapacity, OnDemandTargetCapacity,
        ExcessCapacityTerminationPolicy and LaunchTemplateConfigs. What is None stays as it is."""
        fleet = self.get(fleet_id)
        if fleet.config.get("Type", "maintain") != "maintain":
            raise fleet_config.invalid("Only requests of type maintain can be modified.")
        if not fleet.live:
            raise EC2ClientError(
                "SpotFleetRequestNotInModifiableState",
                f"The spot fleet request {fleet_id} is in state {fleet.state} and cannot be "
                "modified.",
            )
        config = {**fleet.config, **{k: v for k, v in changes.items() if v is not None}}
        fleet_config.check(config)
        fleet_config.check_pools(self._account, config, fleet_config.INVALID)
        fleet.shrinking = config["TargetCapacity"] < fleet.config["TargetCapacity"]
        fleet.config, fleet.state, fleet.error = config, "modifying", False
        fleet.blacklisted_until.clear()
        fleet.evaluate_at = self._account.clock.now() + EVALUATION
        fleet.event("fleetRequestChange", "modify_in_progress")
        self._account.wake()

    # -- what it looks like --

    def activity(self, fleet: Fleet) -> str | None:
        if fleet.state == "cancelled_terminating":
            return "pending_termination"
        if not fleet.live:
            return None
        if fleet.error:
            return "error"
        units = self.fulfilled(fleet)
        if units > fleet.target and fleet.shrinking:
            return "pending_termination"
        return "fulfilled" if units >= fleet.target else "pending_fulfillment"

    def fulfilled(self, fleet: Fleet) -> float:
        return sum(record.weight for record in self._members(fleet))

    def fulfilled_on_demand(self, fleet: Fleet) -> float:
        return sum(record.weight for record in self._members(fleet) if not record.spot)

    def active_instances(self, fleet: Fleet) -> list[InstanceRecord]:
        return self._members(fleet)

    def _members(self, fleet: Fleet) -> list[InstanceRecord]:
        return [r for r in self._instances.of_fleet(fleet.fleet_id) if r.alive]

    # -- as time passes --

    def tick(self) -> None:
        self.forget_ended(_FORGET_AFTER)
        for fleet in list(self._account.state.fleets.values()):
            if fleet.ended_at is None:
                self._expire(fleet)
                if not self._waits(fleet):
                    self._step(fleet)

    def _waits(self, fleet: Fleet) -> bool:
        """Until it becomes valid."""
        begin = fleet.config.get("ValidFrom")
        return fleet.state == "submitted" and begin is not None and utcnow() < begin

    def _step(self, fleet: Fleet) -> None:
        """What nobody thought of is told of the fleet that it happened to. The others go on."""
        try:
            self._rounds.step(fleet)
        except Exception as error:
            log.exception("a round of %s failed", fleet.fleet_id)
            text = f"the sandbox failed: {type(error).__name__}: {error}"
            self._rounds.fail(fleet, "spotFleetRequestConfigurationInvalid", text)

    def forget_ended(self, after_seconds: float) -> None:
        """Those that ended longer ago are listed no more."""
        before = self._account.clock.now() - after_seconds
        for fleet in list(self._account.state.fleets.values()):
            if fleet.ended_at is not None and fleet.ended_at < before:
                del self._account.state.fleets[fleet.fleet_id]
                self._account.ec2.tags.pop(fleet.fleet_id, None)

    def _expire(self, fleet: Fleet) -> None:
        until = fleet.config.get("ValidUntil")
        if fleet.live and until is not None and utcnow() >= until:
            fleet.event("fleetRequestChange", "expired")
            self._cancel(
                fleet, terminate=bool(fleet.config.get("TerminateInstancesWithExpiration"))
            )

    def look_again(self) -> None:
        """Capacity has changed: all fleets try again at once, whatever they had blacklisted."""
        for fleet in self._account.state.fleets.values():
            fleet.blacklisted_until.clear()
            if fleet.live:
                fleet.evaluate_at = min(fleet.evaluate_at, self._account.clock.now())
        self._account.wake()

    def instance_ended(self, record: InstanceRecord) -> None:
        fleet = self._account.state.fleets.get(record.fleet_id or "")
        if fleet is not None:
            fleet.event("instanceChange", "terminated", "", record.instance_id)
