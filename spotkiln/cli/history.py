"""What has been released, and by whom: an application's runs, and all applications."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rich.table import Table

from spotkiln.bake.infra_names import InfraNames
from spotkiln.cli.deployment import listing
from spotkiln.cli.output import columns, moment
from spotkiln.cli.runs import short
from spotkiln.errors import InputError
from spotkiln.noun import Noun
from spotkiln.prefect_api import result as results
from spotkiln.prefect_api import run as runs
from spotkiln.prefect_api import run_list
from spotkiln.prefect_api.connection import Connection, connected
from spotkiln.release.result import Result
from spotkiln.release.trigger import trigger_of
from spotkiln.start.deployment import RELEASE, ROLLBACK, Deployment
from spotkiln.start.run import Run


class Past(Noun):
    """A run of an application. `what` says whether it is a release, or a rollback and to what.
    `outcome` is that of its release, or else Prefect's word for its state. `by` is who or what
    started it. Times are UTC."""

    run: str
    name: str
    started: datetime
    what: str = ""
    target_group: str = ""
    outcome: str
    commit: str = ""
    image: str = ""
    seconds: float = 0.0
    by: str = ""
    cause: str = ""
    url: str = ""


class Listed(Noun):
    """An application, by its deployment. `last` is its newest run."""

    name: str
    app: str
    repository: str
    ref: str
    target_group: str
    last: Past | None = None


def past(found: Run, result: Result | None, of: Deployment) -> Past:
    """What is told of one run of that deployment."""
    made = Past(
        run=found.id,
        name=found.name,
        started=found.created,
        what=of.flow,
        target_group=_target_group({**of.parameters, **found.parameters}),
        outcome=found.state_name.lower(),
        seconds=found.seconds,
        by=str(trigger_of(tags=found.tags, deployed=bool(found.deployment))),
        cause=found.message if found.final or found.frozen else "",
        url=runs.page_of(found.id),
    )
    if result is None:
        return made
    return made.model_copy(
        update={
            "outcome": str(result.outcome),
            "what": result.what or made.what,
            "target_group": result.target_group or made.target_group,
            "commit": result.commit,
            "image": result.image,
            "cause": result.cause,
        }
    )


def _target_group(parameters: Mapping[str, Any]) -> str:
    infra = parameters.get("infra") or {}
    return str(infra.get("target_group") or InfraNames().target_group)


def _read(
    prefect: Connection, found: Iterable[Run], deployments: Iterable[Deployment]
) -> list[Past]:
    known = {str(one.id): one for one in deployments}
    return [
        past(
            one,
            prefect.ask(results.read, one.id) if one.final else None,
            known[one.deployment],
        )
        for one in found
        if one.deployment in known
    ]


def history(name: str, limit: int) -> list[Past]:
    """The newest runs that released NAME or took it back, the newest first.

    Raises:
        InputError: there is no such application.
    """
    wanted = name.removeprefix(f"{RELEASE}/").removeprefix(f"{ROLLBACK}/")
    both = [*listing(RELEASE), *listing(ROLLBACK)]
    found = [one for one in both if one.short == wanted]
    if not found:
        known = ", ".join(sorted({one.short for one in both})) or "none"
        raise InputError(f"no application {wanted} in Prefect; there are: {known}")
    with connected() as prefect:
        newest = prefect.ask(run_list.newest_of, [one.id for one in found], limit)
        return _read(prefect, newest, found)


def _listed(one: Deployment, last: Past | None) -> Listed:
    app = one.parameters.get("app") or {}
    return Listed(
        name=one.short,
        app=str(app.get("name", "")),
        repository=str(app.get("repository", "")),
        ref=str(one.parameters.get("ref") or app.get("ref", "main")),
        target_group=_target_group(one.parameters),
        last=last,
    )


def applications() -> list[Listed]:
    """All deployments of `release`, each with its newest run."""
    found = listing(RELEASE)
    with connected() as prefect:
        return [
            _listed(
                one,
                next(
                    iter(_read(prefect, prefect.ask(run_list.newest_of, [one.id], 1), [one])), None
                ),
            )
            for one in found
        ]


def history_table(found: Iterable[Past]) -> Table:
    rows = (
        (
            *(short(x.run), moment(x.started), x.what, x.outcome, x.commit, x.target_group),
            *(f"{x.seconds:.0f} s", x.by, x.name),
        )
        for x in found
    )
    header = ["RUN", "STARTED", "WHAT", "OUTCOME", "COMMIT", "TARGET GROUP", "TOOK", "BY", "NAME"]
    return columns(header, rows)


def list_table(found: Iterable[Listed]) -> Table:
    rows = (
        (
            x.name,
            x.repository,
            x.ref,
            x.target_group,
            x.last.outcome if x.last else "never run",
            moment(x.last.started) if x.last else "",
        )
        for x in found
    )
    return columns(["NAME", "REPOSITORY", "REF", "TARGET GROUP", "LAST RUN", "STARTED"], rows)
