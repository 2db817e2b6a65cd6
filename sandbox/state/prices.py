"""Made-up prices in US dollars per hour: stable, above zero, different by type and zone."""

import hashlib
from datetime import datetime, timedelta

from moto.ec2.models.instance_types import INSTANCE_TYPES

_DAY = timedelta(days=1)


def known(instance_type: str) -> bool:
    return instance_type in INSTANCE_TYPES


def on_demand(instance_type: str) -> float:
    details = INSTANCE_TYPES[instance_type]
    vcpus = float(details["VCpuInfo"]["DefaultVCpus"])
    gib = float(details["MemoryInfo"]["SizeInMiB"]) / 1024
    if details.get("BurstablePerformanceSupported"):
        return round(0.0114 * gib, 4)  # t3.micro in Ireland costs 0.0114
    return round(0.034 * vcpus + 0.0045 * gib, 4)


def spot(instance_type: str, zone: str, day: int = 0) -> float:
    """Between 25 % and 50 % of the On-Demand price. It changes by a few percent from day to day."""
    share = 0.25 + 0.25 * _fraction(f"{instance_type}/{zone}")
    drift = 1 + 0.04 * (_fraction(f"{instance_type}/{zone}/{day}") - 0.5)
    return round(max(on_demand(instance_type) * share * drift, 0.0001), 6)


def history(
    instance_type: str, zone: str, start: datetime, end: datetime
) -> list[tuple[datetime, float]]:
    """Price changes from `start` to `end`, newest first: one a day, at midnight. The last one
    before `start` is included, for it was in force then."""
    day = start.replace(hour=0, minute=0, second=0, microsecond=0)
    changes = []
    while day <= end:
        changes.append((day, spot(instance_type, zone, day.toordinal())))
        day += _DAY
    return changes[::-1]


def _fraction(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32
