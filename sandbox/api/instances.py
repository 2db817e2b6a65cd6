"""The operations on instances that moto gets wrong."""

import base64
import itertools
import json
from collections.abc import Container
from datetime import datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.exceptions import EC2ClientError, InvalidInstanceTypeError
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance, Reservation
from moto.ec2.responses.instances import InstanceResponse

from sandbox.api.base import SandboxApi, unsupported
from sandbox.api.filters import fits
from sandbox.compute import checks
from sandbox.compute.launching import complete_root_disk
from sandbox.compute.requirements import fitting
from sandbox.compute.states import CODES
from sandbox.fleets import config as fleet_config
from sandbox.fleets.words import no_capacity
from sandbox.state import capacity, prices
from sandbox.state.records import utcnow

_TAGGABLE = ("instance", "volume", "network-interface", "spot-instances-request", "elastic-gpu")
_SWITCH = ("enabled", "disabled")
_OPTIONS: dict[str, tuple[str, Container[str]]] = {
    "HttpTokens": ("http_tokens", ("optional", "required")),
    "HttpPutResponseHopLimit": ("http_put_response_hop_limit", [str(n) for n in range(1, 65)]),
    "HttpEndpoint": ("http_endpoint", _SWITCH),
    "HttpProtocolIpv6": ("http_protocol_ipv6", _SWITCH),
    "InstanceMetadataTags": ("instance_metadata_tags", _SWITCH),
}
_LINUX = {"Linux/UNIX", "Linux/UNIX (Amazon VPC)"}


def _state(name: str) -> dict[str, Any]:
    return {"Code": CODES[name], "Name": name}


class InstanceApi(SandboxApi, InstanceResponse):
    def run_instances(self) -> ActionResult:
        token, content = self.value("ClientToken"), self._content()
        known = self.engine.account.state.tokens.get(f"run-instances/{token}") if token else None
        if known is not None and known[1] in self.ec2_backend.reservations:
            if known[0] != content:
                raise EC2ClientError(
                    "IdempotentParameterMismatch",
                    "Arguments on this idempotent request are inconsistent with arguments used "
                    "in previous request(s).",
                )
            return ActionResult(self.ec2_backend.reservations[known[1]])
        self._take_template()
        self._check_launch()
        # moto launches MinCount instances.
        self.params["MinCount"] = self.value("MaxCount", 1)
        reservation = super().run_instances().result
        assert isinstance(reservation, Reservation)
        self._give_profile(reservation.instances)
        for instance in reservation.instances:  # moto knows of this only later
            instance.disable_api_termination = bool(self.value("DisableApiTermination"))
        if token:
            self.engine.account.state.tokens[f"run-instances/{token}"] = content, reservation.id
        return ActionResult(reservation)

    def _content(self) -> str:
        return json.dumps(self.params, sort_keys=True, default=str)

    def _take_template(self) -> None:
        """What the launch template says and the request does not. moto takes some of it only."""
        template = self.value("LaunchTemplate")
        if not template:
            return
        reference = {"Version": "$Default", **template}
        data = fleet_config.template_version(self.engine.account, reference).data
        for key, value in data.items():
            # moto knows of the tags, and puts those of the request beside them.
            if key != "TagSpecifications" and self.value(key) is None:
                self.params[key] = value

    def _check_launch(self) -> None:
        """Also for a dry run, which launches nothing."""
        self._check_request()
        image_id = self.value("ImageId")
        if not image_id:
            raise EC2ClientError(
                "MissingParameter", "The request must contain the parameter ImageId"
            )
        checks.must_be_usable(self.engine.account, image_id)
        instance_type = self.value("InstanceType", "m1.small")
        checks.check_type(instance_type)
        checks.check_architecture(self.engine.account, image_id, instance_type)
        checks.check_key(self.engine.account, self.value("KeyName"))
        checks.check_profile(self.value("IamInstanceProfile", {}))
        complete_root_disk(self.value("BlockDeviceMappings", []), self.ec2_backend.amis[image_id])
        checks.check_asked_tags(self.value("MetadataOptions"), self.value("TagSpecifications", []))
        self._check_capacity(instance_type)

    def _check_request(self) -> None:
        """What is refused whatever there is in the account."""
        least, most = int(self.value("MinCount", 1)), int(self.value("MaxCount", 1))
        for name, count in (("minCount", least), ("maxCount", most)):
            if count < 1:
                raise EC2ClientError(
                    "InvalidParameterValue",
                    f"Value ({count}) for parameter {name} is invalid. It must be at least 1.",
                )
        if least > most:
            raise EC2ClientError(
                "InvalidParameterCombination",
                f"The minimum count ({least}) must not be above the maximum count ({most})",
            )
        groups = self.value("SecurityGroupIds", []) or self.value("SecurityGroups", [])
        if groups and self.value("NetworkInterfaces", []):
            raise EC2ClientError(
                "InvalidParameterCombination",
                "Network interfaces and an instance-level security groups may not be specified on "
                "the same request",
            )
        for one in self.value("TagSpecifications", []):
            if one.get("ResourceType") not in _TAGGABLE:
                raise EC2ClientError(
                    "InvalidParameterValue",
                    f"'{one.get('ResourceType')}' is not a valid taggable resource type for this "
                    "operation.",
                )

    def _give_profile(self, instances: list[Instance]) -> None:
        """moto gives it to the first of them."""
        profile = self.value("IamInstanceProfile", {})
        for instance in instances[1:] if profile else []:
            self.ec2_backend.associate_iam_instance_profile(
                instance_id=instance.id,
                iam_instance_profile_name=profile.get("Name"),
                iam_instance_profile_arn=profile.get("Arn"),
            )

    def _check_capacity(self, instance_type: str) -> None:
        subnet_id = self.value("SubnetId") or next(
            (nic["SubnetId"] for nic in self.value("NetworkInterfaces", []) if "SubnetId" in nic),
            None,
        )
        zone = self.value("Placement.AvailabilityZone") or f"{self.region}a"
        if subnet_id:
            zone = self.ec2_backend.get_subnet(subnet_id).availability_zone
        spot = self.value("InstanceMarketOptions.MarketType") == "spot"
        free = capacity.free(self.engine.account.state, f"{instance_type}/{zone}", spot=spot)
        if free is not None and free < int(self.value("MinCount", 1)):
            raise EC2ClientError("InsufficientInstanceCapacity", no_capacity(instance_type, zone))

    def terminate_instances(self) -> ActionResult:
        changed = self._named()
        for instance in changed:
            if instance.disable_api_termination:
                raise EC2ClientError(
                    "OperationNotPermitted",
                    f"The instance '{instance.id}' may not be terminated. Modify its "
                    "'disableApiTermination' instance attribute and try again.",
                )
        before = {instance.id: instance.state for instance in changed}
        self.engine.instances.terminate(list(before))
        return self._changed("TerminatingInstances", changed, before)

    def stop_instances(self) -> ActionResult:
        changed = self._named()
        before = {instance.id: instance.state for instance in changed}
        for instance_id in before:
            self.engine.instances.stop(instance_id)
        return self._changed("StoppingInstances", changed, before)

    def start_instances(self) -> ActionResult:
        changed = self._named()
        before = {instance.id: instance.state for instance in changed}
        for instance_id in before:
            self.engine.instances.start(instance_id)
        return self._changed("StartingInstances", changed, before)

    def reboot_instances(self) -> ActionResult:
        for instance in self._named():
            self.engine.instances.reboot(instance.id)
        return EmptyResult()

    def _named(self) -> list[Instance]:
        """The instances of the request. Raises if one does not exist, so that none is changed."""
        instances = self.ec2_backend.get_multi_instances_by_id(self.value("InstanceIds", []))
        self.error_on_dryrun()
        found: list[Instance] = instances
        return found

    def _changed(
        self, name: str, instances: list[Instance], before: dict[str, str]
    ) -> ActionResult:
        return ActionResult(
            {
                name: [
                    {
                        "InstanceId": instance.id,
                        "CurrentState": _state(instance.state),
                        "PreviousState": _state(before[instance.id]),
                    }
                    for instance in instances
                ]
            }
        )

    def modify_instance_metadata_options(self) -> ActionResult:
        """moto forgets those that the call does not name."""
        self.error_on_dryrun()
        options = self.engine.instances.get(self.value("InstanceId", "")).metadata_options
        if self.value("InstanceMetadataTags") == "enabled":
            checks.check_shown(self.engine.account.tags(self.value("InstanceId")))
        for name, (attribute, known) in _OPTIONS.items():
            value = self.value(name)
            if value is None:
                continue
            if str(value) not in known:
                raise EC2ClientError(
                    "InvalidParameterValue", f"Value ({value}) for parameter {name} is invalid."
                )
            setattr(options, attribute, value)
        self.engine.instances.tell_metadata(self.value("InstanceId"))
        return ActionResult(
            {"InstanceId": self.value("InstanceId"), "InstanceMetadataOptions": options}
        )

    def request_spot_instances(self) -> ActionResult:
        raise unsupported("RequestSpotInstances", "RunInstances with InstanceMarketOptions")

    def get_console_output(self) -> ActionResult:
        instance = self.ec2_backend.get_instance(self.value("InstanceId", ""))
        latest = str(self.value("Latest", "")).lower() == "true"
        if latest and INSTANCE_TYPES[instance.instance_type].get("Hypervisor") != "nitro":
            raise EC2ClientError(
                "UnsupportedOperation",
                f"The instance type {instance.instance_type} does not support the latest console "
                "output.",
            )
        record = self.engine.instances.record(instance.id)
        text = self.engine.account.machines.console(instance.id) if latest else record.posted
        return ActionResult(
            {
                "InstanceId": instance.id,
                "Timestamp": utcnow(),
                "Output": base64.b64encode(text.encode()[-65536:]).decode(),
            }
        )

    def describe_instance_types(self) -> ActionResult:
        names = self.value("InstanceTypes", [])
        if unknown := [name for name in names if not prices.known(name)]:
            raise InvalidInstanceTypeError(unknown, error_type="InvalidInstanceType")
        result: Any = super().describe_instance_types().result
        return self.paged("InstanceTypes", list(result["InstanceTypes"]), most=100)

    def get_instance_types_from_instance_requirements(self) -> ActionResult:
        self.error_on_dryrun()
        asked = self.value("InstanceRequirements", {})
        found = fitting(
            asked, self.value("ArchitectureTypes", []), self.value("VirtualizationTypes", [])
        )
        return self.paged("InstanceTypes", [{"InstanceType": one} for one in found])

    def describe_spot_price_history(self) -> ActionResult:
        filters: dict[str, Any] = self._filters_from_querystring()
        asked = self.value("InstanceTypes", []) or filters.get("instance-type") or ["t3.micro"]
        types = [one for one in INSTANCE_TYPES if prices.known(one) and fits(one, asked)]
        products = self.value("ProductDescriptions", []) or ["Linux/UNIX"]
        end: datetime = self.value("EndTime", utcnow())
        start: datetime = self.value("StartTime", end - timedelta(days=1))
        rows = [
            {
                "InstanceType": instance_type,
                "ProductDescription": product,
                "SpotPrice": f"{price:.6f}",
                "AvailabilityZone": zone.name,
                "AvailabilityZoneId": zone.zone_id,
                "Timestamp": when,
            }
            for instance_type, zone, product in itertools.product(
                types, self._asked_zones(filters), [one for one in products if one in _LINUX]
            )
            for when, price in prices.history(instance_type, zone.name, start, end)
        ]
        for name, wanted in filters.items():
            key = "".join(part.capitalize() for part in name.split("-"))
            rows = [one for one in rows if fits(one.get(key), wanted)]
        rows.sort(key=lambda row: row["Timestamp"], reverse=True)
        # For this call the last page of EC2 has a token as well, an empty one.
        return self.paged("SpotPriceHistory", rows, last_token="")

    def _asked_zones(self, filters: dict[str, Any]) -> list[Any]:
        names = filters.get("availability-zone") or [self.value("AvailabilityZone", "*")]
        return [
            zone
            for zone in self.ec2_backend.describe_availability_zones()
            if fits(zone.name, names)
        ]
