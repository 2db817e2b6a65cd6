"""Spot Fleet as a launcher."""

from collections.abc import Iterable, Mapping

from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.errors import AwsError, aws_errors, code_of, is_not_found
from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve import launch_template as templates
from spotkiln.aws.serve.balancing import require_label
from spotkiln.aws.serve.spot_fleet import history as histories
from spotkiln.aws.serve.spot_fleet import rights, scaling
from spotkiln.aws.serve.spot_fleet.answer import NAME, from_aws
from spotkiln.aws.serve.spot_fleet.request import spot_fleet_request
from spotkiln.bake.infra import Infra
from spotkiln.bake.infra_names import InfraNames
from spotkiln.serve.fleet import Fleet, State
from spotkiln.serve.launcher import NONE, Note
from spotkiln.serve.order import Order
from spotkiln.serve.problem import Problem
from spotkiln.serve.spec import FleetSpec, LauncherKind
from spotkiln.target import Instance

RESOURCE = "spot-fleet-request"
# What Spot Fleet puts on its instances; whether on its On-Demand ones too, AWS does not say.
MEMBER = "aws:ec2spot:fleet-request-id"
ALREADY_CANCELLED = {"fleetRequestNotInCancellableState", "fleetRequestIdDoesNotExist"}
# CancelSpotFleetRequests takes so many ids, and with more cancels nothing.
MOST = 100


def _unknown(error: ClientError) -> bool:
    """Not seen yet, not seen any more, or another launcher's."""
    return is_not_found(error) or code_of(error).startswith("InvalidSpotFleetRequestId")


class SpotFleet(templates.WithTemplates):
    """See `spotkiln.serve.launcher.Launcher` for what each method promises."""

    name = NAME
    kind = LauncherKind.FLEET
    resource = RESOURCE
    late_seconds = histories.LATE_SECONDS
    service_role = "aws-service-role/spotfleet.amazonaws.com/AWSServiceRoleForEC2SpotFleet"
    stop_call = "CancelSpotFleetRequests"
    statements = rights.STATEMENTS
    role_statements = rights.ROLE_STATEMENTS

    def role(self, names: InfraNames) -> str:
        return rights.role(self._aws, names.fleet_role)

    def check(self, infra: Infra, spec: FleetSpec) -> None:
        require_label(infra, spec)
        rights.check(self._aws, infra, spec)

    def launch(self, order: Order, note: Note) -> Fleet:
        """Launch templates, the request, then its scaling. The client token in the request makes a
        repeated call one fleet."""
        made = templates.create_for(self._aws, order, note)
        with aws_errors("requesting a spot fleet"):
            answer = self._aws.ec2.request_spot_fleet(
                SpotFleetRequestConfig=spot_fleet_request(order, *made)  # type: ignore[arg-type]
            )
        fleet = answer["SpotFleetRequestId"]
        note(RESOURCE, fleet)
        scaling.put(self._aws, order, fleet)
        return Fleet(
            id=fleet,
            launcher=NAME,
            state=State.KEPT,
            status="submitted",
            capacity=order.first.capacity,
            target_groups=tuple(one.arn for one in order.infra.groups),
            parts=tuple(made),
            tags=order.fleet_tags,
        )

    def listing(self, tags: Mapping[str, str] = NONE) -> list[Fleet]:
        """The cancelled ones of the last 48 hours are among them. The call has no filters."""
        del tags
        with aws_errors("listing spot fleets"):
            pages = self._aws.ec2.get_paginator("describe_spot_fleet_requests").paginate()
            return [from_aws(one) for page in pages for one in page["SpotFleetRequestConfigs"]]

    def find(self, fleet: str) -> Fleet | None:
        try:
            answer = self._aws.ec2.describe_spot_fleet_requests(SpotFleetRequestIds=[fleet])
        except ClientError as error:
            if _unknown(error):
                return None
            with aws_errors(f"fleet {fleet}"):
                raise
        found = answer["SpotFleetRequestConfigs"]
        return from_aws(found[0]) if found else None

    def members(self, fleet: str, enough: int | None = None) -> list[Instance]:
        """By AWS's own tag, and as the fleet tells them: what the fleet tells can be out of date,
        and On-Demand members may be without the tag."""
        return instances.members(self._aws, MEMBER, fleet, enough, self._told)

    def _told(self, fleet: str) -> list[str]:
        """Ids of its running instances, as the fleet tells them itself."""
        try:
            pages = self._aws.ec2.get_paginator("describe_spot_fleet_instances").paginate(
                SpotFleetRequestId=fleet
            )
            return [one.get("InstanceId", "") for page in pages for one in page["ActiveInstances"]]
        except ClientError as error:
            if _unknown(error):
                return []
            with aws_errors(f"members of fleet {fleet}"):
                raise

    def fleet_of(self, instance: Instance) -> str:
        return instance.tags.get(MEMBER, "")

    def problems(self, fleet: str) -> list[Problem]:
        return histories.problems(histories.read(self._aws, fleet))

    def history(self, fleet: str) -> list[str]:
        return [str(row) for row in histories.read(self._aws, fleet)]

    def mark(self, fleet: str, tags: Mapping[str, str]) -> None:
        with aws_errors(f"tagging fleet {fleet}"):
            self._aws.ec2.create_tags(Resources=[fleet], Tags=t.to_aws(tags))

    def resize(self, fleet: str, capacity: int) -> None:
        """The On-Demand part stays as it was asked for."""
        with aws_errors(f"resizing fleet {fleet}"):
            self._aws.ec2.modify_spot_fleet_request(
                SpotFleetRequestId=fleet, TargetCapacity=capacity
            )

    def enlarge(self, fleet: str, order: Order, capacity: int) -> None:
        spec = order.sized(capacity)
        with aws_errors(f"enlarging fleet {fleet}"):
            self._aws.ec2.modify_spot_fleet_request(
                SpotFleetRequestId=fleet,
                TargetCapacity=spec.capacity,
                OnDemandTargetCapacity=spec.on_demand_all,
            )

    def suspend_scaling(self, fleet: Fleet, release: str) -> None:
        scaling.suspend(self._aws, fleet, release)

    def resume_scaling(self, fleet: Fleet) -> None:
        scaling.resume(self._aws, fleet)

    def end_scaling(self, fleet: Fleet) -> None:
        scaling.end(self._aws, fleet.id)

    def stop_replacing(self, fleets: Iterable[str]) -> None:
        wanted = sorted(fleets)
        for start in range(0, len(wanted), MOST):
            batch = wanted[start : start + MOST]
            with aws_errors(f"cancelling {', '.join(batch)}"):
                # Its instances stay: Spot Fleet would cut their requests off, for it cannot drain.
                answer = self._aws.ec2.cancel_spot_fleet_requests(
                    SpotFleetRequestIds=batch, TerminateInstances=False
                )
            failed = [
                f"{item.get('SpotFleetRequestId')}: {item.get('Error', {}).get('Message')}"
                for item in answer.get("UnsuccessfulFleetRequests", [])
                if item.get("Error", {}).get("Code") not in ALREADY_CANCELLED
            ]
            if failed:
                raise AwsError(f"not cancelled: {'; '.join(failed)}", "UnsuccessfulFleetRequests")

    def remove(self, fleet: Fleet) -> None:
        """EC2 ends a cancelled fleet itself once its last instance has ended."""
