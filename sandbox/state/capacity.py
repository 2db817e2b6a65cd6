"""Limits on the number of instances, per pool and per account. By default there are none.

A limit is named as places.py says. `account` limits the number of spot instances, as EC2's own
quota does.
"""

from sandbox.state import places
from sandbox.state.records import State

ACCOUNT = "account"


def free(state: State, pool: str, *, spot: bool) -> int | None:
    """How many more instances fit into the pool ("type/zone"). None: any number."""
    room = [
        max(limit - _used(state, key), 0)
        for key, limit in state.capacity.items()
        if key != ACCOUNT and places.covers(key, pool, spot=spot)
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
        record.alive and places.covers(key, record.pool, spot=record.spot)
        for record in state.instances.values()
    )
