"""Ids that are none: EC2 says so before it looks for what they name."""

import re
from typing import Any

from werkzeug.wrappers import Response

from sandbox.api import errors
from sandbox.faults.calls import Call

# By the parameter, one or several: what its ids begin with, and the code of a refusal.
_KINDS = {
    "GroupId": ("sg", "InvalidGroupId.Malformed"),
    "ImageId": ("ami", "InvalidAMIID.Malformed"),
    "InstanceId": ("i", "InvalidInstanceID.Malformed"),
    "LaunchTemplateId": ("lt", "InvalidLaunchTemplateId.Malformed"),
    "NetworkInterfaceId": ("eni", "InvalidNetworkInterfaceId.Malformed"),
    "RouteTableId": ("rtb", "InvalidRouteTableId.Malformed"),
    "SecurityGroupId": ("sg", "InvalidGroupId.Malformed"),
    "SnapshotId": ("snap", "InvalidSnapshotID.Malformed"),
    "SubnetId": ("subnet", "InvalidSubnetID.Malformed"),
    "VolumeId": ("vol", "InvalidVolumeID.Malformed"),
    "VpcId": ("vpc", "InvalidVpcID.Malformed"),
}
_REST = re.compile(r"[0-9a-f]{8}([0-9a-f]{9})?")
# An image that a parameter of Systems Manager's names.
_RESOLVED = "resolve:ssm:"


def refusal(call: Call) -> Response | None:
    if call.service != "ec2":
        return None
    for name, value in call.parameters.items():
        kind = _KINDS.get(name) or _KINDS.get(name.removesuffix("s"))
        for one in _texts(value) if kind else ():
            if kind and not _is_id(one, kind[0]):
                return errors.error("ec2", kind[1], _text(one, kind[0]), 400)
    return None


def _texts(value: Any) -> list[str]:
    """A single one that is empty is none: Packer 1.6.6 sends `VpcId=` where it has none."""
    found = value if isinstance(value, list) else [value] if value else []
    return [one for one in found if isinstance(one, str)]


def _is_id(text: str, prefix: str) -> bool:
    begin, _, rest = text.partition("-")
    return text.startswith(_RESOLVED) or (begin == prefix and bool(_REST.fullmatch(rest)))


def _text(found: str, prefix: str) -> str:
    """For an instance EC2 tells what it expects only where nothing is given."""
    told = f'Invalid id: "{found}"'
    return told if prefix == "i" and found else f'{told} (expecting "{prefix}-...")'
