"""Services of an application's tests: what is known of them before anything is spent."""

import re

import pytest

from spotkiln.bake.services import (
    SERVICES,
    from_tags,
    installed,
    require_services,
    to_tags,
    why_no_services,
)
from spotkiln.errors import InputError
from tests.unit.nouns import ROOT

SCRIPT = (ROOT / "systemd" / "test-services.sh").read_text()


def test_the_script_knows_the_same() -> None:
    found = re.search(r"^readonly NAMES='(.*)'$", SCRIPT, re.MULTILINE)
    assert found
    assert found[1].split() == list(SERVICES)
    for name in SERVICES:
        assert f"start_{name}() {{" in SCRIPT


@pytest.mark.parametrize(
    ("packages", "services"),
    [
        ("", ()),
        ("postgresql-client=15+248 all\npostgresql-common=248 all\nredis-tools=5:7 amd64\n", ()),
        ("libpq5=15 amd64\npostgresql=15+248 all\npostgresql-15=15.1 amd64\n", ("postgresql",)),
        ("postgresql-17=17.2 amd64\nredis-server=5:8.0 amd64\n", ("postgresql", "redis")),
        ("valkey-server=8.1 amd64\n", ("redis",)),
    ],
)
def test_what_a_base_images_packages_say(packages: str, services: tuple[str, ...]) -> None:
    assert installed(packages) == services
    assert from_tags(to_tags(services)) == services


def test_one_that_is_not_there_is_told_with_what_to_add() -> None:
    with pytest.raises(InputError) as refused:
        require_services(["postgresql", "redis"], ("postgresql",), "rails-base 1 (ami-1)")
    said = str(refused.value)
    assert said.startswith(
        "the base image rails-base 1 (ami-1) does not have redis, which test_services names: add "
        "redis-server to the packages of its line"
    )


def test_what_nobody_knows_the_bake_will_tell() -> None:
    assert from_tags({}) is None
    require_services(["redis"], None, "by hand")
    require_services(["redis"], ("postgresql", "redis"), "rails-base")
    require_services([], (), "rails-base")


def test_what_is_no_service() -> None:
    assert why_no_services(["postgresql", "redis"]) == ""
    assert "got 'mysql'" in why_no_services(["mysql"])
