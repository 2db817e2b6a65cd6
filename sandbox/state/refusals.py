"""Launches that EC2 refuses for another reason than capacity: quotas, rights, keys, subnets.

A refusal is named as places.py says. EC2 tells it in one of two ways: as an error of the fleet,
or inside launchSpecTemporarilyBlacklisted. Any error code is possible. For some there are EC2's
own words here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sandbox.state import places

Envelope = Literal["error", "blacklisted"]
QUOTA = "MaxSpotInstanceCountExceeded"

_WORDS = {
    QUOTA: "Max spot instance count exceeded",
    "VcpuLimitExceeded": "You have requested more vCPU capacity than your current vCPU limit of 32 "
    "allows for the instance bucket that the specified instance type belongs to.",
    "InsufficientFreeAddressesInSubnet": "There are not enough free addresses in subnet "
    "'{subnet}' to satisfy the requested number of instances.",
    "UnauthorizedOperation": "You are not authorized to perform this operation.",
    "InvalidKMSKey.InvalidState": "The KMS key provided is in an incorrect state",
    "InvalidParameterValue": "Value (website) for parameter iamInstanceProfile.name is invalid. "
    "Invalid IAM Instance Profile name",
    "Unsupported": "Your requested instance type ({type}) is not supported in your requested "
    "Availability Zone ({zone}).",
}


@dataclass(frozen=True)
class Refusal:
    """`words`: EC2's, where they are not those that the code has here."""

    code: str
    envelope: Envelope
    words: str = ""

    @property
    def sub_type(self) -> str:
        """The event sub-type of the fleet's error, if it is told as an error."""
        if self.code == QUOTA:
            return "spotInstanceCountLimitExceeded"
        return "spotFleetRequestConfigurationInvalid"

    def text(self, *, instance_type: str, zone: str, subnet: str) -> str:
        words = self.words or _WORDS.get(self.code, "The launch was refused.").format(
            type=instance_type, zone=zone, subnet=subnet
        )
        return f"{words} (Service: AmazonEC2; Status Code: 400; Error Code: {self.code})"


def refusal(code: str, envelope: str) -> Refusal:
    """Raises ValueError for an empty code or an unknown envelope."""
    if not code:
        raise ValueError("code: expected an error code of EC2's, such as VcpuLimitExceeded")
    if envelope not in ("error", "blacklisted"):
        raise ValueError(f'envelope: expected "error" or "blacklisted", got {envelope!r}')
    return Refusal(code, envelope)  # type: ignore[arg-type]


def of(refused: Mapping[str, Refusal], pool: str, *, spot: bool) -> Refusal | None:
    """What EC2 says of a launch in this pool ("type/zone"). None if it refuses nothing."""
    return next((one for key, one in refused.items() if places.covers(key, pool, spot=spot)), None)
