"""Spot Fleet's operations."""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError

from sandbox.api.base import SandboxApi, unsupported
from sandbox.fleets import instant
from sandbox.state.records import Fleet, utcnow

_DEFAULTS = {
    "AllocationStrategy": "lowestPrice",
    "OnDemandAllocationStrategy": "lowestPrice",
    "ExcessCapacityTerminationPolicy": "default",
    "InstanceInterruptionBehavior": "terminate",
    "OnDemandTargetCapacity": 0,
    "ReplaceUnhealthyInstances": False,
    "TerminateInstancesWithExpiration": False,
    "Type": "maintain",
}


class FleetApi(SandboxApi):
    def create_fleet(self) -> ActionResult:
        """Of type `instant` alone: the others live on, as Spot fleets do."""
        kind = self.value("Type", "maintain")
        if kind != "instant":
            raise unsupported(f"CreateFleet of type {kind}", "type instant, or RequestSpotFleet")
        self.error_on_dryrun()
        names = (
            "LaunchTemplateConfigs",
            "OnDemandOptions",
            "SpotOptions",
            "TargetCapacitySpecification",
        )
        engine = self.engine
        asked = {name: self.value(name) for name in names}
        return ActionResult(instant.create(engine.account, engine.instances, asked))

    def request_spot_fleet(self) -> ActionResult:
        self.error_on_dryrun()
        config = self.value("SpotFleetRequestConfig", {})
        return ActionResult({"SpotFleetRequestId": self.engine.fleets.request(config)})

    def describe_spot_fleet_requests(self) -> ActionResult:
        self.error_on_dryrun()
        ids = self.value("SpotFleetRequestIds", [])
        fleets = [self.engine.fleets.get(i) for i in ids] or list(
            self.engine.account.state.fleets.values()
        )
        return self.paged("SpotFleetRequestConfigs", [self._describe(fleet) for fleet in fleets])

    def _describe(self, fleet: Fleet) -> dict[str, Any]:
        fleets = self.engine.fleets
        config = {key: value for key, value in fleet.config.items() if key != "TagSpecifications"}
        config |= {
            "FulfilledCapacity": fleets.fulfilled(fleet),
            "OnDemandFulfilledCapacity": fleets.fulfilled_on_demand(fleet),
        }
        described: dict[str, Any] = {
            "SpotFleetRequestId": fleet.fleet_id,
            "SpotFleetRequestState": fleet.state,
            "SpotFleetRequestConfig": {**_DEFAULTS, **config},
            "CreateTime": fleet.created,
            "Tags": [
                {"Key": key, "Value": value}
                for key, value in self.engine.account.tags(fleet.fleet_id).items()
            ],
        }
        if activity := fleets.activity(fleet):
            described["ActivityStatus"] = activity
        return described

    def describe_spot_fleet_instances(self) -> ActionResult:
        self.error_on_dryrun()
        fleet = self.engine.fleets.get(self.value("SpotFleetRequestId", ""))
        instances = []
        for record in self.engine.fleets.active_instances(fleet):
            shown: dict[str, Any] = {
                "InstanceId": record.instance_id,
                "InstanceType": record.pool.split("/")[0],
                "InstanceHealth": "healthy",
            }
            if record.spot_request_id:
                shown["SpotInstanceRequestId"] = record.spot_request_id
            instances.append(shown)
        return self.paged("ActiveInstances", instances, SpotFleetRequestId=fleet.fleet_id)

    def describe_spot_fleet_request_history(self) -> ActionResult:
        self.error_on_dryrun()
        fleet = self.engine.fleets.get(self.value("SpotFleetRequestId", ""))
        start = self.value("StartTime")
        if start is None:
            raise EC2ClientError(
                "MissingParameter", "The request must contain the parameter startTime"
            )
        kind = self.value("EventType")
        records = []
        for event in fleet.history:
            if event.time < start or (kind and kind != event.event_type):
                continue
            information = {"EventSubType": event.sub_type}
            if event.description:
                information["EventDescription"] = event.description
            if event.instance_id:
                information["InstanceId"] = event.instance_id
            records.append(
                {
                    "EventType": event.event_type,
                    "Timestamp": event.time,
                    "EventInformation": information,
                }
            )
        return self.paged(
            "HistoryRecords",
            records,
            SpotFleetRequestId=fleet.fleet_id,
            StartTime=start,
            LastEvaluatedTime=utcnow(),
        )

    def cancel_spot_fleet_requests(self) -> ActionResult:
        self.error_on_dryrun()
        done, failed = self.engine.fleets.cancel(
            self.value("SpotFleetRequestIds", []),
            terminate=bool(self.value("TerminateInstances", default=True)),
        )
        return ActionResult({"SuccessfulFleetRequests": done, "UnsuccessfulFleetRequests": failed})

    def modify_spot_fleet_request(self) -> ActionResult:
        names = (
            "TargetCapacity",
            "OnDemandTargetCapacity",
            "ExcessCapacityTerminationPolicy",
            "LaunchTemplateConfigs",
        )
        self.engine.fleets.modify(
            self.value("SpotFleetRequestId", ""), {name: self.value(name) for name in names}
        )
        return ActionResult({"Return": True})
