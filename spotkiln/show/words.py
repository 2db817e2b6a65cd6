"""Words that several pages say in the same way."""

from spotkiln.serve.fleet import Fleet


def fleet_in_words(fleet: Fleet) -> str:
    whose = ", adopted" if fleet.adopted else f" of commit `{fleet.commit[:12]}`"
    servers = "server" if fleet.capacity == 1 else "servers"
    return f"`{fleet.id}` with {fleet.capacity} {servers}{whose}"
