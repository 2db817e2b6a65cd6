"""What a stack's parameters give the worker that it has not unasked."""

import pytest

from spotkiln.account.parameters import PARAMETERS
from spotkiln.account.plan import Requested
from spotkiln.account.roles import ON_REQUEST

DEFAULTS = {name: str(one.get("Default", "")) for name, one in PARAMETERS.items()}


@pytest.mark.parametrize(
    ("said", "parts", "keys"),
    [
        ({}, (), ()),
        ({"Adopt": "yes"}, ("adoption",), ()),
        ({"DiskKeys": "a"}, ("own keys of disks",), ("a",)),
        ({"Adopt": "yes", "DiskKeys": "a,b"}, ("adoption", "own keys of disks"), ("a", "b")),
    ],
)
def test_parts_that_are_asked_for(
    said: dict[str, str], parts: tuple[str, ...], keys: tuple[str, ...]
) -> None:
    expected = Requested(parts=parts, disk_keys=keys)
    assert Requested.of({**DEFAULTS, **said}) == Requested.of(said) == expected


def test_each_part_that_a_parameter_gives_is_known() -> None:
    assert set(Requested.of({"Adopt": "yes", "DiskKeys": "a"}).parts) == set(ON_REQUEST)
