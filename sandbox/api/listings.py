"""Lists that moto gives without pages, or filters by part of what it is asked."""

from collections.abc import Iterable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import InvalidParameterCombination
from moto.ec2.models.instances import Instance

from sandbox.api import filters
from sandbox.api.base import SandboxApi

_STATUSES = {"instance-status": "instance_status", "system-status": "system_status"}
_OWN = {"event", *_STATUSES}


class ListingApi(SandboxApi):
    def describe_instances(self) -> ActionResult:
        self.error_on_dryrun()
        ids, wanted = self.value("InstanceIds", []), self._filters_from_querystring()
        filters.check_names(wanted)
        if ids and self.value("MaxResults"):
            raise InvalidParameterCombination(
                "The parameter instancesSet cannot be used with the parameter maxResults"
            )
        if ids:
            self.ec2_backend.get_multi_instances_by_id(ids)  # names all that are missing
            found = self.ec2_backend.get_reservations_by_instance_ids(ids, filters=wanted)
        else:
            found = self.ec2_backend.describe_instances(filters=wanted)
        return self.paged("Reservations", found)

    def describe_instance_status(self) -> ActionResult:
        self.error_on_dryrun()
        found = self.ec2_backend.describe_instance_status(
            self.value("InstanceIds", []), bool(self.value("IncludeAllInstances")), None
        )
        wanted = self._filters_from_querystring()
        filters.check_names([one for one in wanted if one.split(".")[0] not in _OWN])
        return self.paged("InstanceStatuses", [one for one in found if _fits(one, wanted)])


def _fits(instance: Instance, wanted: dict[str, Any]) -> bool:
    return all(filters.fits(_values(instance, name), one) for name, one in wanted.items())


def _values(instance: Instance, name: str) -> Iterable[Any]:
    """DescribeInstanceStatus's filters."""
    kind, _, rest = name.partition(".")
    if kind == "event":
        return []
    if kind in _STATUSES and rest in ("status", "reachability"):
        status: dict[str, Any] = getattr(instance, _STATUSES[kind])
        details = [one["Status"] for one in status.get("Details", [])]
        return [status["Status"]] if rest == "status" else details
    return filters.values(instance, name)
