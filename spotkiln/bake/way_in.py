"""Who may reach the SSH port of a machine that Packer launches: as few as the way to it allows."""

from collections.abc import Callable, Iterable
from ipaddress import ip_address, ip_network

from spotkiln.bake.builder import Builder, SshInterface


def alone(address: str) -> str:
    """The range that holds this address and no other.

    Raises:
        ValueError: it is no IP address.
    """
    found = ip_address(address.strip())
    return f"{found}/{found.max_prefixlen}"


def in_ec2s_form(ranges: Iterable[str]) -> tuple[str, ...]:
    """Each once, without bits beyond its prefix, as EC2 keeps them.

    Raises:
        ValueError: one is no range of IP addresses.
    """
    return tuple(dict.fromkeys(str(ip_network(one, strict=False)) for one in ranges))


def sources(
    builder: Builder, own: Callable[[], str], network: Callable[[], Iterable[str]]
) -> tuple[str, ...]:
    """The ranges that may: those that are asked for, else this machine's own public address, or the
    VPC's `network` where SSH goes to a private one. Nobody where Session Manager opens the way, for
    then no request comes to the port from outside."""
    if builder.ssh_interface is SshInterface.SESSION_MANAGER:
        return ()
    if builder.ssh_source_cidrs:
        return in_ec2s_form(builder.ssh_source_cidrs)
    if builder.ssh_interface.is_public:
        return (alone(own()),)
    return in_ec2s_form(network())
