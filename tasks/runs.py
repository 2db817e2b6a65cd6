"""What Prefect knows of this run, and of others."""

import logging
from contextlib import suppress

from prefect.context import FlowRunContext

from spotkiln.errors import SpotkilnError
from spotkiln.prefect_api import run as runs
from spotkiln.prefect_api import run_list
from spotkiln.prefect_api.connection import ask, connected, without_retries
from spotkiln.release.trigger import Trigger, trigger_of
from spotkiln.start.order import newer_from, superseded_by, tags_of_ref
from spotkiln.start.run import CANCELLED
from spotkiln.tasks.names import is_ours
from spotkiln.tasks.step import say


def started_by() -> Trigger:
    """Who or what started this run; `unknown` where Prefect does not tell."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None:
        return Trigger()
    creator = run.created_by
    found = trigger_of(
        tags=run.tags,
        creator=(creator and creator.type) or "",
        creator_name=(creator and creator.display_value) or "",
        parent=run.parent_task_run_id is not None,
        deployed=run.deployment_id is not None,
    )
    # Only the first state's words tell a form that was filled in from a program's request.
    if found.kind != "api":
        return found
    try:
        message = ask(runs.first_message, str(run.id))
    except SpotkilnError:
        return Trigger()
    return trigger_of(tags=run.tags, first_message=message, deployed=True)


def rename(name: str) -> None:
    """Give this run another name, unless a person has chosen the one that it has. A run that keeps
    its old one is no failure."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or not is_ours():
        return
    try:
        ask(runs.rename, str(context.flow_run.id), name)
    except SpotkilnError as error:
        say(f"could not rename this run to {name!r}: {error}", logging.WARNING)


def cancelled(run: str) -> bool | None:
    """Whether somebody has cancelled this run, whose process was told to end; None if Prefect
    cannot say now. Then the step that it was in is called cancelled as well. It does not wait for
    Prefect to come back: a process that was told to end has seconds."""
    try:
        with without_retries(), connected() as prefect:
            if prefect.ask(runs.read, run).state not in CANCELLED:
                return False
            with suppress(SpotkilnError):
                prefect.ask(runs.cancel_steps, run, "the run was cancelled")
            return True
    except (SpotkilnError, ValueError):
        return None


def newer_push(run: str) -> str:
    """Why this run gives way: a newer push of the same repository and branch to the same deployment
    is released in its place. Empty if there is none, or if Prefect cannot say now."""
    try:
        with connected() as prefect:
            own = prefect.ask(runs.read, run)
            pushed = tags_of_ref(own.tags)
            if not pushed or not own.deployment:
                return ""
            found = prefect.ask(run_list.tagged, own.deployment, pushed, since=newer_from(own))
    except (SpotkilnError, ValueError):
        return ""
    newer = superseded_by(own, found)
    return f"gave way to run {newer.id} of a newer push" if newer else ""
