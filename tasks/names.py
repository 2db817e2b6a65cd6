"""The names of runs: what they are about, and where. One that a person gave is kept."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from prefect.context import FlowRunContext

from spotkiln.errors import SpotkilnError
from spotkiln.keep.versions import PREVIOUS
from spotkiln.prefect_api import deployment
from spotkiln.prefect_api.connection import ask
from spotkiln.prefect_api.made_up import is_made_up
from spotkiln.release.trigger import place


@cache
def _deployment(ident: UUID) -> str:
    return ask(deployment.name_of, ident)


def deployed_as() -> str:
    """The name of this run's deployment; empty if it has none, or if Prefect cannot say now."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None:
        return ""
    try:
        return _deployment(run.deployment_id)
    except SpotkilnError:
        return ""


def _given(make: Callable[[dict[str, Any]], str]) -> Callable[[], str]:
    """For Prefect, which calls it as the run begins: the name that `make` makes of the run's
    parameters, unless a person has given it one, or an earlier process of this run."""

    def name() -> str:
        context = FlowRunContext.get()
        if context is None or context.flow_run is None:
            return ""
        run = context.flow_run.name
        return make(context.parameters or {}) if is_made_up(run) else run

    return name


def _of_release(asked: dict[str, Any]) -> str:
    app = asked["app"].at(asked.get("ref", ""))
    return f"{place(app.name, deployed_as())} {app.ref}"


def _of_rollback(asked: dict[str, Any]) -> str:
    return f"{place(asked['app'].name, deployed_as())} back to {asked.get('version') or PREVIOUS}"


def _of_night(asked: dict[str, Any]) -> str:
    """A night without applications makes the base image alone."""
    what = "nightly" if asked.get("applications", True) else "base"
    return f"{what} {asked['base'].name} {datetime.now(UTC):%Y-%m-%d}"


def _of_reconcile(asked: dict[str, Any]) -> str:
    where = f" {group}" if (group := asked.get("target_group")) else ""
    return f"reconcile{where}{', dry run' if asked.get('dry_run') else ''}"


def _of_command(asked: dict[str, Any]) -> str:
    return f"{asked['app']}: one command"


def _of_preview(asked: dict[str, Any]) -> str:
    what = f"{deployed_as() or asked['app'].name} preview {asked['branch']}"
    return f"{what} removed" if asked.get("removed") else what


def _of_retirement(asked: dict[str, Any]) -> str:
    return f"{asked['deployment']} retired"


def _of_steering(asked: dict[str, Any]) -> str:
    return f"{asked['deployment']}: {asked['word']}"


release, rollback, command = _given(_of_release), _given(_of_rollback), _given(_of_command)
night, reconcile = _given(_of_night), _given(_of_reconcile)
retirement, preview = _given(_of_retirement), _given(_of_preview)
steering = _given(_of_steering)
MADE = {"release": _of_release, "rollback": _of_rollback}


def is_ours() -> bool:
    """Whether this run's name is the one that it began with, and may be told better."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if context is None or run is None or context.flow is None:
        return False
    make = MADE.get(context.flow.name)
    return is_made_up(run.name) or bool(make and run.name == make(context.parameters or {}))
