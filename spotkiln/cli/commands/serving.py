"""Commands for whoever runs Prefect for a team.

Each imports what it needs when it runs: Prefect and boto3 take seconds, and neither help nor a
mistake in what was typed is worth the wait.
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from spotkiln.cli.output import Exit, Json, show
from spotkiln.start.deployment import POOL


def automations(file: Path = Path("automations.yaml"), /, *, as_json: Json = False) -> int:
    """Make Prefect's automations those of FILE, by name. Safe to repeat.

    One that needs a notification block which is not there is left out.
    """
    from spotkiln.cli import automations as automating

    found = automating.apply(file)
    show(found, automating.table(found), as_json=as_json)
    return Exit.OK


def server(
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=True)],
) -> int:
    """Prefect's server: `prefect server start` with ARGUMENTS, such as `--port 4200`.

    It does not start without a password, refuses the requests of other web pages, and does not
    stand still for a minute now and then on SQLite.
    """
    from spotkiln.cli import server as serving

    serving.replace_this_process(*arguments)
    return Exit.OK


def worker(
    *,
    pool: Annotated[str, Parameter(help="The work pool's name in Prefect.")] = POOL,
    limit: Annotated[
        int, Parameter(validator=Number(gte=1), help="So many releases at once at most.")
    ] = 4,
    name: Annotated[
        str, Parameter(help="What it is called in Prefect. Default: this machine's name.")
    ] = "",
) -> int:
    """Run the flows of a work pool on this machine: at most LIMIT releases at once, and what is
    urgent (rollbacks, reconcile) besides.

    After SIGTERM or Ctrl-C it takes no more runs, and ends when its runs have ended. A second one
    ends it and its runs at once.
    """
    import anyio

    from spotkiln.cli import worker as working

    working.require_welcome()
    anyio.run(working.work, pool, limit, name)
    return Exit.OK
