"""Commands about previews: environments of branches.

Each imports what it needs when it runs: Prefect and boto3 take seconds, and neither help nor a
mistake in what was typed is worth the wait.
"""

from typing import Annotated

from cyclopts import Parameter

from spotkiln.cli.commands.following import until_the_end
from spotkiln.cli.commands.options import Follow, Verbose
from spotkiln.cli.output import Exit, Json, show
from spotkiln.cli.typed import require_branch

Name = Annotated[
    str, Parameter(help="Of the deployment preview/NAME, where several applications have previews.")
]


def list_(*, name: Name = "", as_json: Json = False) -> int:
    """Which branches have a preview, where, of which commit, and until when."""
    from spotkiln.cli import preview as previews

    found = previews.look(name)
    show(found, previews.table(found), as_json=as_json)
    return Exit.OK


def make(
    branch: str,
    /,
    *,
    name: Name = "",
    follow: Follow = True,
    verbose: Verbose = False,
    as_json: Json = False,
) -> int:
    """Make BRANCH's preview now, or release the branch there anew; as a push does."""
    require_branch(branch)
    from spotkiln.cli import preview as previews

    run = previews.begin(branch, name)
    return until_the_end(run, follow=follow, verbose=verbose, as_json=as_json)


def remove(
    branch: str,
    /,
    *,
    name: Name = "",
    follow: Follow = True,
    verbose: Verbose = False,
    as_json: Json = False,
) -> int:
    """Take BRANCH's preview away: host name, servers, target group; its image goes later."""
    require_branch(branch)
    from spotkiln.cli import preview as previews

    run = previews.begin(branch, name, removed=True)
    return until_the_end(run, follow=follow, verbose=verbose, as_json=as_json)
