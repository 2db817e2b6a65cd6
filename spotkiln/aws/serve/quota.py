"""The account's quotas of vCPUs, and how many are in use."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from spotkiln.aws.errors import aws_errors, is_not_found
from spotkiln.aws.session import USER_AGENT, Aws
from spotkiln.serve.quota import CODES, Market, Room, is_standard


@lru_cache(maxsize=4)
def _quotas(aws: Aws) -> Any:
    """Worth no long wait: a release goes on without."""
    config = Config(
        region_name=aws.region,
        retries={"mode": "standard", "total_max_attempts": 2},
        connect_timeout=2,
        read_timeout=5,
        user_agent_extra=USER_AGENT,
    )
    return aws.session.client("service-quotas", config=config)


def limit(aws: Aws, market: Market) -> int:
    """vCPUs. Source: Service Quotas; one that was never changed has only AWS's default."""
    client, code = _quotas(aws), CODES[market]
    with aws_errors(f"quota {code}"):
        try:
            found = client.get_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]
        except ClientError as error:
            if not is_not_found(error) and "NoSuchResource" not in str(error):
                raise
            found = client.get_aws_default_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]
    return int(found.get("Value", 0))


def used(aws: Aws) -> dict[Market, int]:
    """vCPUs of the standard families that run or start. Source: EC2 DescribeInstances."""
    counts: dict[tuple[Market, str], int] = {}
    with aws_errors("running instances"):
        pages = aws.ec2.get_paginator("describe_instances").paginate(
            Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}]
        )
        for page in pages:
            for reservation in page["Reservations"]:
                for one in reservation["Instances"]:
                    spot = one.get("InstanceLifecycle") == "spot"
                    key = Market.SPOT if spot else Market.ON_DEMAND, str(one.get("InstanceType"))
                    counts[key] = counts.get(key, 0) + 1
    standard = {key: count for key, count in counts.items() if is_standard(key[1])}
    each = vcpus(aws, {kind for _, kind in standard})
    return {
        market: sum(count * each[kind] for (one, kind), count in standard.items() if one is market)
        for market in Market
    }


def vcpus(aws: Aws, types: Iterable[str]) -> dict[str, int]:
    """By instance type. Source: EC2 DescribeInstanceTypes, 100 a call."""
    wanted = sorted(set(types))
    found: dict[str, int] = {}
    for start in range(0, len(wanted), 100):
        with aws_errors("vCPUs of instance types"):
            answer = aws.ec2.describe_instance_types(InstanceTypes=wanted[start : start + 100])  # type: ignore[arg-type]
        for one in answer["InstanceTypes"]:
            found[str(one.get("InstanceType"))] = one.get("VCpuInfo", {}).get("DefaultVCpus", 0)
    return found


def rooms(aws: Aws, markets: Iterable[Market]) -> dict[Market, Room]:
    """Of these markets: what the account may have, and what runs."""
    limits = {market: limit(aws, market) for market in markets}
    running = used(aws)
    return {market: Room(limit=most, used=running[market]) for market, most in limits.items()}
