"""Commands about the files that a company writes. They need neither a Prefect server nor AWS."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from spotkiln.cli.commands.options import Folder, Schema
from spotkiln.cli.output import Json


def new(
    folder: Annotated[Path, Parameter(help="Where it is made: a new folder, or an empty one.")],
    /,
    *,
    as_json: Json = False,
) -> int:
    """Make a company's own repository in FOLDER: deployments, automations, an application as an
    example, what CI checks, and a README with the first steps."""
    from spotkiln.cli import new as writing

    return writing.new(folder, as_json=as_json)


def units(
    folder: Annotated[Path, Parameter(help="Where they go, such as /etc/systemd/system.")],
    /,
    *,
    repository: Annotated[
        Path, Parameter(help="Where relative paths in prefect.yaml begin. Default: this folder.")
    ] = Path(),
    as_json: Json = False,
) -> int:
    """Write systemd units for a host into FOLDER: server, worker and receiver of this installation,
    hardened. They take the place of those of an earlier version."""
    from spotkiln.cli import units as writing

    return writing.units(folder, repository, as_json=as_json)


def init(path: Folder = Path(), /, *, schema: Schema = "", as_json: Json = False) -> int:
    """Write a spotkiln.yaml for the application in PATH, from what its files tell, with the
    reasons. One that is there stays."""
    from spotkiln.cli import describe

    return describe.init(path, schema, as_json=as_json)


def check(path: Folder = Path(), /, *, as_json: Json = False) -> int:
    """Read the spotkiln.yaml in PATH, say what a release would do, and refuse what would fail.
    If PATH is a prefect.yaml: whether its deployments give their flows what these take."""
    if path.is_file():
        from spotkiln.cli import parameters

        return parameters.check(path, as_json=as_json)
    from spotkiln.cli import describe

    return describe.check(path, as_json=as_json)


def docs(
    page: Annotated[str, Parameter(help="Its name, such as `traffic`. Default: their list.")] = "",
    section: Annotated[str, Parameter(help="Words of a heading: that part alone.")] = "",
    /,
    *,
    as_json: Json = False,
) -> int:
    """The documentation of this version: the list of its pages, or one of them."""
    from spotkiln.cli import docs as reading

    return reading.docs(page, section, as_json=as_json)
