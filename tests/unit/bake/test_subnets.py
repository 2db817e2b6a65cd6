"""Where servers and builders run."""

import pytest

from spotkiln.bake.builder import BuildSettings, SshInterface
from spotkiln.bake.infra_names import InfraNames
from spotkiln.bake.subnets import (
    Network,
    Subnet,
    find_subnets,
    follows_servers,
    for_servers,
)
from spotkiln.errors import InputError


def subnet(name: str, zone: str, tier: str = "private") -> Subnet:
    tags = {"Name": name, "tier": tier}
    return Subnet(id=f"subnet-{name}", vpc="vpc-1", zone=zone, tags=tags)


A, B, C = subnet("app-a", "eu-1a"), subnet("app-b", "eu-1b"), subnet("app-c", "eu-1c")
FRONT = subnet("front-a", "eu-1a", "public")
THERE = [B, FRONT, A, C]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (["app-b", "app-a"], [B, A]),
        (["subnet-app-a"], [A]),
        (["tier=private"], [A, B, C]),
        (["app-c", "tier=private"], [C, A, B]),
        (["tier=public"], [FRONT]),
    ],
)
def test_by_id_by_name_or_by_tag_in_the_order_that_is_asked_for(
    asked: list[str], found: list[Subnet]
) -> None:
    assert find_subnets(asked, THERE, "vpc-1", "build.subnet") == found


@pytest.mark.parametrize(
    "asked", ["app", "tier=db", "tier", "private", "owner=app-a", "=", "10.0.0.0/24"]
)
def test_one_that_is_not_there_lists_those_that_are(asked: str) -> None:
    with pytest.raises(InputError) as caught:
        find_subnets(["app-a", asked], THERE, "vpc-1", "build.subnet")
    assert f"no subnet {asked!r} in vpc-1" in str(caught.value)
    assert "Name one in build.subnet" in str(caught.value)
    assert "app-a (subnet-app-a), app-b (subnet-app-b)" in str(caught.value)


def test_two_of_one_name_are_not_chosen_from() -> None:
    twin = Subnet(id="subnet-2", vpc="vpc-1", zone="eu-1b", tags={"Name": "app-a"})
    with pytest.raises(InputError, match="found 2: subnet-app-a, subnet-2"):
        find_subnets(["app-a"], [A, twin], "vpc-1", "build.subnet")


def test_servers_run_where_requests_come() -> None:
    zones = ["eu-1a", "eu-1b"]
    assert for_servers(["app-a", "app-b"], THERE, zones, "vpc-1", "web") == [A, B]
    with pytest.raises(InputError) as caught:
        for_servers(["tier=private"], THERE, zones, "vpc-1", "web")
    assert "load balancer web sends requests to eu-1a, eu-1b only" in str(caught.value)
    assert "app-c (subnet-app-c) in eu-1c would get none" in str(caught.value)


def test_a_network_around_a_load_balancer() -> None:
    around = Network.around({"subnet-front-a": "eu-1a", "subnet-front-b": "eu-1b"})
    front = ("subnet-front-a", "subnet-front-b")
    assert (around.servers, around.balancer, around.builders) == (front, front, front)
    moved = around.with_servers([A, Subnet(id="subnet-2", vpc="vpc-1", zone="eu-1a")])
    assert moved.servers == ("subnet-app-a", "subnet-2")
    assert (moved.balancer, moved.builders, moved.zones) == (front, front, ("eu-1a",))
    assert moved.with_builders(["subnet-x"]).builders == ("subnet-x",)


@pytest.mark.parametrize(
    ("interface", "subnets", "follows"),
    [
        (SshInterface.PUBLIC_IP, ["app-a"], False),
        (SshInterface.PUBLIC_DNS, ["app-a"], False),
        (SshInterface.PRIVATE_IP, ["app-a"], True),
        (SshInterface.SESSION_MANAGER, ["app-a"], True),
        (SshInterface.PRIVATE_IP, [], False),
    ],
)
def test_a_builder_that_needs_no_public_address_goes_with_the_servers(
    interface: SshInterface, subnets: list[str], *, follows: bool
) -> None:
    build = BuildSettings(ssh_interface=interface, instance_profile="builder")
    assert follows_servers(build, InfraNames(subnets=subnets)) is follows
