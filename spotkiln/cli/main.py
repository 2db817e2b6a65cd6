"""The command `spotkiln`.

Ends with 0 if all is well, 1 if something failed, 2 for bad input or usage, 130 when interrupted;
where `--detailed-exit-code` asks for it, 3 for a release that found nothing to do and 4 for one
that a rollback forbids.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from spotkiln import __version__
from spotkiln.bake.gitref import require_ref
from spotkiln.cli.ending import exit_code
from spotkiln.cli.output import Exit, Json, columns, moment, show, tell, voice
from spotkiln.keep.versions import PREVIOUS
from spotkiln.start.deployment import POOL, RELEASE, ROLLBACK

# Each command imports what it needs when it runs: Prefect and boto3 take seconds, and neither
# help nor a mistake in what was typed is worth the wait.

app = App(
    name="spotkiln",
    help="Turns a commit into servers. An application is named by its deployment in Prefect; "
    "its settings are that deployment's parameters.",
    version=__version__,
    result_action="return_value",
)

Follow = Annotated[bool, Parameter(help="Follow the run to its end.")]
Detailed = Annotated[
    bool,
    Parameter(
        negative=(),
        help="End with 3, not 0, when nothing had to be done, and with 4, not 1, when a rollback "
        "holds the commit.",
    ),
]


app.command("spotkiln.cli.describe:init")
app.command("spotkiln.cli.describe:check")


@app.command
def versions(name: str, /, *, as_json: Json = False) -> int:
    """The versions that NAME's target group can go back to, the one released last first."""
    from spotkiln.aws.bake.infra import target_group
    from spotkiln.aws.keep.versions import list_versions
    from spotkiln.aws.session import connect, resolve_region
    from spotkiln.cli.deployment import settings_of

    spec = settings_of(name)
    aws = connect(resolve_region(spec.infra.region))
    found = list_versions(aws, spec.app.name, target_group(aws, spec.infra.target_group))
    rows = ((x.image, x.commit[:12], moment(x.released), x.serving or "", x.remarks) for x in found)
    header = ["IMAGE", "COMMIT", "RELEASED", "SERVING", "REMARKS"]
    show(found, columns(header, rows), as_json=as_json)
    return Exit.OK


@app.command
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


@app.command
def plan(name: str, /, *, ref: str = "", as_json: Json = False) -> int:
    """What a release of NAME would do: bake or reuse, launch, retire. Changes nothing."""
    require_ref(ref)
    from spotkiln.cli import plan as planning
    from spotkiln.cli.deployment import find, settings

    found = planning.look(settings(find(RELEASE, name).at_ref(ref)))
    show(found, planning.text(found), as_json=as_json)
    return Exit.OK


@app.command
def doctor(name: str = "", /, *, as_json: Json = False) -> int:
    """Check that everything is there that a release needs, as seen from this machine: of all
    applications, or of NAME. Ends with 1 unless all is ok."""
    from spotkiln.cli import doctor as doctoring

    found = doctoring.examine(name)
    show(found, doctoring.table(found), as_json=as_json)
    return Exit.OK if all(one.ok for one in found) else Exit.FAILED


@app.command
def release(
    name: str,
    /,
    *,
    ref: str = "",
    force: Annotated[bool, Parameter(negative=())] = False,
    even_if_held: Annotated[bool, Parameter(negative=())] = False,
    follow: Follow = True,
    detailed_exit_code: Detailed = False,
    as_json: Json = False,
) -> int:
    """Start a run of the deployment release/NAME, and follow it to its end.

    A commit that a rollback has left is released only with --even-if-held.
    """
    require_ref(ref)
    from spotkiln.cli import runs
    from spotkiln.cli.deployment import find, settings

    asked = {"force": force, "even_if_held": even_if_held}
    given: dict[str, Any] = {name: True for name, wanted in asked.items() if wanted}
    deployment = find(RELEASE, name).at_ref(ref)
    if ref:
        # If it is wrong, that is told now, and not by the run.
        given["app"] = settings(deployment).app.model_dump(mode="json")
    run = runs.start(deployment, given)
    return _until_the_end(run, follow=follow, detailed=detailed_exit_code, as_json=as_json)


@app.command
def rollback(
    name: str,
    version: str = PREVIOUS,
    /,
    *,
    take_turn: Annotated[bool, Parameter(negative=())] = False,
    follow: Follow = True,
    detailed_exit_code: Detailed = False,
    as_json: Json = False,
) -> int:
    """Start a run of the deployment rollback/NAME, and follow it to its end.

    VERSION is an image's id, a commit or the beginning of one; `spotkiln versions` lists them.
    With --take-turn it does not wait for a release that has not launched its servers yet: that one
    gives way.
    """
    from spotkiln.cli import runs
    from spotkiln.cli.deployment import find

    given: dict[str, Any] = {"version": version, **({"take_turn": True} if take_turn else {})}
    run = runs.start(find(ROLLBACK, name), given)
    return _until_the_end(run, follow=follow, detailed=detailed_exit_code, as_json=as_json)


@app.command
def unhold(name: str, /, *, as_json: Json = False) -> int:
    """Lift the hold of NAME: what a rollback has left may be released again."""
    from spotkiln.cli import hold as holding
    from spotkiln.cli.deployment import settings_of

    found = holding.lift(settings_of(name))
    show(found, holding.text(found), as_json=as_json)
    return Exit.OK


@app.command
def logs(run: str, /, *, as_json: Json = False) -> int:
    """What RUN has logged so far: its id, or its name for the newest run of that name."""
    from spotkiln.cli import runs

    found = runs.lines(runs.find(run))
    show(found, "\n".join(map(str, found)), as_json=as_json)
    return Exit.OK


@app.command
def automations(file: Path = Path("automations.yaml"), /, *, as_json: Json = False) -> int:
    """Make Prefect's automations those of FILE, by name. Safe to repeat.

    One that needs a notification block which is not there is left out.
    """
    from spotkiln.cli import automations as automating

    found = automating.apply(file)
    show(found, automating.table(found), as_json=as_json)
    return Exit.OK


@app.command
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


@app.command
def worker(*, pool: str = POOL, limit: int = 4, name: str = "") -> int:
    """Run the flows of a work pool on this machine: at most LIMIT releases at once, and what is
    urgent (rollbacks, reconcile) besides.

    After SIGTERM or Ctrl-C it takes no more runs, and ends when its runs have ended. A second one
    ends it and its runs at once.
    """
    import anyio

    from spotkiln.cli import worker as working
    from spotkiln.prefect_api.connection import address

    address()
    anyio.run(working.work, pool, limit, name)
    return Exit.OK


def _until_the_end(run: str, *, follow: bool, detailed: bool, as_json: bool) -> int:
    from spotkiln.cli import runs
    from spotkiln.prefect_api.run import page_of
    from spotkiln.release.release import Outcome

    where = page_of(run)
    tell(f"run {run} {where}".rstrip(), aside=as_json)
    if not follow:
        if as_json:
            show({"run": run, "url": where}, as_json=True)
        return Exit.OK
    with voice(aside=as_json) as telling:
        end = runs.follow(run, telling)
    show(end, str(end), as_json=as_json)
    if end.ok and end.outcome == Outcome.UNCHANGED and detailed:
        return Exit.UNCHANGED
    if end.outcome == Outcome.HELD and detailed:
        return Exit.HELD
    return Exit.OK if end.ok else Exit.FAILED


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    return exit_code(app, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
