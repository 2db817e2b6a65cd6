"""Prices: Spot from EC2 itself, On-Demand from the Price List service."""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from spotkiln.aws.errors import aws_errors
from spotkiln.aws.session import USER_AGENT, Aws
from spotkiln.keep.heartbeat import Say
from spotkiln.serve.price import Prices

if TYPE_CHECKING:
    from mypy_boto3_pricing import PricingClient

LINUX = "Linux/UNIX"


def pricing_region(region: str) -> str:
    """The nearest of the three regions that have the Price List service."""
    near = {"eu": "eu-central-1", "ap": "ap-south-1"}
    return near.get(region.partition("-")[0], "us-east-1")


@lru_cache(maxsize=4)
def _pricing(aws: Aws) -> "PricingClient":
    """The client of the Price List service. It gives up soon: a price is not worth a wait."""
    config = Config(
        region_name=pricing_region(aws.region),
        retries={"mode": "standard", "total_max_attempts": 2},
        connect_timeout=2,
        read_timeout=5,
        user_agent_extra=USER_AGENT,
    )
    return aws.session.client("pricing", config=config)


def spot_prices(
    aws: Aws, types: Iterable[str], zones: Iterable[str]
) -> dict[str, dict[str, float]]:
    """USD per hour now, by type and zone. What EC2 does not tell is left out.

    Source: EC2 DescribeSpotPriceHistory. With now as its start it tells the price in force. One
    call.
    """
    found: dict[str, dict[str, float]] = {}
    with aws_errors("spot prices"):
        pages = aws.ec2.get_paginator("describe_spot_price_history").paginate(
            InstanceTypes=sorted(set(types)),  # type: ignore[arg-type]
            ProductDescriptions=[LINUX],
            StartTime=aws.now(),
            Filters=[{"Name": "availability-zone", "Values": sorted(set(zones))}],
        )
        rows = [row for page in pages for row in page["SpotPriceHistory"]]
    for row in sorted(rows, key=lambda one: one["Timestamp"]):
        found.setdefault(row["InstanceType"], {})[row["AvailabilityZone"]] = float(row["SpotPrice"])
    return found


def on_demand_prices(aws: Aws, types: Iterable[str]) -> dict[str, float]:
    """USD per hour of Linux on shared hardware, by type. Unknown types are left out.

    Source: Pricing GetProducts, one call a type, as a filter takes one value only.
    """
    found = {}
    for kind in sorted(set(types)):
        with aws_errors(f"the On-Demand price of {kind}"):
            answer = _pricing(aws).get_products(
                ServiceCode="AmazonEC2",
                Filters=[
                    {"Type": "TERM_MATCH", "Field": field, "Value": value}
                    for field, value in _wanted(kind, aws.region)
                ],
            )
        prices = list(hourly(answer["PriceList"]))
        if prices:
            found[kind] = max(prices)
    return found


def _wanted(kind: str, region: str) -> list[tuple[str, str]]:
    return [
        ("instanceType", kind),
        ("regionCode", region),
        ("operatingSystem", "Linux"),
        ("preInstalledSw", "NA"),
        ("tenancy", "Shared"),
        ("capacitystatus", "Used"),
    ]


def hourly(price_list: Sequence[str]) -> Iterator[float]:
    """The hourly On-Demand prices in USD that a price list holds; there may be none."""
    for text in price_list:
        product: dict[str, Any] = json.loads(text)
        for term in product.get("terms", {}).get("OnDemand", {}).values():
            for rate in term.get("priceDimensions", {}).values():
                price = float(rate.get("pricePerUnit", {}).get("USD") or 0)
                if rate.get("unit") == "Hrs" and price:
                    yield price


def known_prices(aws: Aws, types: Iterable[str], zones: Iterable[str], say: Say) -> Prices:
    """The prices that can be had. The others are said to be unknown: prices are for people to read,
    so an error here stops nothing."""
    kinds = sorted(set(types))
    spot: dict[str, dict[str, float]] = {}
    on_demand: dict[str, float] = {}
    try:
        spot = spot_prices(aws, kinds, zones)
    except Exception as error:  # noqa: BLE001 - a missing price is no failure
        say(f"Spot prices are unknown: {error}", logging.WARNING)
    try:
        on_demand = on_demand_prices(aws, kinds)
    except Exception as error:  # noqa: BLE001
        say(f"On-Demand prices are unknown: {error}", logging.WARNING)
    return Prices(spot=spot, on_demand=on_demand)
