"""The target groups that the account has at the start. The caller holds the account's lock."""

from typing import Any

from sandbox.engine.account_settings import BALANCER, SERVERS, GroupSettings
from sandbox.engine.initial_stacks import make_stack
from sandbox.state.account import Account


def make_groups(account: Account, groups: tuple[GroupSettings, ...], subnets: list[str]) -> None:
    """Those of the template first: those by hand are behind the first one's security groups."""
    by_stack = [one for one in groups if not one.by_hand]
    for number, one in enumerate(by_stack):
        make_stack(account, one, subnets, first=number == 0)
        for name in (one.name, f"{one.name}-green"):
            _set(account, _arn_of(account, name), one)
        account.elbv2.describe_load_balancers([], [one.name])[0].activate()
    first, by_hand = by_stack[0], [one for one in groups if one.by_hand]
    servers = _security_group(account, f"{first.name}-servers")
    balancer = _security_group(account, f"{first.name}-balancer")
    account.ec2.create_tags([servers], {"Name": SERVERS})
    account.ec2.create_tags([balancer], {"Name": BALANCER})
    for port in sorted({one.port for one in by_hand} - {first.port}):
        source = [{"GroupId": balancer}]
        account.ec2.authorize_security_group_ingress(
            servers, "tcp", str(port), str(port), [], source_groups=source
        )
    for one in by_hand:
        _make(account, one, subnets, balancer)


def _security_group(account: Account, name: str) -> str:
    known = account.ec2.groups[account.ec2.default_vpc.id].values()
    return next(str(one.id) for one in known if one.name == name)


def _arn_of(account: Account, name: str) -> str:
    known = account.elbv2.target_groups.values()
    return next(str(one.arn) for one in known if one.name == name)


def _make(
    account: Account, settings: GroupSettings, subnets: list[str], security_group: str
) -> None:
    elbv2: Any = account.elbv2
    group = elbv2.create_target_group(
        settings.name,
        vpc_id=account.ec2.default_vpc.id,
        protocol="HTTP",
        protocol_version="HTTP1",
        port=settings.port,
        healthcheck_protocol="HTTP",
        healthcheck_enabled=None,
        target_type="instance",
        ip_address_type=None,
        tags=None,
    )
    _set(account, group.arn, settings)
    balancer = elbv2.create_load_balancer(
        name=settings.name,
        security_groups=[security_group],
        subnet_ids=subnets,
        subnet_mappings=[],
        scheme="internet-facing",
        loadbalancer_type="application",
        ip_address_type="ipv4",
        tags=[],
    )
    balancer.activate()
    elbv2.create_listener(
        load_balancer_arn=balancer.arn,
        protocol="HTTP",
        port=80,
        ssl_policy=None,
        certificate=None,
        actions=[{"Type": "forward", "TargetGroupArn": group.arn}],
        alpn_policy=[],
        tags=[],
    )


def _set(account: Account, arn: str, settings: GroupSettings) -> None:
    """Its health checks and its attributes: of what the template makes, quicker ones than there."""
    elbv2: Any = account.elbv2
    elbv2.modify_target_group(
        arn,
        health_check_port=str(settings.health_port or "traffic-port"),
        health_check_path=settings.path,
        health_check_interval=settings.interval,
        health_check_timeout=settings.timeout,
        healthy_threshold_count=str(settings.healthy),
        unhealthy_threshold_count=str(settings.unhealthy),
        http_codes=settings.matcher,
    )
    elbv2.modify_target_group_attributes(
        arn,
        {
            "deregistration_delay.timeout_seconds": str(settings.deregistration_delay),
            "slow_start.duration_seconds": str(settings.slow_start),
            "load_balancing.cross_zone.enabled": (
                "use_load_balancer_configuration" if settings.cross_zone else "false"
            ),
        },
    )
