"""Launches moto's instances. Whatever part of moto does so, each gets a machine, or there is no
instance."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.models.instances import Instance, Reservation

from sandbox.compute import checks
from sandbox.compute.instances import Instances
from sandbox.state.account import Account
from sandbox.state.records import Fleet

# What moto makes for an instance: the backend's dictionaries.
_MADE = ("reservations", "enis", "volumes", "tags", "iam_instance_profile_associations")
# What an image with ImdsSupport v2.0 gives to a launch that says nothing else.
_VERSION_2 = {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}
_run_in_moto = EC2Backend.run_instances


def launch(
    account: Account,
    instances: Instances,
    *,
    spot: bool,
    fleet: Fleet | None = None,
    weight: float = 1.0,
    profile: Mapping[str, Any] | None = None,
    **request: Any,
) -> Reservation:
    """moto's instances, each with a record; their machines start with `instances.begin`. `request`
    has the parameters of moto's run_instances.

    Raises EC2ClientError for what is missing. Nothing is left of a launch that fails.
    """
    checks.check_profile(profile or {})
    _choose_subnet(account, request)
    image_id = _check(account, request)
    complete_root_disk(request.get("block_device_mappings") or (), account.ec2.amis[image_id])
    if getattr(account.ec2.amis[image_id], "imds_support", None):
        request["metadata_options"] = {**_VERSION_2, **(request.get("metadata_options") or {})}
    with _undone_if_it_fails(account):
        reservation = _run_in_moto(account.ec2, **request)
        for instance in reservation.instances:  # with the template's tags and options
            checks.check_own_tags(account, instance)
        _set_profile(account, reservation, profile or {})
        instances.adopt(reservation, spot=spot, fleet=fleet, weight=weight)
    return reservation


def _choose_subnet(account: Account, request: dict[str, Any]) -> None:
    """The default one, where none is named. Without one moto gives an address of no network."""
    interfaces = request.get("nics") or []
    if request.get("subnet_id") or any(
        {"SubnetId", "NetworkInterfaceId"} & one.keys() for one in interfaces
    ):
        return
    zone = request.get("placement")  # Packer sends it empty
    found = sorted(account.ec2.get_default_subnets().items())
    chosen = next((subnet for name, subnet in found if not zone or zone == name), None)
    if chosen is None:
        raise EC2ClientError(
            "MissingInput", f"No default subnet for availability zone: '{zone or 'any'}'."
        )
    request["subnet_id"] = chosen.id


def _default_group(account: Account, vpc_id: str) -> str:
    found = account.ec2.get_default_security_group(vpc_id)
    assert found is not None, "a VPC's default group cannot be deleted"
    return str(found.id)


def _check(account: Account, request: dict[str, Any]) -> str:
    """Returns the image's id. Where no group is named, it is the VPC's default one."""
    template = request.get("launch_template")
    data = account.ec2._get_template_from_args(template).data if template else {}
    image_id = str(request.get("image_id") or data.get("ImageId") or "")
    kind = str(request["instance_type"])
    if request.get("is_instance_type_default"):
        kind = str(data.get("InstanceType") or kind)
    checks.must_be_usable(account, image_id)
    checks.check_type(kind)
    checks.check_architecture(account, image_id, kind)
    checks.check_key(account, request.get("key_name"))
    interfaces = request.get("nics") or []
    named = [one.get("SubnetId") for one in interfaces]
    groups = [*request["security_group_names"], *(request.get("security_group_ids") or ())]
    groups += [group for one in interfaces for group in one.get("Groups") or ()]
    subnet = next(filter(None, [request.get("subnet_id"), *named]), "")
    if not groups and not any("NetworkInterfaceId" in one for one in interfaces):
        vpc = account.ec2.get_subnet(subnet).vpc_id
        groups = request["security_group_ids"] = [_default_group(account, vpc)]
    checks.check_groups(account, groups, subnet)
    checks.check_user_data(request.get("user_data"))
    checks.check_volumes(request.get("block_device_mappings") or (), account.ec2.amis[image_id])
    checks.check_address(account, request.get("private_ip"), subnet)
    return image_id


def complete_root_disk(mappings: Iterable[dict[str, Any]], ami: Any) -> None:
    """What a root disk leaves open is as the image has it."""
    size, kind = checks.disk_of(ami)
    whole = {"VolumeSize": size, "VolumeType": kind, "DeleteOnTermination": True}
    for one in mappings:
        if one.get("DeviceName") == ami.root_device_name and one.get("Ebs") is not None:
            one["Ebs"] = {**whole, **one["Ebs"]}


def _set_profile(account: Account, reservation: Reservation, profile: Mapping[str, Any]) -> None:
    if not profile.get("Name") and not profile.get("Arn"):
        return
    for instance in reservation.instances:
        account.ec2.associate_iam_instance_profile(
            instance_id=instance.id,
            iam_instance_profile_name=profile.get("Name"),
            iam_instance_profile_arn=profile.get("Arn"),
        )


@contextmanager
def _undone_if_it_fails(account: Account) -> Iterator[None]:
    """moto leaves half an instance behind, which nobody can end."""
    there: dict[str, dict[str, Any]] = {name: getattr(account.ec2, name) for name in _MADE}
    there["records"] = account.state.instances
    before = {name: set(made) for name, made in there.items()}
    try:
        yield
    except Exception:
        for name, made in there.items():
            for new in made.keys() - before[name]:
                del made[new]
        raise


def take_over(account: Account, instances: Instances) -> None:
    """From now on moto's own launches, for instance CloudFormation's, are like all others."""

    def run(
        _backend: EC2Backend,
        image_id: str,
        count: int,
        user_data: Any,
        security_group_names: list[str],
        **more: Any,
    ) -> Reservation:
        spot = more.get("lifecycle") == "spot" or more.get("instance_market_options") == "spot"
        return launch(
            account,
            instances,
            spot=spot,
            image_id=image_id,
            count=count,
            user_data=user_data,
            security_group_names=security_group_names,
            **more,
        )

    def terminate(_backend: EC2Backend, instance_ids: list[str]) -> list[Any]:
        before = [(instances.get(one), instances.get(one).state) for one in instance_ids]
        instances.terminate(instance_ids)
        return before

    def delete(instance: Instance, _account_id: str, _region: str) -> None:
        instances.terminate([instance.id])

    EC2Backend.run_instances = run  # type: ignore[method-assign, assignment]
    EC2Backend.terminate_instances = terminate  # type: ignore[method-assign, assignment]
    Instance.delete = delete  # type: ignore[method-assign, assignment]
