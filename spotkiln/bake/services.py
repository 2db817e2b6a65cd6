"""Services: what an application's tests may have on the machine that tests, and what the base image
has for it. systemd/test-services.sh starts them."""

from collections.abc import Iterable

# By name: the Debian packages of which the base image must have one.
SERVICES = {"postgresql": "postgresql", "redis": "redis-server"}


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
