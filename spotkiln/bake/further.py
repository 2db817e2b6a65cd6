"""Further target groups of the same servers: an internal load balancer's beside the external one,
or one of another port."""

from collections.abc import Collection, Iterator

from spotkiln.bake.app import App, AppSpec
from spotkiln.bake.fit import UNCHECKED, why_no_servers
from spotkiln.bake.infra import TRAFFIC_PORT, Infra, TargetGroup
from spotkiln.errors import InputError


def check_further(
    first: TargetGroup, one: TargetGroup, zones: Collection[str], balancers: Collection[str]
) -> None:
    """The same servers must be able to join it. `zones` are theirs, `balancers` those of its load
    balancers.

    Raises:
        InputError: they cannot, or it could not prove them.
    """
    problems = []
    if one.vpc != first.vpc:
        problems.append(f"it is in {one.vpc}, and {first.name} with its servers in {first.vpc}")
    problems += why_no_servers(one)
    if one.load_balancers and (missing := sorted({*zones} - {*balancers})):
        problems.append(
            f"its load balancer sends no requests to {', '.join(missing)}, where servers run: add "
            "the zone to the load balancer, or leave its subnets out of infra.subnets"
        )
    if not one.health_check.enabled:
        problems.append(UNCHECKED)
    if problems:
        raise InputError(
            f"target group {one.name!r} of infra.also_behind cannot have the servers of "
            f"{first.name!r}: {'; '.join(problems)}"
        )


def doubts(app: App | AppSpec, infra: Infra) -> list[str]:
    """What of the further groups the application does not say that it answers: a line each. What a
    deployment leaves open is not compared; the gate tells in any case."""
    return [f"{one.name} {doubt}" for one in infra.also for doubt in _doubts(app, one)]


def _doubts(app: App | AppSpec, group: TargetGroup) -> Iterator[str]:
    check, known = group.health_check, {app.port, app.health_port} - {None}
    if app.port is None:
        return
    if group.port not in known:
        yield (
            f"sends requests to port {group.port}: {app.name} says that it listens on {app.port}, "
            "so something on the server must listen there, too"
        )
    asked = group.port if check.port == TRAFFIC_PORT else int(check.port)
    if asked not in {*known, group.port}:
        yield f"checks health on port {asked}, which must answer on the server, too"
    elif asked in known and app.health_path and check.path != app.health_path:
        yield f"asks for {check.path} and not for {app.health_path}: both must answer well"


def in_words(infra: Infra, before: Collection[str]) -> list[str]:
    """In which further groups the servers will be, and which they leave; a line each. `before` are
    the names of those in which what serves is."""
    now = {one.name for one in infra.also}
    return [
        *(
            f"also behind {one.name}, port {one.port}"
            + ("" if one.name in before else ": for the first time")
            for one in infra.also
        ),
        *(
            f"not behind {name} any more: it has no servers of {infra.home.name} once the old ones "
            "have drained"
            for name in sorted({*before} - now)
        ),
    ]
