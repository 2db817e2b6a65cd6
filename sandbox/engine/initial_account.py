"""The account as it is when the sandbox starts: what a release expects to find."""

from cryptography.hazmat.primitives import serialization

from sandbox.compute.images import Images
from sandbox.compute.networks import open_default_group
from sandbox.engine.account_settings import AccountSettings
from sandbox.engine.initial_groups import make_groups
from sandbox.engine.initial_roles import create_profiles, load_managed
from sandbox.engine.initial_settings import create_settings
from sandbox.machines.protocol import InitialImage
from sandbox.state.account import Account

KEY_NAME = "demo"


def create(
    account: Account,
    images: Images,
    initial: list[InitialImage],
    settings: AccountSettings,
    private_key: str | None,
) -> str:
    """Make all of it. Returns the private key of the key pair `demo` in PEM."""
    create_settings(account.region)
    key = _key_pair(account, private_key)
    for image in initial:
        images.add_initial(image)
    subnets = _subnets(account, settings.zones)
    _open_network(account, account.ec2.default_vpc.id)
    load_managed()
    if settings.target_groups:
        make_groups(account, settings.target_groups, subnets)
        create_profiles()
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
