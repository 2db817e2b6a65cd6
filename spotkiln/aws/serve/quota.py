"""The account's quotas of vCPUs, and how many are in use."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from spotkiln.aws.bake.instance_types import kinds
from spotkiln.aws.errors import aws_errors, is_not_found
from spotkiln.aws.serve.instance import AT_ONCE
from spotkiln.aws.serve.serving import to_adopt
from spotkiln.aws.session import USER_AGENT, Aws
from spotkiln.bake.infra import Infra
from spotkiln.errors import SpotkilnError
from spotkiln.serve.capacity import size
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.quota import (
    CODES,
    Market,
    Room,
    Shortfall,
    is_standard,
    parts,
    require_room,
    shortfalls,
)
from spotkiln.serve.spec import FleetSpec


@lru_cache(maxsize=4)
def _quotas(aws: Aws) -> Any:
    """The client of Service Quotas. It gives up soon: a release goes on without an answer."""
    config = Config(
        region_name=aws.region,
        retries={"mode": "standard", "total_max_attempts": 2},
        connect_timeout=2,
        read_timeout=5,
        user_agent_extra=USER_AGENT,
    )
    return aws.session.client("service-quotas", config=config)


def limit(aws: Aws, market: Market) -> int:
    """The account's quota, in vCPUs. Source: Service Quotas. It may know only AWS's default for a
    quota that nobody has changed."""
    client, code = _quotas(aws), CODES[market]
    with aws_errors(f"quota {code}"):
        try:
            found = client.get_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]
        except ClientError as error:
            if not is_not_found(error) and "NoSuchResource" not in str(error):
                raise
            found = client.get_aws_default_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]
    return int(found.get("Value", 0))


def running(aws: Aws) -> Counter[tuple[Market, str]]:
    """How many instances of the standard families run or start, by market and type. Source: EC2
    DescribeInstances."""
    counts: Counter[tuple[Market, str]] = Counter()
    with aws_errors("running instances"):
        pages = aws.ec2.get_paginator("describe_instances").paginate(
            Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}],
            PaginationConfig={"PageSize": AT_ONCE},
        )
        for page in pages:
            for reservation in page["Reservations"]:
                for one in reservation["Instances"]:
                    spot = one.get("InstanceLifecycle") == "spot"
                    kind = str(one.get("InstanceType"))
                    if is_standard(kind):
                        counts[Market.SPOT if spot else Market.ON_DEMAND, kind] += 1
    return counts


def vcpus(aws: Aws, types: Iterable[str]) -> dict[str, int]:
    """vCPUs of one instance, by type."""
    return {name: kind.vcpus for name, kind in kinds(aws, sorted(set(types))).items()}


def rooms(
    aws: Aws, markets: Iterable[Market], types: Iterable[str]
) -> tuple[dict[Market, Room], dict[str, int]]:
    """For each of these markets what the account may have, and what runs; and the vCPUs of an
    instance, by type."""
    limits = {market: limit(aws, market) for market in markets}
    counts = running(aws)
    each = vcpus(aws, {*types, *(kind for _, kind in counts)})
    used = dict.fromkeys(Market, 0)
    for (market, kind), count in counts.items():
        used[market] += count * each[kind]
    return {market: Room(limit=most, used=used[market]) for market, most in limits.items()}, each


def lacking(aws: Aws, spec: FleetSpec) -> tuple[list[Shortfall], str]:
    """The markets in which there may be no room for such a fleet; or the reason why they could not
    be looked up."""
    try:
        found, each = rooms(aws, parts(spec), spec.instance_types)
        return shortfalls(spec, each, found), ""
    except SpotkilnError as error:
        return [], f"the quotas were not checked: {error}"


def doubts(aws: Aws, spec: FleetSpec, *, refuse: bool) -> list[str]:
    """What to warn of for such a fleet; raises as `require_room`."""
    return require_room(spec, *lacking(aws, spec), refuse=refuse)


def check(
    aws: Aws, infra: Infra, spec: FleetSpec, current: Sequence[Fleet], *, refuse: bool
) -> list[str]:
    """The same, for a fleet beside those that serve, the newest first."""
    wanted = size(spec, [*current[:1], *to_adopt(aws, infra)], aws.now()).spec
    return doubts(aws, wanted.of_types(infra.types), refuse=refuse)
