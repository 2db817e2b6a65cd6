"""Which instance types have the attributes that InstanceRequirements ask for.

Price protection is not applied: whoever launches takes the cheapest of these anyway.
"""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instance_types import INSTANCE_TYPES

MOST_NAMES = 400
# What is asked for a type's own yes or no: included, excluded, required; and EC2's defaults.
_CHOICES = {
    "BareMetal": ("BareMetal", "excluded"),
    "BurstablePerformance": ("BurstablePerformanceSupported", "excluded"),
    "LocalStorage": ("InstanceStorageSupported", "included"),
}
_MANUFACTURERS = {"intel": "Intel", "amd": "AMD", "amazon-web-services": "AWS", "apple": "Apple"}
_ACCELERATORS = {
    "GpuInfo": "Gpus",
    "FpgaInfo": "Fpgas",
    "InferenceAcceleratorInfo": "Accelerators",
    "NeuronInfo": "NeuronDevices",
    "MediaAcceleratorInfo": "Accelerators",
}
_KNOWN = {
    *_CHOICES,
    "AcceleratorCount",
    "AllowedInstanceTypes",
    "CpuManufacturers",
    "ExcludedInstanceTypes",
    "InstanceGenerations",
    "MaxSpotPriceAsPercentageOfOptimalOnDemandPrice",
    "MemoryGiBPerVCpu",
    "MemoryMiB",
    "OnDemandMaxPricePercentageOverLowestPrice",
    "SpotMaxPricePercentageOverLowestPrice",
    "VCpuCount",
}


def check(asked: Mapping[str, Any]) -> None:
    """Raises what EC2 answers to requirements that it refuses at once."""
    for name in ("VCpuCount", "MemoryMiB"):
        if (asked.get(name) or {}).get("Min") is None:
            raise EC2ClientError(
                "MissingParameter",
                f"The request must contain the parameter InstanceRequirements.{name}.Min",
            )
    for name, wanted in asked.items():
        if isinstance(wanted, dict) and wanted.get("Max") not in (None, 0):
            least = wanted.get("Min") or 0
            if float(wanted["Max"]) < float(least):
                raise EC2ClientError(
                    "InvalidParameterValue",
                    f"InstanceRequirements.{name}: Max must not be below Min.",
                )
    if asked.get("AllowedInstanceTypes") and asked.get("ExcludedInstanceTypes"):
        raise EC2ClientError(
            "InvalidParameterCombination",
            "AllowedInstanceTypes and ExcludedInstanceTypes cannot be used together.",
        )
    if unknown := sorted(set(asked) - _KNOWN):
        raise EC2ClientError(
            "UnsupportedOperation",
            f"the sandbox does not know InstanceRequirements.{', '.join(unknown)}",
        )


def fitting(
    asked: Mapping[str, Any], architectures: Iterable[str], virtualization: Iterable[str] = ("hvm",)
) -> list[str]:
    """Names of the types that fit and that run one of these architectures."""
    check(asked)
    wanted, ways = set(architectures), set(virtualization)
    return sorted(
        name
        for name, one in INSTANCE_TYPES.items()
        if wanted & set(one["ProcessorInfo"]["SupportedArchitectures"])
        and ways & set(one.get("SupportedVirtualizationTypes", ["hvm"]))
        and _fits(name, one, asked)
    )


def _fits(name: str, one: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    vcpus, mib = one["VCpuInfo"]["DefaultVCpus"], one["MemoryInfo"]["SizeInMiB"]
    return (
        _within(vcpus, asked.get("VCpuCount"))
        and _within(mib, asked.get("MemoryMiB"))
        and _within(mib / 1024 / vcpus, asked.get("MemoryGiBPerVCpu"))
        and _within(_accelerators(one), asked.get("AcceleratorCount"))
        and all(
            _chosen(_has(name, one, key), asked.get(choice) or default)
            for choice, (key, default) in _CHOICES.items()
        )
        and _of_generation(one, asked.get("InstanceGenerations") or [])
        and _made_by(one, asked.get("CpuManufacturers") or [])
        and not _named(name, asked.get("ExcludedInstanceTypes") or [])
        and _named(name, asked.get("AllowedInstanceTypes") or ["*"])
    )


def _within(value: float, wanted: Mapping[str, Any] | None) -> bool:
    least, most = (wanted or {}).get("Min"), (wanted or {}).get("Max")
    return (least is None or value >= float(least)) and (most is None or value <= float(most))


def _has(name: str, one: Mapping[str, Any], key: str) -> bool:
    """moto knows of the newest T types not that they are burstable."""
    t_type = key == "BurstablePerformanceSupported" and bool(re.match(r"t\d", name))
    return t_type or bool(one.get(key))


def _chosen(has: bool, choice: str) -> bool:
    return choice == "included" or has == (choice == "required")


def _accelerators(one: Mapping[str, Any]) -> int:
    return sum(
        int(each.get("Count", 0))
        for info, kind in _ACCELERATORS.items()
        for each in one.get(info, {}).get(kind, [])
    )


def _of_generation(one: Mapping[str, Any], wanted: list[str]) -> bool:
    return not wanted or ("current" if one.get("CurrentGeneration") else "previous") in wanted


def _made_by(one: Mapping[str, Any], wanted: list[str]) -> bool:
    maker = one["ProcessorInfo"].get("Manufacturer")
    return not wanted or maker in {_MANUFACTURERS.get(name) for name in wanted}


def _named(name: str, patterns: list[str]) -> bool:
    """As EC2 reads them, `c5*` is the whole family c5 with its variants."""
    return any(fnmatchcase(name, one) for one in patterns)
