"""The command `spotkiln`.

Ends with 0 if all is well, 1 if something failed, 2 for bad input or usage, 130 when interrupted;
where `--detailed-exit-code` asks for it, 3 for a release that found nothing to do, 4 for one that a
rollback forbids and 5 for one that waits for the end of a freeze.
"""

import os
from collections.abc import Callable, Sequence

from cyclopts import App, Group

from spotkiln import __version__
from spotkiln.cli.commands import (
    accounting,
    describing,
    keeping,
    looking,
    previewing,
    rehearsing,
    releasing,
    serving,
    stepping,
)
from spotkiln.cli.ending import exit_code

app = App(
    name="spotkiln",
    help="Turns a commit into servers. An application is named by its deployment in Prefect; "
    "its settings are that deployment's parameters.",
    version=__version__,
    result_action="return_value",
)
RELEASE = Group("Release, and go back", sort_key=1)
LOOK = Group("Look", sort_key=2)
DESCRIBE = Group("Describe an application", sort_key=3)
SERVE = Group("Keep it running", sort_key=4)

COMMANDS: dict[Group, tuple[Callable[..., int], ...]] = {
    RELEASE: (
        releasing.release,
        releasing.rollback,
        releasing.restart,
        releasing.approve,
        releasing.reject,
        releasing.follow,
        releasing.cancel,
        stepping.pause,
        stepping.resume,
        stepping.promote,
        stepping.abort,
        releasing.unhold,
        releasing.run,
        releasing.retire,
    ),
    LOOK: (
        looking.list_,
        looking.status,
        looking.plan,
        looking.history,
        looking.report,
        looking.versions,
        looking.diff,
        looking.sbom,
        looking.logs,
        looking.ssh,
        looking.open_,
        looking.doctor,
    ),
    DESCRIBE: (
        describing.new,
        describing.units,
        describing.init,
        describing.check,
        describing.docs,
        rehearsing.rehearse,
        rehearsing.sandbox,
    ),
    SERVE: (
        serving.server,
        serving.worker,
        serving.automations,
        keeping.base,
        keeping.nightly,
        keeping.reconcile,
        keeping.traffic,
    ),
}
for group, commands in COMMANDS.items():
    for command in commands:
        # Two have a dash behind them, for Python has their names already.
        app.command(command, name=command.__name__.rstrip("_"), group=group)
# Each has `preview` before it.
PREVIEW = (previewing.list_, previewing.make, previewing.remove)
preview = App(
    name="preview",
    help="List, make or remove the environments of branches, which pushes make by themselves.",
    group=RELEASE,
    result_action="return_value",
)
for command in PREVIEW:
    preview.command(command, name=command.__name__.rstrip("_"))
app.command(preview)
# Each has `account` before it.
ACCOUNT = (accounting.plan, accounting.apply, accounting.check, accounting.template)
account = App(
    name="account",
    help="Make an AWS account ready for releases, by one CloudFormation stack.",
    group=SERVE,
    result_action="return_value",
)
for command in ACCOUNT:
    account.command(command, name=command.__name__)
app.command(account)
app.register_install_completion_command(add_to_startup=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    # Prefect's client would tell its makers of each use, and say so in the middle of an answer.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    return exit_code(app, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
