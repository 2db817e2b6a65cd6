"""Who may reach a builder's SSH port, by the way in which it is reached."""

from collections.abc import Iterable

import pytest

from spotkiln.bake.builder import Builder, SshInterface
from spotkiln.bake.way_in import alone, in_ec2s_form, sources


def never() -> str:
    raise AssertionError("nobody asks for it")


def nothing() -> Iterable[str]:
    raise AssertionError("nobody asks for it")


@pytest.mark.parametrize("way", [SshInterface.PUBLIC_IP, SshInterface.PUBLIC_DNS])
def test_by_its_public_address_this_machine_alone(way: SshInterface) -> None:
    builder = Builder(ssh_interface=way)
    assert sources(builder, lambda: "203.0.113.7", nothing) == ("203.0.113.7/32",)
    assert sources(builder, lambda: "2001:db8::7", nothing) == ("2001:db8::7/128",)
    assert sources(Builder(), lambda: "203.0.113.7", nothing) == ("203.0.113.7/32",)


@pytest.mark.parametrize("way", [SshInterface.PRIVATE_IP, SshInterface.PRIVATE_DNS])
def test_by_a_private_address_the_network_alone(way: SshInterface) -> None:
    builder = Builder(ssh_interface=way)
    ranges = ["10.0.0.0/16", "100.64.0.0/20"]
    assert sources(builder, never, lambda: ranges) == tuple(ranges)


def test_through_session_manager_nobody() -> None:
    """Whatever is asked for: the port is not used."""
    for ranges in ([], ["0.0.0.0/0"]):
        builder = Builder(
            ssh_interface=SshInterface.SESSION_MANAGER,
            instance_profile="builder",
            ssh_source_cidrs=ranges,
        )
        assert sources(builder, never, nothing) == ()


@pytest.mark.parametrize("way", [SshInterface.PUBLIC_IP, SshInterface.PRIVATE_IP])
def test_who_is_asked_for_alone(way: SshInterface) -> None:
    builder = Builder(
        ssh_interface=way, ssh_source_cidrs=["10.1.2.3/8", "10.0.0.0/8", "2001:db8::/32"]
    )
    assert sources(builder, never, nothing) == ("10.0.0.0/8", "2001:db8::/32")


@pytest.mark.parametrize("wrong", ["everybody", "10.0.0.0/33", ""])
def test_what_is_no_range_is_refused_in_the_settings(wrong: str) -> None:
    with pytest.raises(ValueError, match="ssh_source_cidrs"):
        Builder(ssh_source_cidrs=[wrong])


def test_what_is_no_address_is_refused() -> None:
    assert alone(" 203.0.113.7\n") == "203.0.113.7/32"
    for wrong in ("<html>", "203.0.113.7/24", ""):
        with pytest.raises(ValueError, match="address"):
            alone(wrong)
    with pytest.raises(ValueError, match="network"):
        in_ec2s_form(["203.0.113.700/32"])
