"""The account as it is when the sandbox starts: what a release expects to find."""

from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import serialization

from sandbox.compute.images import Images
from sandbox.compute.networks import open_default_group
from sandbox.engine.initial_roles import create_roles
from sandbox.engine.initial_settings import create_settings
from sandbox.machines.protocol import InitialImage
from sandbox.state.account import Account

KEY_NAME = "demo"
APP_GROUP = "Rails App"


@dataclass(frozen=True)
class GroupSettings:
    """One target group behind a load balancer of the same name. Times are in seconds, as AWS has
    them. `health_port` of 0: the traffic's."""

    name: str = "website"
    port: int = 3000
    health_port: int = 0
    path: str = "/up"
    interval: int = 5
    timeout: int = 2
    healthy: int = 2
    unhealthy: int = 2
    matcher: str = "200"
    deregistration_delay: int = 5
    slow_start: int = 0
    cross_zone: bool = True


@dataclass(frozen=True)
class AccountSettings:
    target_groups: tuple[GroupSettings, ...] = (GroupSettings(),)
    zones: tuple[str, ...] = ("a", "b", "c")
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "AccountSettings":
        """{"target_groups": ["website", {"name": "blog", "interval": 30}], "zones": ["a", "b"]}"""
        groups = tuple(
            GroupSettings(name=group) if isinstance(group, str) else GroupSettings(**group)
            for group in body.get("target_groups", ["website"])
        )
        return cls(groups, tuple(body.get("zones", ("a", "b", "c"))))


def create(
    account: Account,
    images: Images,
    initial: list[InitialImage],
    settings: AccountSettings,
    private_key: str | None,
) -> str:
    """Make all of it. Returns the private key of the key pair `demo` in PEM."""
    create_roles()
    create_settings(account.region)
    key = _key_pair(account, private_key)
    for image in initial:
        images.add_initial(image)
    subnets = _subnets(account, settings.zones)
    vpc_id = account.ec2.default_vpc.id
    _open_network(account, vpc_id)
    group = account.ec2.create_security_group("rails-app", "Application servers", vpc_id)
    account.ec2.create_tags([group.id], {"Name": APP_GROUP})
    balancer_group = account.ec2.create_security_group("load-balancer", "Load balancer", vpc_id)
    for port in sorted({one.port for one in settings.target_groups}):
        source = [{"GroupId": balancer_group.id}]
        account.ec2.authorize_security_group_ingress(
            group.id, "tcp", str(port), str(port), [], source_groups=source
        )
    for one in settings.target_groups:
        _target_group(account, one, vpc_id, subnets, balancer_group.id)
    return key


def _key_pair(account: Account, private_key: str | None) -> str:
    """A directory keeps its key: if a sandbox had one here before, the key pair is made from it."""
    if private_key is None:
        pair = account.ec2.create_key_pair(KEY_NAME, "rsa", {})
        return pair.key_material
    loaded = serialization.load_pem_private_key(private_key.encode(), password=None)
    public = loaded.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    account.ec2.import_key_pair(KEY_NAME, public, {})
    return private_key


def _subnets(account: Account, zones: tuple[str, ...]) -> list[str]:
    """The default VPC's subnets. Those in other zones are deleted."""
    wanted = {f"{account.region}{zone}" for zone in zones}
    for zone, subnet in list(account.ec2.get_default_subnets().items()):
        if zone not in wanted:
            account.ec2.delete_subnet(subnet.id)
    return [subnet.id for _, subnet in sorted(account.ec2.get_default_subnets().items())]


def _open_network(account: Account, vpc_id: str) -> None:
    """What AWS gives to a default VPC, and moto does not: the way to the internet, and a default
    group whose members reach each other."""
    gateway = account.ec2.create_internet_gateway()
    account.ec2.attach_internet_gateway(gateway.id, vpc_id)
    tables = account.ec2.route_tables.values()
    table = next(one for one in tables if one.vpc_id == vpc_id and one.main_association_id)
    account.ec2.create_route(table.id, "0.0.0.0/0", gateway_id=gateway.id)
    open_default_group(account.ec2, vpc_id)


def _target_group(
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
        healthcheck_port=str(settings.health_port or "traffic-port"),
        healthcheck_path=settings.path,
        healthcheck_interval_seconds=settings.interval,
        healthcheck_timeout_seconds=settings.timeout,
        healthcheck_enabled=None,
        healthy_threshold_count=str(settings.healthy),
        unhealthy_threshold_count=str(settings.unhealthy),
        matcher={"HttpCode": settings.matcher},
        target_type="instance",
        ip_address_type=None,
        tags=None,
    )
    elbv2.modify_target_group_attributes(
        group.arn,
        {
            "deregistration_delay.timeout_seconds": str(settings.deregistration_delay),
            "slow_start.duration_seconds": str(settings.slow_start),
            "load_balancing.cross_zone.enabled": (
                "use_load_balancer_configuration" if settings.cross_zone else "false"
            ),
        },
    )
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
