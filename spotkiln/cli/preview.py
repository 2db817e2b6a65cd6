"""Previews, as the command shows them, makes them and takes them away."""

from datetime import datetime

from rich.table import Table

from spotkiln.aws.keep import preview as previews
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import connect, resolve_region
from spotkiln.cli.deployment import listing
from spotkiln.cli.output import columns, moment
from spotkiln.cli.runs import start
from spotkiln.errors import InputError
from spotkiln.keep.preview import checked_branch
from spotkiln.noun import Noun
from spotkiln.serve.serving import serving
from spotkiln.start.deployment import PREVIEW, Deployment
from spotkiln.start.settings import settings


class Shown(Noun):
    """A preview that is there. Times are UTC; `commit` is what serves, empty if nothing does."""

    app: str
    branch: str
    host: str
    commit: str
    state: str
    until: datetime
    target_group: str


def find(name: str) -> Deployment:
    """The deployment preview/NAME; of a single one no name need be given.

    Raises:
        InputError: there is none of that name, or there are several and none is named.
    """
    every, short = listing(PREVIEW), name.removeprefix(f"{PREVIEW}/")
    found = [one for one in every if not short or one.short == short]
    if len(found) == 1:
        return found[0]
    names = ", ".join(one.short for one in every)
    if not names:
        raise InputError(
            "no deployment of the flow preview: `spotkiln docs previews` has the stanza for "
            "prefect.yaml"
        )
    wanted = f"no deployment {PREVIEW}/{short}" if short else "several applications have previews"
    raise InputError(f"{wanted}; say --name with one of: {names}")


def look(name: str) -> list[Shown]:
    """All of an application, as AWS tells them now."""
    spec = settings(find(name))
    aws = connect(resolve_region(spec.infra.region))
    fleets = launchers(aws).listing()
    found = []
    for one in previews.listing(aws):
        if one.app == spec.app.name:
            fleet = next(iter(serving(fleets, one.arn)), None)
            found.append(
                Shown(
                    app=one.app,
                    branch=one.branch,
                    host=one.host,
                    commit=fleet.commit if fleet else "",
                    state="goes" if one.removed else "serves" if fleet else "is made",
                    until=one.until,
                    target_group=one.name,
                )
            )
    return found


def table(found: list[Shown]) -> str | Table:
    if not found:
        return "no branch has a preview"
    rows = ((x.branch, x.host, x.commit[:12], x.state, moment(x.until)) for x in found)
    return columns(["BRANCH", "HOST", "COMMIT", "STATE", "UNTIL"], rows, whole=2)


def begin(branch: str, name: str, *, removed: bool = False) -> str:
    """Start a run that makes or removes it; the run's id.

    Raises:
        InputError: no branch may be called so.
    """
    try:
        checked_branch(branch)
    except ValueError as error:
        raise InputError(f"branch: {error}") from error
    given = {"branch": branch, **({"removed": True} if removed else {})}
    return start(find(name), given)
