"""Launches moto's instances in a pool, for a fleet or a group, with the checks that EC2 makes."""

from collections.abc import Mapping
from typing import Any

from moto.ec2.utils import convert_tag_spec, parse_user_data

from sandbox.compute.instances import Instances
from sandbox.compute.launching import launch
from sandbox.fleets.pools import Pool
from sandbox.state.account import Account
from sandbox.state.records import Fleet

FLEET_TAG = "aws:ec2spot:fleet-request-id"
# The AWS account of the service that launches for the customer.
REQUESTER = "226008221399"


def launch_for_fleet(
    account: Account, instances: Instances, fleet: Fleet, pool: Pool, *, spot: bool
) -> str:
    """Launch one instance for a fleet; returns its id. Raises EC2ClientError."""
    # AWS does not promise this tag on On-Demand members.
    marks = {FLEET_TAG: fleet.fleet_id} if spot else {}
    return launch_from_pool(account, instances, pool, marks, spot=spot, fleet=fleet)


def launch_from_pool(
    account: Account,
    instances: Instances,
    pool: Pool,
    marks: Mapping[str, str],
    *,
    spot: bool,
    fleet: Fleet | None = None,
) -> str:
    """Launch one instance with these tags beside its template's; returns its id. Raises
    EC2ClientError."""
    asked = dict(pool.launch)
    interface: dict[str, Any] = next(iter(asked.get("NetworkInterfaces") or []), {})
    groups = _groups(asked) + list(interface.get("Groups") or [])
    tags = convert_tag_spec(_with_types(asked.get("TagSpecifications") or []))
    instance_tags = {**tags.get("instance", {}), **marks}
    if pool.template:
        instance_tags["aws:ec2launchtemplate:id"] = pool.template[0]
        instance_tags["aws:ec2launchtemplate:version"] = pool.template[1]
    reservation = launch(
        account,
        instances,
        spot=spot,
        fleet=fleet,
        weight=pool.weight,
        profile=asked.get("IamInstanceProfile") or {},
        image_id=pool.image_id,
        count=1,
        user_data=parse_user_data(asked.get("UserData") and str(asked["UserData"])),
        security_group_names=groups,
        instance_type=pool.instance_type,
        is_instance_type_default=False,
        region_name=account.region,
        subnet_id=pool.subnet_id,
        key_name=asked.get("KeyName"),
        associate_public_ip=interface.get("AssociatePublicIpAddress"),
        ebs_optimized=bool(asked.get("EbsOptimized")),
        instance_initiated_shutdown_behavior="terminate",
        metadata_options=asked.get("MetadataOptions") or {},
        **_disks(asked.get("BlockDeviceMappings") or []),
        monitoring_state="enabled" if _enabled(asked.get("Monitoring")) else "disabled",
        tags={**tags, "instance": instance_tags},
    )
    reservation.requester_id = REQUESTER  # type: ignore[attr-defined]
    instances.begin()
    return str(reservation.instances[0].id)


def _disks(mappings: list[dict[str, Any]]) -> dict[str, Any]:
    return (
        {"block_device_mappings": [one for one in mappings if one.get("Ebs")]} if mappings else {}
    )


def _enabled(monitoring: Any) -> bool:
    return str((monitoring or {}).get("Enabled", "")).lower() == "true"


def _groups(asked: dict[str, Any]) -> list[str]:
    """Launch specifications have structures here, launch templates a list of ids."""
    groups = [
        group["GroupId"] if isinstance(group, dict) else group
        for group in asked.get("SecurityGroups") or []
    ]
    return groups + list(asked.get("SecurityGroupIds") or [])


def _with_types(specifications: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"ResourceType": "instance", **spec} for spec in specifications if spec.get("Tags")]
