"""How a command starts a run, and follows it to its end."""

from typing import TYPE_CHECKING, Any

from spotkiln.cli.output import Exit, give_up_stdout, show, tell, voice

if TYPE_CHECKING:
    from spotkiln.cli.runs import Ending


def start(flow: str, name: str, given: dict[str, Any]) -> str:
    """The id of a new run of the deployment flow/name."""
    from spotkiln.cli import runs
    from spotkiln.cli.deployment import find

    return runs.start(find(flow, name), given)


def until_the_end(
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
        # How it ends is not known yet, so the exit code is not that of a success.
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
