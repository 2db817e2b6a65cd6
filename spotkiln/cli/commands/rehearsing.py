"""The command for an application's whole life on this machine. A program beside this one plays it,
for the product knows nothing of what stands in for AWS."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from spotkiln.bake.recipe import ROOT
from spotkiln.cli.commands.options import Folder
from spotkiln.cli.output import Exit, Json
from spotkiln.errors import InputError

PROGRAM = "rehearsal"
EnvFile = Annotated[
    Path | None,
    Parameter(help="NAME=value lines: its settings. Default: PATH/.spotkiln/rehearsal.env."),
]
Services = Annotated[
    tuple[str, ...],
    Parameter(
        name="--service",
        negative=(),
        help="Start it beside the application: postgresql ($DATABASE_URL), redis ($REDIS_URL). May "
        "be repeated. Those of test_services in spotkiln.yaml are started anyway.",
    ),
]
Machines = Annotated[
    Literal["docker", "simulated"],
    Parameter(help="Real machines in Docker, or simulated ones, which boot nothing."),
]
Base = Annotated[
    Path | None,
    Parameter(
        help="YAML with the keys of a line's `base`. Default: what the application's kind needs."
    ),
]
Rate = Annotated[float, Parameter(help="Visits a second, each a page with its assets.")]
Report = Annotated[
    Path | None, Parameter(name="--page", help="Default: PATH/.spotkiln/rehearsal.md.")
]


def rehearse(
    path: Folder = Path(),
    /,
    *,
    env_file: EnvFile = None,
    services: Services = (),
    machines: Machines = "docker",
    base: Base = None,
    rate: Rate = 5.0,
    page: Report = None,
    as_json: Json = False,
) -> int:
    """Play what happens to the application in PATH sooner or later, on this machine: bake, image
    test, releases under load, an interruption, a killed worker, a lost database, a rollback. Then
    say what was seen, and what to change in its spotkiln.yaml. Nothing is left afterwards.

    Ends with 1 if a scene failed.
    """
    if not (ROOT / PROGRAM).is_dir():
        raise InputError(
            f"this installation ({ROOT}) has no sandbox: a rehearsal needs a clone of Spotkiln's "
            "repository, and `make up` once in it"
        )
    asked = {
        "path": str(path.expanduser().absolute()),
        "env_file": str(env_file.expanduser().absolute()) if env_file else None,
        "services": services,
        "machines": machines,
        "base": str(base.expanduser().absolute()) if base else None,
        "rate": rate,
        "page": str(page.expanduser().absolute()) if page else None,
        "as_json": as_json,
    }
    # Without the current folder: an application may have packages of the same names.
    command = [sys.executable, "-P", "-m", PROGRAM, json.dumps(asked)]
    search = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    sys.stdout.flush()
    # In its place, so that every signal reaches it; Ctrl-C once it can tell what to do with it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": search})  # noqa: S606
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    return Exit.OK
