"""Run one of our templates."""

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from prefect.runtime import task_run

from spotkiln import tags as t
from spotkiln.aws import role
from spotkiln.bake.builder import Place
from spotkiln.bake.failure import may_have_lost
from spotkiln.bake.machine_end import MachineEnd
from spotkiln.bake.newer_packer import template_for
from spotkiln.bake.packer import find_packer, packer_command, run_packer, write_variables
from spotkiln.bake.packer_output import LEAVES, PackerRun, made, reached
from spotkiln.bake.spot import again
from spotkiln.bake.variables import TEMPLATES
from spotkiln.errors import SpotkilnError
from spotkiln.release.ledger import REQUESTED
from spotkiln.start.run import LogSource
from spotkiln.tasks.bake.spot import look_at_machine, what_it_cost
from spotkiln.tasks.progress import Bar
from spotkiln.tasks.step import say


def from_packer(text: str) -> None:
    """A line of its output, in the run's log."""
    say(text, of=LogSource.PACKER)


def early(look: Callable[[], None]) -> Callable[[str], None]:
    """Hears what Packer says, and looks once what has come of it: as soon as Packer takes its
    machine away, which may last a minute. What that look cannot tell is seen at the end."""
    looked = False

    def hear(text: str) -> None:
        nonlocal looked
        from_packer(text)
        if LEAVES in text and not looked:
            looked = True
            with suppress(SpotkilnError):
                look()

    return hear


def run_template(
    what: str,
    template: str,
    variables: dict[str, object],
    folder: Path,
    timeout: float,
    *,
    places: Sequence[Place],
    heard: Callable[[str], None] = from_packer,
) -> PackerRun:
    """Run it in the first of these `places` where EC2 has room, and once more where EC2 took a Spot
    machine back, or ended it for what On-Demand may not meet. Each line of its output is given to
    `heard`; `what` it is for is a progress artifact. `folder` is made anew; `timeout` in seconds,
    for each place."""
    left, region = list(places), str(variables["region"])
    spot_asked = any(one.spot for one in places)
    while True:
        place = left.pop(0)
        given = {**variables, **place.variables}
        run = _run_once(what, template, given, folder, timeout, heard)
        lost = may_have_lost(run)
        machine = look_at_machine(region, run) if spot_asked or lost else None
        run.ended = MachineEnd.of(machine) if lost else None
        if machine and spot_asked:
            run.used = what_it_cost(region, machine)
            say(f"{what}: {run.used}")
        repeated = again(run, place, machine)
        if repeated is None or not (left := repeated.among(left)):
            return run
        say(f"{repeated.why}; the next place is tried")


def _run_once(
    what: str,
    template: str,
    variables: dict[str, object],
    folder: Path,
    timeout: float,
    heard: Callable[[str], None],
) -> PackerRun:
    marks = variables.get("run_tags")
    release = str(marks.get(t.RELEASE, "")) if isinstance(marks, dict) else ""
    # Outside of a run there is no server to show it.
    bar = Bar(what) if task_run.id else None

    def hear(text: str) -> None:
        heard(text)
        if release and (one := made(text)):
            REQUESTED.note(release, *one)
        if bar and (milestone := reached(text)):
            bar.to(milestone.percent, milestone.waits_for)

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    file = folder / "variables.pkrvars.json"
    write_variables(file, variables)
    program, version = find_packer()
    run = run_packer(
        packer_command(program, template_for(version, TEMPLATES / template, folder), file),
        folder=folder,
        say=hear,
        timeout_seconds=timeout,
        environment=role.environment(role.wanted(os.environ), str(variables["region"]), folder),
    )
    if bar and run.exit_code == 0:
        bar.to(100)
    return run


def endpoint() -> str:
    """Where Packer finds EC2, when botocore has been told of another place than AWS."""
    return os.environ.get("AWS_ENDPOINT_URL_EC2") or os.environ.get("AWS_ENDPOINT_URL") or ""
