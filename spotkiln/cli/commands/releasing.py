"""Commands that start a run, follow it, answer it or end it.

Each imports what it needs when it runs: Prefect and boto3 take seconds, and neither help nor a
mistake in what was typed is worth the wait.
"""

from typing import Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from spotkiln.bake.gitref import require_ref
from spotkiln.cli.commands.following import until_the_end
from spotkiln.cli.commands.options import (
    Check,
    Comment,
    Detailed,
    Follow,
    Ref,
    TakeTurn,
    Verbose,
    Why,
)
from spotkiln.cli.output import Exit, Json, show, tell
from spotkiln.cli.typed import require_command, require_the_same
from spotkiln.keep.versions import CURRENT, PREVIOUS
from spotkiln.release.seconds import DEFAULT_SECONDS, LEAST_SECONDS, MOST_SECONDS
from spotkiln.start.deployment import RELEASE, ROLLBACK


def release(
    name: str,
    /,
    *,
    ref: Ref = "",
    why: Why = "",
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
    from spotkiln.cli.deployment import find
    from spotkiln.start.settings import settings

    asked = {"force": force, "even_if_held": even_if_held}
    given: dict[str, Any] = {name: True for name, wanted in asked.items() if wanted}
    if break_glass:
        given["break_glass"] = runs.who_and_why(break_glass)
    given |= {"why": why} if why else {}
    deployment = find(RELEASE, name).at_ref(ref)
    if ref:
        # If it is wrong, that is told now, and not by the run.
        given["ref"] = settings(deployment).app.ref
    run = runs.start(deployment, given)
    return until_the_end(
        run, follow=follow, verbose=verbose, detailed=detailed_exit_code, as_json=as_json
    )


def rollback(
    name: str,
    version: str = PREVIOUS,
    /,
    *,
    why: Why = "",
    take_turn: TakeTurn = False,
    check: Check = True,
    follow: Follow = True,
    verbose: Verbose = False,
    detailed_exit_code: Detailed = False,
    as_json: Json = False,
) -> int:
    """Start a run of the deployment rollback/NAME, and follow it to its end.

    VERSION is an image's id, a commit or the beginning of one; `spotkiln versions NAME` lists them.
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
    given |= {"why": why} if why else {}
    run = runs.start(deployment, given)
    return until_the_end(
        run, follow=follow, verbose=verbose, detailed=detailed_exit_code, as_json=as_json
    )


def restart(
    name: str,
    /,
    *,
    why: Why = "",
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
        why=why,
        take_turn=take_turn,
        check=check,
        follow=follow,
        verbose=verbose,
        as_json=as_json,
    )


def retire(
    name: str,
    /,
    *,
    versions: Annotated[
        Literal["keep", "discard"] | None,
        Parameter(
            help="Whether the images that served stay. Those that another target group has served "
            "with stay in any case."
        ),
    ] = None,
    yes: Annotated[
        str, Parameter(help="NAME once more: do not ask, and the last servers may go.")
    ] = "",
    follow: Follow = True,
    verbose: Verbose = False,
    as_json: Json = False,
) -> int:
    """Take NAME down for good: drain and end what serves, keep or discard its versions, and remove
    its deployments, with their schedules and what automations say of them.

    On a terminal it asks twice; in a pipe it wants --yes NAME and --versions. Once it has begun it
    is finished, by reconcile if its run is killed. Nothing that another deployment has is touched.
    """
    require_the_same(name, yes)
    from spotkiln.cli import retire as retiring
    from spotkiln.keep.takedown import Old

    consent = retiring.Consent(versions=Old(versions) if versions else None, yes=yes)
    run = retiring.retire(name, consent)
    return until_the_end(run, follow=follow, verbose=verbose, as_json=as_json)


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
    require_command(name, command)
    from spotkiln.cli.command import carry_out, spec_of
    from spotkiln.cli.deployment import find

    application = find(RELEASE, name)
    done = carry_out(application, spec_of(application, command, timeout), aside=as_json)
    if as_json:
        show(done, as_json=True)
    elif done.why:
        tell(f"spotkiln: {done.why}", aside=True)
    return done.code


def follow(run: str, /, *, verbose: Verbose = False, as_json: Json = False) -> int:
    """Follow RUN to its end: its id, the beginning of it, or its name."""
    from spotkiln.cli import runs

    return until_the_end(runs.find(run), follow=True, verbose=verbose, as_json=as_json)


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


def _answer(run: str, comment: str, *, approved: bool, as_json: bool) -> int:
    from spotkiln.cli import control
    from spotkiln.release.approval import Decision

    decision = Decision.APPROVE if approved else Decision.REJECT
    found = control.answer(run, decision, comment)
    show(found, str(found), as_json=as_json)
    return Exit.OK
