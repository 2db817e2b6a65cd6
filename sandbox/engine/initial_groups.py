"""The target groups that the account has at the start. The caller holds the account's lock."""

from typing import Any

from sandbox.engine.account_settings import GroupSettings
from sandbox.engine.initial_settings import APP
from sandbox.engine.initial_stacks import make_stack
from sandbox.state.account import Account

# The product looks for a security group of this name, if nobody says another.
APP_GROUP = "Rails App"
# Of load balancers that are made by hand, here and later.
BALANCER_GROUP = "Load balancer"


def make_groups(account: Account, groups: tuple[GroupSettings, ...], subnets: list[str]) -> None:
    """Those of the template first: those by hand let their load balancers in to its servers."""
    vpc_id = account.ec2.default_vpc.id
    by_stack = [one for one in groups if not one.by_hand]
    for number, one in enumerate(by_stack):
        said = {
            "Name": one.name,
            "Port": str(one.port),
            "HealthPath": one.path,
            "HealthPort": str(one.health_port or "traffic-port"),
            "Vpc": vpc_id,
            "Subnets": ",".join(subnets),
            "ParameterPath": f"/{APP}/production",
            "SecretPath": f"{APP}/production",
        }
        make_stack(account, {**said, **one.stack}, first=number == 0)
        for name in (one.name, f"{one.name}-green"):
            _set(account, _arn_of(account, name), one)
        account.elbv2.describe_load_balancers([], [one.name])[0].activate()
    if not by_stack:
        return
    servers, balancer = (
        _security_group(account, vpc_id, f"{by_stack[0].name}-{whose}")
        for whose in ("servers", "balancer")
    )
    account.ec2.create_tags([servers], {"Name": APP_GROUP})
    account.ec2.create_tags([balancer], {"Name": BALANCER_GROUP})
    by_hand = [one for one in groups if one.by_hand]
    for port in sorted({one.port for one in by_hand} - {by_stack[0].port}):
        source = [{"GroupId": balancer}]
        account.ec2.authorize_security_group_ingress(
            servers, "tcp", str(port), str(port), [], source_groups=source
        )
    for one in by_hand:
        _make(account, one, vpc_id, subnets, balancer)


def _security_group(account: Account, vpc_id: str, name: str) -> str:
    known = account.ec2.groups[vpc_id].values()
    return next(str(one.id) for one in known if one.name == name)


def _arn_of(account: Account, name: str) -> str:
    known = account.elbv2.target_groups.values()
    return next(str(one.arn) for one in known if one.name == name)


def _make(
    account: Account, settings: GroupSettings, vpc_id: str, subnets: list[str], security_group: str
) -> None:
    elbv2: Any = account.elbv2
    group = elbv2.create_target_group(
        settings.name,
        vpc_id=vpc_id,
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
