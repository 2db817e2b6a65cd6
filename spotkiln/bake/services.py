"""Services: what an application's tests may have on the machine that tests, and what the base image
has for it. systemd/test-services.sh starts them."""

import re
from collections.abc import Iterable, Mapping

from spotkiln import tags as t
from spotkiln.errors import InputError

# By name: the Debian packages of which the base image must have one.
SERVICES = {"postgresql": "postgresql", "redis": "redis-server"}


# As packer/scripts/base.sh lists the packages that have them.
LISTED = {
    "postgresql": re.compile(r"^postgresql(?:-\d+)?=", re.MULTILINE),
    "redis": re.compile(r"^(?:redis|valkey)-server=", re.MULTILINE),
}


def installed(packages: str) -> tuple[str, ...]:
    """What the list of a base image's packages says of services."""
    return tuple(name for name, listed in LISTED.items() if listed.search(packages))


def to_tags(services: Iterable[str]) -> t.Tags:
    return {t.SERVICES: " ".join(services)}


def from_tags(tags: Mapping[str, str]) -> tuple[str, ...] | None:
    """None for an image that was made by hand, or before there was this tag: nobody knows."""
    return tuple(tags[t.SERVICES].split()) if t.SERVICES in tags else None


def require_services(wanted: Iterable[str], has: tuple[str, ...] | None, base: str) -> None:
    """`base` is the base image's name.

    Raises:
        InputError: it does not have one.
    """
    lacking = [one for one in wanted if has is not None and one not in has]
    if lacking:
        packages = ", ".join(SERVICES[one] for one in lacking)
        raise InputError(
            f"the base image {base} does not have {', '.join(lacking)}, which test_services names: "
            f"add {packages} to the packages of its line (`spotkiln docs bases`), make its image "
            "anew (`spotkiln base`), or take it out of test_services"
        )


def why_no_services(names: Iterable[str]) -> str:
    """Why these are no services; empty if they are."""
    given = list(names)
    if wrong := next((one for one in given if one not in SERVICES), ""):
        return (
            f"expected some of {', '.join(SERVICES)}, got {wrong!r}: what is not among these, "
            "start in test_setup"
        )
    if len(set(given)) != len(given):
        return "expected each service once, got one of them twice"
    return ""
