"""What a launcher is asked for, and whether a release would change anything."""

from typing import Any

import pytest

from spotkiln.bake.configuration import Configuration, Known, Stored
from spotkiln.errors import InputError
from spotkiln.serve.order import fleet_tags, made_alike, require_a_subnet_a_zone, settings_digest
from spotkiln.serve.spec import FleetSpec, LauncherKind
from tests.unit import nouns
from tests.unit.nouns import TAGS

# Tags and settings.


def test_fleet_tags() -> None:
    spec, infra = FleetSpec(), nouns.infra()
    assert fleet_tags(TAGS, nouns.image("ami-7"), infra, spec) == {
        **TAGS,
        "spotkiln:phase": "pending",
        "spotkiln:image": "ami-7",
        "spotkiln:settings": settings_digest(spec, infra),
        "spotkiln:capacity": "2",
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"subnets": ("subnet-a",)},
        {"security_groups": ("sg-default",)},
        {"fleet_role": "arn:other"},
        {"instance_profile": ""},
        {"key_pair": ""},
    ],
)
def test_settings_differ_with_whatever_decides_the_servers(changed: dict[str, Any]) -> None:
    same = settings_digest(FleetSpec(), nouns.infra())
    assert settings_digest(FleetSpec(), nouns.infra()) == same
    assert settings_digest(FleetSpec(), nouns.infra(**changed)) != same
    assert settings_digest(FleetSpec(on_demand=1), nouns.infra()) != same
    # How many there are is no setting: that may be scaled at any time.
    assert settings_digest(FleetSpec(capacity=7, most=9), nouns.infra()) == same


def test_settings_differ_with_the_versions_of_what_is_configured() -> None:
    sources = Configuration(parameters=("/shop/",))

    def digest(version: str) -> str:
        known = Known(sources=sources, parameters=(Stored(name="A", version=version),))
        return settings_digest(FleetSpec(), nouns.infra(configuration=known))

    assert digest("1") == digest("1")
    assert digest("1") != digest("2")
    # A fleet of before there were configurations is still what would be asked for.
    assert settings_digest(FleetSpec(), nouns.infra(configuration=Known())) == settings_digest(
        FleetSpec(), nouns.infra()
    )


def test_settings_do_not_differ_with_the_base_image() -> None:
    """That is the image's matter."""
    other = {"id": "ami-b2", "name": "rails-base 2", "architecture": "x86_64"}
    assert settings_digest(FleetSpec(), nouns.infra(base_image=other)) == settings_digest(
        FleetSpec(), nouns.infra()
    )


# Whether a release would change anything.


def test_a_fleet_of_this_image_with_these_settings_is_made_alike() -> None:
    spec, infra, image = FleetSpec(), nouns.infra(), nouns.image()
    current = nouns.fleet(tags=fleet_tags(TAGS, image, infra, spec))
    assert made_alike(current, spec, image, infra)
    assert not made_alike(current, FleetSpec(on_demand=1), image, infra)
    assert not made_alike(current, spec, nouns.image("ami-other"), infra)
    assert not made_alike(current, spec, image, nouns.infra(key_pair=""))


def test_two_subnets_of_a_zone_would_be_one_pool_twice() -> None:
    fleet, group = FleetSpec(), FleetSpec(launcher=LauncherKind.GROUP)
    require_a_subnet_a_zone(fleet, nouns.infra())
    twice = nouns.infra(subnets=("subnet-a", "subnet-b", "subnet-c"))
    require_a_subnet_a_zone(group, twice)
    with pytest.raises(InputError, match="stands for 3 in 2 zones: subnet-a, subnet-b, subnet-c"):
        require_a_subnet_a_zone(fleet, twice)
