"""Names for groups of launches, which limits and refusals use: market:type/zone.

Each part may be "*": "spot:t3.micro/eu-west-1a", "spot:*/*".
"""


def name(market: str, instance_type: str, zone: str) -> str:
    return f"{market}:{instance_type}/{zone}"


def covers(key: str, pool: str, *, spot: bool) -> bool:
    """Whether the name includes this pool ("type/zone")."""
    market, _, rest = key.partition(":")
    if market not in ("*", "spot" if spot else "on-demand"):
        return False
    wanted, actual = rest.split("/"), pool.split("/")
    return all(a in ("*", b) for a, b in zip(wanted, actual, strict=True))
