"""Subnets and addresses that containers get."""

import ipaddress

import pytest

from sandbox.machines.docker.network import (
    Addresses,
    bridge_name,
    candidate_subnets,
    free_subnets,
)
from sandbox.machines.protocol import MachineError


def test_a_subnet_in_use_is_passed_over() -> None:
    candidates = list(candidate_subnets("a"))
    assert len(candidates) == len(set(candidates)) > 2000
    taken = [ipaddress.IPv4Network("10.0.0.0/8"), ipaddress.IPv4Network("172.24.0.0/15")]
    first = next(free_subnets(candidates, taken))
    assert first.subnet_of(ipaddress.IPv4Network("172.26.0.0/15"))


def test_two_sandboxes_start_looking_in_different_places() -> None:
    assert next(candidate_subnets("a")) != next(candidate_subnets("b"))
    assert bridge_name("a") != bridge_name("b")
    assert len(bridge_name("a" * 100)) <= 15


def test_a_freed_address_rests_until_the_others_were_used() -> None:
    addresses = Addresses(ipaddress.IPv4Network("10.0.0.0/29"))
    taken = [addresses.take() for _ in range(5)]
    assert taken == [f"10.0.0.{n}" for n in (2, 3, 4, 5, 6)]
    with pytest.raises(MachineError, match="All 5 addresses"):
        addresses.take()
    addresses.give_back("10.0.0.4")
    addresses.give_back("10.0.0.3")
    assert [addresses.take(), addresses.take()] == ["10.0.0.3", "10.0.0.4"]
