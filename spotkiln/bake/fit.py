"""Fit: whether an application answers where its target group asks."""

from spotkiln.bake.app import App, AppSpec
from spotkiln.bake.infra import TRAFFIC_PORT, TargetGroup
from spotkiln.errors import InputError

UNCHECKED = "its health checks are disabled: nothing could prove the new servers"


def why_no_servers(group: TargetGroup) -> list[str]:
    """Why servers cannot join a target group and get requests there, whatever they run."""
    problems = []
    if group.target_type != "instance":
        problems.append(
            f"its target type is {group.target_type!r}, and what launches the servers registers "
            "instances"
        )
    if group.protocol not in {"HTTP", "HTTPS"}:
        problems.append(f"its protocol is {group.protocol}; expected HTTP")
    if not group.load_balancers:
        problems.append(
            "no load balancer forwards to it: its targets would never be checked; add it to a "
            "listener's rule"
        )
    return problems


def check_fit(app: App | AppSpec, group: TargetGroup) -> None:
    """The application must answer where the target group asks. What a deployment leaves open is
    not compared.

    Raises:
        InputError: target type, protocol, port or health path that don't fit.
    """
    check, problems = group.health_check, why_no_servers(group)
    if app.port is not None and group.port != app.port:
        problems.append(f"it sends requests to port {group.port}, {app.name} listens on {app.port}")
    if why := _asks_elsewhere(app, group):
        problems.append(why)
    if not check.enabled:
        problems.append(UNCHECKED)
    elif app.health_path is not None and check.path.split("?")[0] != app.health_path.split("?")[0]:
        problems.append(f"it asks for {check.path}, {app.name}'s health path is {app.health_path}")
    if problems:
        raise InputError(
            f"target group {group.name!r} does not fit {app.name}: " + "; ".join(problems)
        )


def _asks_elsewhere(app: App | AppSpec, group: TargetGroup) -> str:
    """Why the health check does not reach the port that answers it; empty if it does."""
    port, answers = group.health_check.port, app.health_port or app.port
    if answers is None:
        return ""
    if port != TRAFFIC_PORT:
        # What a deployment leaves open may be in the commit.
        fits = port == str(answers) or app.health_port is None
        return "" if fits else f"it checks health on port {port}, {app.name} answers on {answers}"
    if app.health_port in {None, app.port}:
        return ""
    return (
        f"it checks health on the port of its traffic, {app.name} answers on {answers} "
        f"(`health_port`): set the health check's port to {answers}"
    )
