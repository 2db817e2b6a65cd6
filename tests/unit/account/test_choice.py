"""Which network a stack is made in."""

import pytest

from spotkiln.account.choice import Place, Vpc, said, settled
from spotkiln.errors import InputError

OWN = Vpc(
    id="vpc-1",
    ranges="172.31.0.0/16",
    default=True,
    places=(
        Place(id="subnet-a", zone="eu-west-1a", public=True, default=True),
        Place(id="subnet-b", zone="eu-west-1b", public=True, default=True),
        Place(id="subnet-c", zone="eu-west-1b"),
    ),
)
OTHER = Vpc(id="vpc-2", ranges="10.0.0.0/16")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"Vpc": "vpc-2", "Subnets": "subnet-x,subnet-y"}, True),
        ({"Vpc": "vpc-2"}, False),
        ({"Subnets": "subnet-x"}, False),
        ({"Vpc": "default", "Subnets": "subnet-a,subnet-b"}, False),
    ],
)
def test_what_is_left_to_be_found_out(wanted: dict[str, str], expected: bool) -> None:
    assert said(wanted) is expected


def test_the_default_network_brings_one_subnet_of_each_zone() -> None:
    found = settled({"Vpc": "default", "Name": "dice"}, [OTHER, OWN], "eu-west-1")
    assert found == {"Vpc": "vpc-1", "Subnets": "subnet-a,subnet-b", "Name": "dice"}
    some = {"Vpc": "default", "Subnets": "subnet-b,subnet-c"}
    assert settled(some, [OWN], "eu-west-1") == {**some, "Vpc": "vpc-1"}


def test_whoever_says_no_network_is_told_which_there_are() -> None:
    with pytest.raises(InputError) as refused:
        settled({}, [OWN, OTHER], "eu-west-1")
    assert str(refused.value) == (
        "expected --set Vpc=ID --set Subnets=ID,ID, the load balancer's subnets in two zones at "
        "least, or --set Vpc=default; eu-west-1 has\n"
        "  vpc-1 (default, 172.31.0.0/16): subnet-a (eu-west-1a, public), subnet-b (eu-west-1b, "
        "public), subnet-c (eu-west-1b)\n"
        "  vpc-2 (10.0.0.0/16): no subnets"
    )


def test_not_every_account_has_a_default_network() -> None:
    with pytest.raises(InputError, match="there is no default VPC; eu-west-1 has\n  vpc-2 "):
        settled({"Vpc": "default"}, [OTHER], "eu-west-1")
    with pytest.raises(InputError, match="two zones at least; eu-west-1 has no VPC"):
        settled({}, [], "eu-west-1")
