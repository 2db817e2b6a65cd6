"""How many instances each pool has room for; without a limit, any number.

A limit is named market:type/zone, each part may be "*": "spot:t3.micro/eu-west-1a", "spot:*/*".
`account` limits the number of spot instances as EC2's own quota does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.state.records import State

ACCOUNT = "account"


def name(market: str, instance_type: str, zone: str) -> str:
    return f"{market}:{instance_type}/{zone}"


def free(state: State, pool: str, *, spot: bool) -> int | None:
    """How many more fit into the pool ("type/zone"); None: any number."""
    room = [
        max(limit - _used(state, key), 0)
        for key, limit in state.capacity.items()
        if key != ACCOUNT and covers(key, pool, spot=spot)
    ]
    return min(room, default=None)


def account_free(state: State) -> int | None:
    limit = state.capacity.get(ACCOUNT)
    if limit is None:
        return None
    used = sum(record.spot and record.alive for record in state.instances.values())
    return max(limit - used, 0)


def _used(state: State, key: str) -> int:
    return sum(
        record.alive and covers(key, record.pool, spot=record.spot)
        for record in state.instances.values()
    )


def covers(key: str, pool: str, *, spot: bool) -> bool:
    """Whether a limit of that name is about this pool ("type/zone")."""
    market, _, rest = key.partition(":")
    if market not in ("*", "spot" if spot else "on-demand"):
        return False
    wanted, actual = rest.split("/"), pool.split("/")
    return all(a in ("*", b) for a, b in zip(wanted, actual, strict=True))
