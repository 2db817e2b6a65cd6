"""Commands for what needs no AWS: an EC2 on this machine, and an application's whole life there.
Programs beside this one do it, for the product knows nothing of what stands in for AWS."""

import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from spotkiln.cli.commands.options import Folder
from spotkiln.cli.output import Exit, Json
from spotkiln.cli.programs import become

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
    become(PROGRAM, json.dumps(asked))
    return Exit.OK


def sandbox(
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=True)],
) -> int:
    """An EC2 on this machine, for trying things out. Without ARGUMENTS it lists them."""
    become(
        "sandbox", *(arguments or ("--help",)), environment={"SANDBOX_COMMAND": "spotkiln sandbox"}
    )
    return Exit.OK
