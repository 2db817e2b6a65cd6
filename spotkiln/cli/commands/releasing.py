"""Commands that start a run, follow it, answer it or end it.

Each imports what it needs when it runs: Prefect and boto3 take seconds, and neither help nor a
mistake in what was typed is worth the wait.
"""

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from spotkiln.bake.gitref import require_ref
from spotkiln.cli.commands.options import Check, Comment, Detailed, Follow, Ref, TakeTurn, Verbose
from spotkiln.cli.output import Exit, Json, give_up_stdout, show, tell, voice
from spotkiln.keep.versions import CURRENT, PREVIOUS
from spotkiln.release.seconds import DEFAULT_SECONDS, LEAST_SECONDS, MOST_SECONDS
from spotkiln.start.deployment import NIGHTLY, RECONCILE, RELEASE, ROLLBACK

if TYPE_CHECKING:
    from spotkiln.cli.runs import Ending


def release(
    name: str,
    /,
    *,
    ref: Ref = "",
    force: Annotated[
        bool, Parameter(negative=(), help="Release it again, though the same serves already.")
    ] = False,
    even_if_held: Annotated[
        bool, Parameter(negative=(), help="Release it though a rollback has left it.")
    ] = False,
    break_glass: Annotated[
        str,
        Parameter(name="--break-glass", help="Release it in a freeze: why. Your name is added."),
    ] = "",
    follow: Follow = True,
    verbose: Verbose = False,
    detailed_exit_code: Detailed = False,
    as_json: Json = False,
) -> int:
    """Start a run of the deployment release/NAME, and follow it to its end.

    A commit that a rollback has left is released only with --even-if-held. In a freeze of the
    deployment's the run waits and starts by itself, unless --break-glass says why it must not.
    """
    require_ref(ref)
    from spotkiln.cli import runs
    from spotkiln.cli.deployment import find, settings

    asked = {"force": force, "even_if_held": even_if_held}
    given: dict[str, Any] = {name: True for name, wanted in asked.items() if wanted}
    if break_glass:
        given["break_glass"] = runs.who_and_why(break_glass)
    deployment = find(RELEASE, name).at_ref(ref)
    if ref:
        # If it is wrong, that is told now, and not by the run.
        given["app"] = settings(deployment).app.model_dump(mode="json")
    run = runs.start(deployment, given)
    return _until_the_end(
        run, follow=follow, verbose=verbose, detailed=detailed_exit_code, as_json=as_json
    )


def rollback(
    name: str,
    version: str = PREVIOUS,
    /,
    *,
    take_turn: TakeTurn = False,
    check: Check = True,
    follow: Follow = True,
    verbose: Verbose = False,
    detailed_exit_code: Detailed = False,
    as_json: Json = False,
) -> int:
    """Start a run of the deployment rollback/NAME, and follow it to its end.

    VERSION is an image's id, a commit or the beginning of one; `spotkiln versions` lists them.
    With --take-turn it does not wait for a release that has not launched its servers yet: that one
    gives way.
    """
    from spotkiln.cli import runs
    from spotkiln.cli import version as versions
    from spotkiln.cli.deployment import find

    deployment = find(ROLLBACK, name)
    if check:
        versions.require(deployment, version)
    given: dict[str, Any] = {"version": version, **({"take_turn": True} if take_turn else {})}
    run = runs.start(deployment, given)
    return _until_the_end(
        run, follow=follow, verbose=verbose, detailed=detailed_exit_code, as_json=as_json
    )


def restart(
    name: str,
    /,
    *,
    take_turn: TakeTurn = False,
    check: Check = True,
    follow: Follow = True,
    verbose: Verbose = False,
    as_json: Json = False,
) -> int:
    """Start a run of the deployment rollback/NAME that puts the image which serves onto new
    servers, and follow it to its end.

    They read their configuration anew, and take the place of the old ones through the same gate.
    Nothing is baked. With --take-turn it does not wait for a release that has not launched its
    servers yet: that one gives way.
    """
    return rollback(
        name,
        CURRENT,
        take_turn=take_turn,
        check=check,
        follow=follow,
        verbose=verbose,
        as_json=as_json,
    )


def run(
    name: str,
    /,
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    timeout: Annotated[
        int,
        Parameter(
            validator=Number(gte=LEAST_SECONDS, lte=MOST_SECONDS),
            help="End the command after so many seconds.",
        ),
    ] = DEFAULT_SECONDS,
    as_json: Json = False,
) -> int:
    """Carry out COMMAND with what the servers of NAME have, on a machine of its own, launched from
    the image that serves. Ends as the command ends.

    Write `--` before COMMAND. Its output is shown as it comes, and kept in the run's log. Ctrl-C
    ends the command and its machine.
    """
    from spotkiln.cli.command import carry_out, spec_of

    done = carry_out(spec_of(name, command, timeout), aside=as_json)
    if as_json:
        show(done, as_json=True)
    elif done.why:
        tell(f"spotkiln: {done.why}", aside=True)
    return done.code


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
    run = _start(NIGHTLY, name, given)
    return _until_the_end(run, follow=follow, verbose=verbose, as_json=as_json)


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
    return _until_the_end(
        run, follow=follow, verbose=verbose, detailed=detailed_exit_code, as_json=as_json
    )


def reconcile(
    *,
    dry_run: Annotated[
        bool, Parameter(negative=(), help="Say what there is to do, and do nothing.")
    ] = False,
    follow: Follow = True,
    verbose: Verbose = False,
    as_json: Json = False,
) -> int:
    """Finish or undo what no living release owns, now. It runs every ten minutes by itself."""
    given: dict[str, Any] = {"dry_run": True} if dry_run else {}
    run = _start(RECONCILE, RECONCILE, given)
    return _until_the_end(run, follow=follow, verbose=verbose, as_json=as_json)


def follow(run: str, /, *, verbose: Verbose = False, as_json: Json = False) -> int:
    """Follow RUN to its end: its id, the beginning of it, or its name."""
    from spotkiln.cli import runs

    return _until_the_end(runs.find(run), follow=True, verbose=verbose, as_json=as_json)


def approve(run: str, /, *, comment: Comment = "", as_json: Json = False) -> int:
    """Let RUN go on, which waits for an approval. RUN may be an application of which one waits."""
    return _answer(run, comment, approved=True, as_json=as_json)


def reject(run: str, /, *, comment: Comment = "", as_json: Json = False) -> int:
    """End RUN as declined, which waits for an approval. RUN may be an application of which one
    waits."""
    return _answer(run, comment, approved=False, as_json=as_json)


def cancel(run: str, /, *, as_json: Json = False) -> int:
    """End RUN. What it made goes back; what served serves on."""
    from spotkiln.cli import control

    found = control.cancel(run)
    show(found, str(found), as_json=as_json)
    return Exit.OK


def unhold(name: str, /, *, as_json: Json = False) -> int:
    """Lift the hold of NAME: what a rollback has left may be released again."""
    from spotkiln.cli import hold as holding
    from spotkiln.cli.deployment import settings_of

    found = holding.lift(settings_of(name))
    show(found, holding.text(found), as_json=as_json)
    return Exit.OK


def _start(flow: str, name: str, given: dict[str, Any]) -> str:
    """The id of a new run of the deployment flow/name."""
    from spotkiln.cli import runs
    from spotkiln.cli.deployment import find

    return runs.start(find(flow, name), given)


def _answer(run: str, comment: str, *, approved: bool, as_json: bool) -> int:
    from spotkiln.cli import control
    from spotkiln.release.approval import Decision

    decision = Decision.APPROVE if approved else Decision.REJECT
    found = control.answer(run, decision, comment)
    show(found, str(found), as_json=as_json)
    return Exit.OK


def _until_the_end(
    run: str, *, follow: bool, as_json: bool, verbose: bool = False, detailed: bool = False
) -> int:
    from spotkiln.cli import runs
    from spotkiln.prefect_api.run import page_of

    where = page_of(run)
    try:
        tell(f"run {run} {where}".rstrip(), aside=as_json)
        if not follow:
            if as_json:
                show({"run": run, "url": where}, as_json=True)
            return Exit.OK
        with voice(aside=as_json) as telling:
            end = runs.follow(run, telling, verbose=verbose)
    except KeyboardInterrupt:
        _tell_that_it_goes_on(run)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # What comes of it nobody knows yet: that is no success.
        give_up_stdout()
        _tell_that_it_goes_on(run)
        return Exit.FAILED
    try:
        show(end, str(end), as_json=as_json)
    except BrokenPipeError:
        give_up_stdout()
    return _code_of(end, detailed=detailed)


def _code_of(end: "Ending", *, detailed: bool) -> int:
    from spotkiln.release.release import Outcome

    if end.ok and end.outcome == Outcome.UNCHANGED and detailed:
        return Exit.UNCHANGED
    if detailed and end.outcome in {Outcome.HELD, Outcome.FROZEN}:
        return Exit.HELD if end.outcome == Outcome.HELD else Exit.FROZEN
    return Exit.OK if end.ok else Exit.FAILED


def _tell_that_it_goes_on(run: str) -> None:
    from spotkiln.cli.runs import short

    ident = short(run)
    tell(
        f"the run goes on; `spotkiln cancel {ident}` ends it, `spotkiln follow {ident}` follows it "
        "again",
        aside=True,
    )
