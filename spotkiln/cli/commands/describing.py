"""Commands about an application's own spotkiln.yaml. They need neither Prefect nor AWS."""

from pathlib import Path

from spotkiln.cli.commands.options import Folder, Schema
from spotkiln.cli.output import Json


def init(path: Folder = Path(), /, *, schema: Schema = "", as_json: Json = False) -> int:
    """Write a spotkiln.yaml for the application in PATH, from what its files tell, with the
    reasons. One that is there stays."""
    from spotkiln.cli import describe

    return describe.init(path, schema, as_json=as_json)


def check(path: Folder = Path(), /, *, as_json: Json = False) -> int:
    """Read the spotkiln.yaml in PATH, say what a release would do, and refuse what would fail."""
    from spotkiln.cli import describe

    return describe.check(path, as_json=as_json)
