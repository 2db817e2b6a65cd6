"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

Follow = Annotated[bool, Parameter(help="Follow the run to its end.")]
Verbose = Annotated[
    bool,
    Parameter(
        name=["--verbose", "-v"],
        negative=(),
        help="All that the run logs, such as Packer's output.",
    ),
]
Ref = Annotated[str, Parameter(help="A branch, a tag or a commit. Default: the deployment's own.")]
Why = Annotated[
    str, Parameter(help="In your own words, for the page and for whoever must approve it.")
]
TakeTurn = Annotated[
    bool,
    Parameter(
        negative=(),
        help="Do not wait for a release that has not launched its servers yet: it gives way.",
    ),
]
Check = Annotated[
    bool,
    Parameter(
        help="Look in AWS first, as far as this terminal may, whether there is such a version."
    ),
]
Limit = Annotated[int, Parameter(validator=Number(gte=1, lte=200), help="So many at most.")]
Days = Annotated[int, Parameter(validator=Number(gte=1, lte=730), help="So many days back.")]
Comment = Annotated[str, Parameter(help="What the page says beside the answer.")]
Detailed = Annotated[
    bool,
    Parameter(
        negative=(),
        help="End with 3, not 0, when nothing had to be done, and with 4 or 5, not 1, when a "
        "rollback holds the commit (4) or the release waits for the end of a freeze (5).",
    ),
]
OneUnit = Annotated[
    str, Parameter(help="Of this unit alone: web is the application itself; or worker, migrate ...")
]
LAST_HOUR = "1h"
Since = Annotated[
    str, Parameter(help="How far back: 90s, 30m, 2d, or a time like 2026-01-31T12:00.")
]
New = Annotated[bool, Parameter(negative=(), help="Go on with new lines, until Ctrl-C.")]

Folder = Annotated[Path, Parameter(help="The application's folder.")]
Schema = Annotated[
    str,
    Parameter(
        help="Where editors find the JSON Schema, such as an address of your documentation; empty: "
        "in this installation."
    ),
]
