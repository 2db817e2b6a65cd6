"""A launch template of the user's own, as the base of ours.

Ours is made anew for each release, from that version's data: image, metadata and our tags are ours,
types, networks, role and key the deployment's, and the rest is taken over.
"""

from collections.abc import Mapping
from typing import Any

from spotkiln import tags as t
from spotkiln.bake.user_data import combined
from spotkiln.errors import InputError
from spotkiln.noun import Noun

# A name alone is its default version.
PATTERN = r"^([A-Za-z0-9().\-/_]{3,128}(:([1-9]\d*|\$Latest|\$Default))?)?$"
# What servers get of it as it is.
TAKEN = (
    "BlockDeviceMappings",
    "CapacityReservationSpecification",
    "CpuOptions",
    "CreditSpecification",
    "DisableApiStop",
    "EbsOptimized",
    "EnclaveOptions",
    "LicenseSpecifications",
    "MaintenanceOptions",
    "Monitoring",
    "NetworkPerformanceOptions",
    "Placement",
    "PrivateDnsNameOptions",
)
# And what is put together with ours.
MERGED = ("MetadataOptions", "TagSpecifications", "UserData")
PLACES = ("AvailabilityZone", "AvailabilityZoneId", "HostId", "HostResourceGroupArn")
TAGGED = ("instance", "volume", "network-interface")


class OwnTemplate(Noun):
    """A version of it. `data` are as EC2 tells them."""

    id: str
    name: str
    version: int
    data: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.name} (version {self.version})"

    @property
    def identity(self) -> str:
        """A version's data never change."""
        return f"{self.id}:{self.version}"

    @property
    def mappings(self) -> list[dict[str, Any]]:
        return list(self.data.get("BlockDeviceMappings") or [])

    @property
    def in_words(self) -> str:
        """What of it counts."""
        there = [name for name, value in sorted(self.data.items()) if value]
        taken = [name for name in there if name in (*TAKEN, *MERGED)]
        left = [name for name in there if name not in (*TAKEN, *MERGED)]
        text = f"launch template {self}: servers get its {', '.join(taken) or 'nothing'}"
        return f"{text}; {', '.join(left)} not, for the deployment says" if left else text


def problems(template: OwnTemplate, user_data: str) -> list[str]:
    """Why servers could not be launched by it, in words that go on from its name; `user_data` are
    ours."""
    data = template.data
    placement, metadata = data.get("Placement") or {}, data.get("MetadataOptions") or {}
    elsewhere = any(placement.get(one) for one in PLACES) or placement.get("Tenancy") == "host"
    found = {
        "names network interfaces: subnets and security groups of servers are infra.subnets and "
        "infra.security_groups": bool(data.get("NetworkInterfaces")),
        "asks for Spot itself: that is the fleet's": bool(data.get("InstanceMarketOptions")),
        "protects servers from termination, so no release could end them": bool(
            data.get("DisableApiTermination")
        ),
        "leaves a server that shuts down behind, stopped: let its shutdown behaviour be "
        "terminate": data.get("InstanceInitiatedShutdownBehavior") == "stop",
        "places servers in one zone or on one host: infra.subnets says where they run": elsewhere,
        "turns instance metadata off, by which a server learns what it is for": (
            metadata.get("HttpEndpoint") == "disabled"
        ),
    }
    said = [words for words, is_so in found.items() if is_so]
    keys = {key for tags in tags_of(data).values() for key in tags}
    if reserved := sorted(one for one in keys if one.startswith(t.PREFIX)):
        said.append(f"has tags that are Spotkiln's own: {', '.join(reserved)}")
    shown = tags_of(data).get("instance", {})
    if hidden := sorted(one for one in shown if not t.shown(one)):
        said.append(
            f"has tags of instances that instance metadata cannot show: {', '.join(hidden)} "
            f"({t.SHOWN_IN_WORDS})"
        )
    try:
        combined(user_data, str(data.get("UserData") or ""))
    except ValueError as error:
        said.append(f"cannot be added to: its user data {error}")
    return said


def require_usable(template: OwnTemplate, user_data: str) -> None:
    """Raises:
    InputError: servers could not be launched by it, with each reason.
    """
    if found := problems(template, user_data):
        raise InputError(
            f"launch template {template} {'; it '.join(found)}. Change it, or name another version "
            "in infra.launch_template"
        )


def tags_of(data: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """By the kind of what gets them."""
    every = data.get("TagSpecifications") or []
    return {one.get("ResourceType", ""): t.from_aws(one.get("Tags")) for one in every}


def based_on(template: OwnTemplate | None, ours: Mapping[str, Any]) -> dict[str, Any]:
    """What a release launches by: `ours`, on the base of that template."""
    if template is None:
        return dict(ours)
    data = template.data
    taken = {name: data[name] for name in TAKEN if data.get(name)}
    metadata = {
        name: value
        for name, value in (data.get("MetadataOptions") or {}).items()
        if name in {"HttpPutResponseHopLimit", "HttpProtocolIpv6"} and value
    }
    theirs, mine = tags_of(data), tags_of(ours)
    tags = {kind: {**theirs.get(kind, {}), **mine.get(kind, {})} for kind in TAGGED}
    return {
        **taken,
        **ours,
        "UserData": combined(ours["UserData"], str(data.get("UserData") or "")),
        "MetadataOptions": {**ours["MetadataOptions"], **metadata},
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": t.to_aws(each)} for kind, each in tags.items() if each
        ],
    }
