"""Commands for what else runs by itself: the night, a base image, traffic, reconcile.

Each imports what it needs when it runs: Prefect and boto3 take seconds, and neither help nor a
mistake in what was typed is worth the wait.
"""

from typing import Annotated, Any

from cyclopts import Parameter

from spotkiln.cli.commands.following import start, until_the_end
from spotkiln.cli.commands.options import Detailed, Follow, Verbose
from spotkiln.cli.output import Exit, Json, show
from spotkiln.start.deployment import NIGHTLY, RECONCILE


def nightly(
    name: str = "nightly",
    /,
    *,
    even_if_unchanged: Annotated[
        bool, Parameter(negative=(), help="Release all applications on the base of today.")
    ] = False,
    follow: Follow = True,
    verbose: Verbose = False,
    as_json: Json = False,
) -> int:
    """Run the night now: bake the base image, and if it differs release every application on it.
    NAME is the deployment's, where there are several."""
    given: dict[str, Any] = {"even_if_unchanged": True} if even_if_unchanged else {}
    run = start(NIGHTLY, name, given)
    return until_the_end(run, follow=follow, verbose=verbose, as_json=as_json)


def traffic(
    name: str,
    /,
    *,
    split: Annotated[
        str,
        Parameter(
            help="Make a second target group of this name, like the first, behind the same rules: "
            "all requests go to the first as before."
        ),
    ] = "",
    as_json: Json = False,
) -> int:
    """Which of NAME's two target groups gets how many of the requests. A release hands them over
    in steps, where a deployment names a second one."""
    from spotkiln.cli import traffic as sharing
    from spotkiln.cli.deployment import settings_of

    spec = settings_of(name)
    found = sharing.make(spec, split) if split else sharing.look(spec)
    show(found, sharing.text(found), as_json=as_json)
    return Exit.OK


def base(
    name: str = "",
    /,
    *,
    follow: Follow = True,
    verbose: Verbose = False,
    detailed_exit_code: Detailed = False,
    as_json: Json = False,
) -> int:
    """Make a base image of the line NAME now, and follow its run to the end; no application is
    released by it. Without NAME list the lines, with what each has.

    An image that holds what the current one holds is discarded, and all is well.
    """
    from spotkiln.cli import base as bases
    from spotkiln.cli import runs

    if not name:
        lines = bases.look()
        show(lines, bases.table(lines), as_json=as_json)
        return Exit.OK
    run = runs.start(bases.find(name), bases.ALONE)
    return until_the_end(
        run, follow=follow, verbose=verbose, detailed=detailed_exit_code, as_json=as_json
    )


def reconcile(
    name: str = RECONCILE,
    /,
    *,
    dry_run: Annotated[
        bool, Parameter(negative=(), help="Say what there is to do, and do nothing.")
    ] = False,
    follow: Follow = True,
    verbose: Verbose = False,
    as_json: Json = False,
) -> int:
    """Finish or undo what no living release owns, now. It runs every ten minutes by itself. NAME is
    the deployment's, where there are several: one for each account."""
    given: dict[str, Any] = {"dry_run": True} if dry_run else {}
    run = start(RECONCILE, name, given)
    return until_the_end(run, follow=follow, verbose=verbose, as_json=as_json)
