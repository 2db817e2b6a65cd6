"""Whether everything is there that a release needs. What is missing is told with what to do."""

from functools import partial

from rich.table import Table

from spotkiln.cli.deployment import listing
from spotkiln.cli.doctor import application, machine, prefect
from spotkiln.cli.doctor.check import Check, check, merged, of_error
from spotkiln.cli.output import columns
from spotkiln.errors import InputError, SpotkilnError
from spotkiln.start.deployment import PREVIEW, RELEASE, ROLLBACK, Deployment


def examine(wanted: str = "") -> list[Check]:
    """This machine, Prefect, and all that the deployments name. `wanted`: only this deployment."""
    checks = [*machine.examine(), check("Prefect", "server", prefect.server)]
    if not checks[-1].ok:
        return checks
    wanted = wanted.removeprefix(f"{RELEASE}/")
    try:
        known = listing(RELEASE)
        chosen = [one for one in known if not wanted or one.short == wanted]
        back = [one for one in listing(ROLLBACK) if not wanted or one.short == wanted]
        previews = [one for one in listing(PREVIEW) if not wanted or one.short == wanted]
    except SpotkilnError as error:
        return [*checks, of_error("Prefect", "deployments", error)]
    checks += prefect.examine(known)
    checks.append(check("Prefect", "deployments", lambda: _deployments(wanted, known, chosen)))
    found = [one for each in (*chosen, *previews) for one in application.examine(each)]
    found += [check(one.name, "queue", partial(prefect.queue, one)) for one in back]
    return [*checks, *merged(found, [one.name for one in (*chosen, *previews, *back)])]


def _deployments(wanted: str, known: list[Deployment], chosen: list[Deployment]) -> str:
    if not chosen:
        names = ", ".join(one.name for one in known) or "none"
        raise InputError(
            f"no deployment {RELEASE}/{wanted or '<application>'}; there are: {names}. "
            "Add a stanza to prefect.yaml and `prefect --no-prompt deploy --all`"
        )
    return ", ".join(one.name for one in chosen)


def table(checks: list[Check]) -> Table:
    rows = (("ok" if x.ok else "NOT OK", x.about, x.name, x.detail) for x in checks)
    return columns(["", "OF", "WHAT", "FOUND"], rows)
