"""Finds out who may reach the SSH port of a machine that Packer launches."""

import os
from http.client import HTTPException
from urllib.request import ProxyHandler, build_opener

from spotkiln.aws.errors import aws_errors
from spotkiln.aws.session import Aws
from spotkiln.bake.builder import Builder
from spotkiln.bake.way_in import alone, sources
from spotkiln.errors import InputError

VARIABLE = "SPOTKILN_OWN_ADDRESS"
# AWS's own; it answers with the address that it was asked from.
WHO_ASKS = "https://checkip.amazonaws.com/"
SECONDS = 10.0
MOST_BYTES = 100


def way_in(aws: Aws, builder: Builder, vpc: str) -> tuple[str, ...]:
    """The ranges that may; none for Session Manager.

    Raises:
        InputError: this machine's own address is needed, and not to be had.
    """
    return sources(builder, own_address, lambda: _ranges_of(aws, vpc))


def own_address() -> str:
    """This machine's public address, as the variable says, else as AWS sees it.

    Raises:
        InputError: there is none; says what to set.
    """
    given = os.environ.get(VARIABLE, "")
    try:
        return alone(given or _seen_by_aws()).partition("/")[0]
    except ValueError as error:
        what = f"the variable {VARIABLE}" if given else WHO_ASKS
        why = f"expected an IP address from {what}, got {error}"
    except (OSError, HTTPException) as error:
        why = f"{WHO_ASKS} does not say which it is ({error})"
    raise InputError(
        "the builder's SSH port is opened to this machine's own public address alone, and "
        f"{why}: set {VARIABLE} to it, or ssh_source_cidrs (build.ssh_source_cidrs of a release) "
        "to the ranges that SSH comes from, or ssh_interface to private_ip or session_manager"
    )


def _seen_by_aws() -> str:
    """A proxy's address would not do: SSH goes past it."""
    with build_opener(ProxyHandler({})).open(WHO_ASKS, timeout=SECONDS) as answer:
        return str(answer.read(MOST_BYTES).decode(errors="replace")).strip()


def _ranges_of(aws: Aws, vpc: str) -> list[str]:
    """Source: EC2 DescribeVpcs."""
    with aws_errors(f"VPC {vpc}"):
        found = aws.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]
    associated = [one.get("CidrBlock", "") for one in found.get("CidrBlockAssociationSet", [])]
    associated += [
        one.get("Ipv6CidrBlock", "") for one in found.get("Ipv6CidrBlockAssociationSet", [])
    ]
    return [one for one in associated if one] or [found.get("CidrBlock", "")]
