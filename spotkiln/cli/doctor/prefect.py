"""Checks of Prefect: server, password, automations, what runs for all applications, schedules."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from spotkiln.bake.recipe import ROOT
from spotkiln.cli import automations
from spotkiln.cli.deployment import listing
from spotkiln.cli.doctor.check import Check, check
from spotkiln.errors import InputError
from spotkiln.prefect_api import variable
from spotkiln.prefect_api.automation import Done
from spotkiln.prefect_api.connection import address, ask, is_open, version
from spotkiln.start.deployment import (
    APPLICATION,
    COMMAND,
    NIGHTLY,
    RECONCILE,
    RETIRE,
    RUN,
    URGENT,
    Deployment,
    serving,
    worker_of,
)
from spotkiln.start.night import is_on

HERE = {"127.0.0.1", "localhost", "::1"}
FILE = Path("automations.yaml")
DEPLOY = "`prefect --no-prompt deploy --all`"
MISSING = f"is not there: take it from the prefect.yaml that Spotkiln ships, and {DEPLOY}"


def examine(releases: Sequence[Deployment]) -> list[Check]:
    """`releases`: all deployments of applications. What works for all of an account is wanted in
    each account in which one of them acts."""
    return [
        check("Prefect", "password", password),
        check("Prefect", "automations", applied),
        check("Prefect", "reconcile", lambda: reconcile(releases)),
        check("Prefect", "nights", nights),
        check("Prefect", "for all applications", lambda: for_all(releases)),
    ]


def server() -> str:
    return f"{ask(version)} at {address()}"


def password() -> str:
    """Whoever may call the API may run code on the workers."""
    if not is_open():
        return "asked for"
    if urlsplit(address()).hostname in HERE:
        return "none: each user of this machine may run code on the workers (`spotkiln docs team`)"
    raise InputError(
        f"{address()} answers without one: whoever reaches it may run code on the workers. Start "
        "it with `spotkiln server`, which wants one (`spotkiln docs team`)"
    )


def applied() -> str:
    file = FILE if FILE.is_file() else ROOT / FILE
    found = automations.look(file)
    behind = [one.name for one in found if one.done in {Done.CREATED, Done.UPDATED}]
    if behind:
        raise InputError(
            f"not as {FILE} has them: {'; '.join(behind)}. `spotkiln automations` makes them so"
        )
    left = [f"{one.name} is left out: {one.why}" for one in found if one.done is Done.LEFT_OUT]
    return "; ".join([f"{len(found) - len(left)} applied", *left])


def _each(flow: str, name: str, releases: Sequence[Deployment]) -> list[Deployment]:
    """The deployment that does its work for all applications, of each account.

    Raises:
        InputError: an account has none.
    """
    known = listing(flow)
    if not known:
        raise InputError(f"{flow}/{name} {MISSING}")
    found, missing = [], []
    for account in dict.fromkeys(one.account for one in releases):
        its = serving(known, account, name)
        if its:
            found.append(its)
        else:
            missing.append(f"no deployment of the flow {flow} for {account}")
    if missing:
        raise InputError(
            f"{'; '.join(missing)}: each account needs its own (`spotkiln docs team`, Several "
            f"accounts). There are: {', '.join(f'{one.name} ({one.account})' for one in known)}"
        )
    return found or known


def reconcile(releases: Sequence[Deployment]) -> str:
    """Without it nobody finishes what was killed."""
    told = [_runs_by_itself(one) for one in _each(RECONCILE, RECONCILE, releases)]
    return "; ".join(dict.fromkeys(told))


def _runs_by_itself(found: Deployment) -> str:
    if found.paused or not found.schedules:
        raise InputError(
            f"{found.name} does not run by itself: its schedule is paused or gone. What a killed "
            f"release left would stay. Resume it in the UI, or {DEPLOY}"
        )
    return f"regularly; {queue(found)}"


def nights() -> str:
    found = listing(NIGHTLY)
    told = []
    for one in found:
        switch = str(one.parameters.get("switch") or "")
        value = ask(variable.read, switch) if switch else None
        if one.paused or not one.schedules:
            raise InputError(
                f"{one.name} does not run by itself: its schedule is paused or gone. To switch "
                "nights off, set its variable to off instead (`spotkiln docs nightly`): "
                "that is told"
            )
        told.append(one.short + ("" if is_on(value.value if value else None) else " (off)"))
    return ", ".join(told) or "none: base images are made by hand (`spotkiln base`)"


def for_all(releases: Sequence[Deployment]) -> str:
    wanted = ((RUN, COMMAND), (RETIRE, APPLICATION))
    missing = [f"{flow}/{name}" for flow, name in wanted if not listing(flow)]
    if missing:
        raise InputError(f"{', '.join(missing)} {MISSING}")
    found = [one for flow, name in wanted for one in _each(flow, name, releases)]
    return ", ".join(one.name for one in found)


def worker(deployment: Deployment) -> str:
    if deployment.ready is False:
        raise InputError(f"no worker polls pool {deployment.pool!r}: {worker_of(deployment.pool)}")
    return f"pool {deployment.pool or 'none: it is served'}"


def queue(deployment: Deployment) -> str:
    """That a rollback never waits for a slot that releases hold."""
    if deployment.pool and deployment.queue != URGENT:
        raise InputError(
            f"it waits for a slot behind releases, in queue {deployment.queue!r}: give it "
            f"`work_queue_name: {URGENT}` in prefect.yaml, as the others have, and deploy again"
        )
    return f"queue {deployment.queue}" if deployment.queue else "no queue: it is served"
