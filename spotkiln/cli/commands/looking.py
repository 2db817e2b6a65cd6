"""Commands that tell how things are, and change nothing.

Each imports what it needs when it runs: Prefect and boto3 take seconds, and neither help nor a
mistake in what was typed is worth the wait.
"""

import sys
import webbrowser
from typing import Annotated, Literal

from cyclopts import Parameter

from spotkiln.bake.gitref import require_ref
from spotkiln.cli.commands.options import LAST_HOUR, Days, Limit, New, OneUnit, Ref, Since
from spotkiln.cli.output import Exit, Json, columns, moment, show, tell
from spotkiln.cli.typed import require_key, require_since
from spotkiln.errors import InputError
from spotkiln.keep.versions import CURRENT, PREVIOUS
from spotkiln.start.deployment import RELEASE


def list_(*, as_json: Json = False) -> int:
    """All applications that Prefect has a deployment of, and the newest run of each."""
    from spotkiln.cli import history as looking

    found = looking.applications()
    none = (
        "no application: add a stanza of the flow release to prefect.yaml, and "
        "`prefect --no-prompt deploy --all`"
    )
    show(found, looking.list_table(found) if found else none, as_json=as_json)
    return Exit.OK


def status(name: str, /, *, as_json: Json = False) -> int:
    """What serves NAME, since when, what is held, the health of every target, who waits for its
    turn.

    Ends with 1 unless the whole capacity is healthy.
    """
    from spotkiln.cli import status as seeing
    from spotkiln.cli.deployment import settings_of

    found = seeing.look(settings_of(name))
    show(found, *seeing.parts(found), as_json=as_json)
    return Exit.OK if found.well else Exit.FAILED


def history(name: str, /, *, limit: Limit = 20, as_json: Json = False) -> int:
    """The runs that released NAME or took it back, the newest first: what came of them, and who
    started them."""
    from spotkiln.cli import history as looking

    found = looking.history(name, limit)
    none = f"no run of {name} yet: `spotkiln release {name}` starts one"
    show(found, looking.history_table(found) if found else none, as_json=as_json)
    return Exit.OK


def report(name: str = "", /, *, days: Days = 30, as_json: Json = False) -> int:
    """How often applications (or NAME) are released, how long it takes from commit to serving, how
    many releases a rollback left, how quickly that was; and what was saved against On-Demand."""
    from spotkiln.cli import report as reporting

    found = reporting.look(name, days)
    show(found, reporting.table(found), as_json=as_json)
    return Exit.OK


def versions(name: str, /, *, as_json: Json = False) -> int:
    """The versions that NAME's target group can go back to, the one released last first."""
    from spotkiln.aws.bake.infra import target_group
    from spotkiln.aws.keep.versions import list_versions
    from spotkiln.aws.session import connect, resolve_region
    from spotkiln.cli.deployment import settings_of

    spec = settings_of(name)
    aws = connect(resolve_region(spec.infra.region))
    found = list_versions(aws, spec.app.name, target_group(aws, spec.infra.target_group))
    rows = (
        (x.image, x.commit[:12], moment(x.released), "yes" if x.serving else "", x.remarks)
        for x in found
    )
    header = ["IMAGE", "COMMIT", "RELEASED", "SERVING", "REMARKS"]
    none = f"no version: nothing of {spec.app.name} has served {spec.infra.target_group} yet"
    show(found, columns(header, rows) if found else none, as_json=as_json)
    return Exit.OK


def diff(name: str, before: str = PREVIOUS, now: str = CURRENT, /, *, as_json: Json = False) -> int:
    """What differs between two versions of NAME: commits, locked dependencies, Debian packages.

    BEFORE and NOW are versions as `rollback` takes them: an image's id, a commit or the beginning
    of one, previous, or current, which is what serves.
    """
    from spotkiln.cli import diff as comparing
    from spotkiln.cli.deployment import settings_of

    found = comparing.look(settings_of(name), before, now)
    show(found, comparing.text(found), as_json=as_json)
    return Exit.OK


def sbom(name: str, version: str = CURRENT, /, *, as_json: Json = False) -> int:
    """What is in a version of NAME: Debian's packages of the image, and what the commit's lock
    files name. In JSON it is the SBOM, a CycloneDX document.

    VERSION is an image's id, a commit or the beginning of one, previous, or current.
    """
    from spotkiln.cli import diff as comparing
    from spotkiln.cli.deployment import settings_of

    document = comparing.sbom(settings_of(name), version)
    if as_json:
        tell(document)
    else:
        show(None, comparing.sbom_table(document), as_json=False)
    return Exit.OK


def plan(name: str, /, *, ref: Ref = "", as_json: Json = False) -> int:
    """What a release of NAME would do: bake or reuse, launch, retire. Changes nothing."""
    require_ref(ref)
    from spotkiln.cli import plan as planning
    from spotkiln.cli.deployment import find
    from spotkiln.start.settings import settings

    found = planning.look(settings(find(RELEASE, name).at_ref(ref)))
    show(found, planning.text(found), as_json=as_json)
    return Exit.OK


def doctor(name: str = "", /, *, as_json: Json = False) -> int:
    """Check that everything is there that a release needs, as seen from this machine: of all
    applications, or of NAME. Ends with 1 unless all is ok."""
    from spotkiln.cli.doctor import examine as doctoring

    found = doctoring.examine(name)
    show(found, doctoring.table(found), as_json=as_json)
    return Exit.OK if all(one.ok for one in found) else Exit.FAILED


def logs(
    name: str,
    /,
    *,
    unit: OneUnit = "",
    since: Since = LAST_HOUR,
    follow: New = False,
    as_json: Json = False,
) -> int:
    """What NAME's servers have logged in the last hour, where its deployment has a log group. Of a
    run, by its id or name: what that run has logged so far.

    In JSON each line of a server is an object of its own.
    """
    require_since(since)
    from spotkiln.cli import deployment, runs

    spec = deployment.settings_if_known(name)
    if spec is None:
        require_whole_log(name, unit=unit, since=since, follow=follow)
        found = runs.lines(runs.find(name))
        show(found, "\n".join(map(str, found)), as_json=as_json)
        return Exit.OK
    from spotkiln.cli import logs as reading

    servers = reading.Reading(spec, unit, since)
    if follow:
        try:
            for new in servers.follow():
                reading.show(new, as_json=as_json)
        except KeyboardInterrupt:  # there is no other end
            return Exit.INTERRUPTED
    elif not reading.show(servers.lines(), as_json=as_json):
        servers.require_unit()
        tell(f"no lines since {since}", aside=True)
    return Exit.OK


def ssh(
    name: str,
    /,
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    instance: Annotated[str, Parameter(help="This server. Default: a healthy one.")] = "",
    by: Annotated[
        Literal["key", "session"] | None,
        Parameter(
            help="SSH with a key, or AWS's Session Manager. Default: as the deployment reaches its "
            "builder."
        ),
    ] = None,
    key: Annotated[
        str,
        Parameter(help="The file of the private key. Default: $SPOTKILN_SSH_KEY, or what ssh has."),
    ] = "",
) -> int:
    """A shell on a server of NAME, or COMMAND on it, behind `--`. Ends as that ends.

    What is changed there is gone with the server. For a command of the application's,
    `spotkiln run` takes a machine of its own.
    """
    require_key(key)
    from spotkiln.cli import ssh as reaching
    from spotkiln.cli.deployment import settings_of

    asked = reaching.asked_of(instance, by or "", key, command)
    reaching.enter(settings_of(name), asked)
    return Exit.OK


def require_whole_log(name: str, *, unit: str, since: str, follow: bool) -> None:
    """
    Raises:
        InputError: a part of it is asked for, as servers' logs have them.
    """
    if unit or follow or since != LAST_HOUR:
        raise InputError(
            f"--unit, --since and --follow are for an application's servers, and Prefect has no "
            f"application {name}: `spotkiln list` names them. Of a run, `spotkiln logs {name}` "
            f"shows all, and `spotkiln follow {name}` what is new"
        )


def open_(run: str, /, *, as_json: Json = False) -> int:
    """Open the page of RUN, or of an application's newest run, in the browser; in a pipe, print its
    address."""
    from spotkiln.cli import control

    found = control.page(run)
    show(found, found.url, as_json=as_json)
    if sys.stdout.isatty() and not as_json:
        webbrowser.open(found.url)
    return Exit.OK
