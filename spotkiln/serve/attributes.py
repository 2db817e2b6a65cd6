"""Attributes: what servers must have, where a deployment names no types.

EC2 takes every type that fits, also those that it offers later. So these belong to a request, and
the types that fit now are looked up only to refuse what fits none, and to tell prices and quotas.
"""

from collections.abc import Sequence
from typing import Any, Self

from pydantic import Field, model_validator

from spotkiln.noun import ShownNoun

MIB = 1024
# Of types that fit, so many are told by name.
NAMED = 8


class Attributes(ShownNoun):
    """What a server must have. None of them: the types are named instead."""

    vcpus: int = Field(default=0, ge=0, le=448, title="vCPUs", description="At least so many.")
    most_vcpus: int = Field(
        default=0, ge=0, le=448, title="vCPUs at most", description="0: no limit but its price."
    )
    memory_gib: float = Field(
        default=0, ge=0, le=24576, title="Memory (GiB)", description="At least so much."
    )
    most_memory_gib: float = Field(
        default=0,
        ge=0,
        le=24576,
        title="Memory at most (GiB)",
        description="0: no limit but its price.",
    )
    burstable: bool = Field(
        default=False,
        title="Burstable types too",
        description="T types: the only ones with less than 4 GiB, or nearly so.",
    )
    without: list[str] = Field(
        default=[],
        max_length=400,
        title="Without these types",
        description="Types that are not wanted, such as c5.large, c5*, or *.metal.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.used:
            return self
        if not self.vcpus or not self.memory_gib:
            raise ValueError("expected both vcpus and memory_gib: at least so much of each")
        for what, least, most in (
            ("vcpus", self.vcpus, self.most_vcpus),
            ("memory_gib", self.memory_gib, self.most_memory_gib),
        ):
            if most and most < least:
                raise ValueError(f"most_{what} is {most:g}, less than {what}, which is {least:g}")
        return self

    @property
    def used(self) -> bool:
        return any(dict(self).values())

    def to_aws(self) -> dict[str, Any]:
        """InstanceRequirements, which EC2, Spot Fleet and Auto Scaling know in the same shape. Its
        own defaults leave bare metal and T types out; previous generations and accelerators, which
        it would take, are left out here."""
        found: dict[str, Any] = {
            "VCpuCount": _range(self.vcpus, self.most_vcpus),
            "MemoryMiB": _range(round(self.memory_gib * MIB), round(self.most_memory_gib * MIB)),
            "InstanceGenerations": ["current"],
            "AcceleratorCount": {"Max": 0},
        }
        if self.burstable:
            found["BurstablePerformance"] = "included"
        if self.without:
            found["ExcludedInstanceTypes"] = list(self.without)
        return found

    def __str__(self) -> str:
        memory = _words(self.memory_gib, self.most_memory_gib)
        return f"{_words(self.vcpus, self.most_vcpus)} vCPUs, {memory} GiB"


def types_in_words(types: Sequence[str]) -> str:
    """How many, and the first ones by name."""
    named = ", ".join(types[:NAMED])
    more = f" and {len(types) - NAMED} more" if len(types) > NAMED else ""
    return f"{len(types)} type{'s' if len(types) > 1 else ''} now: {named}{more}"


def _range(least: int, most: int) -> dict[str, int]:
    return {"Min": least, **({"Max": most} if most else {})}


def _words(least: float, most: float) -> str:
    if not most:
        return f"{least:g} or more"
    return f"{least:g}" if least == most else f"{least:g} to {most:g}"
