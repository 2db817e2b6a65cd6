"""The steps of one command that a person asks for."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from uuid import uuid4

from prefect import State, task
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from spotkiln.aws.bake.discard import discard_builders
from spotkiln.aws.keep import command as finding
from spotkiln.aws.session import connect, resolve_region
from spotkiln.bake.builder import BuildSettings
from spotkiln.bake.configuration import Configuration
from spotkiln.bake.errand import Ended, Errand
from spotkiln.bake.infra_names import InfraNames
from spotkiln.keep.heartbeat import Heartbeat
from spotkiln.prefect_api import ended as ends
from spotkiln.prefect_api.connection import ask
from spotkiln.release.command import CommandEnd, CommandSpec
from spotkiln.release.summary import release_id
from spotkiln.tasks.bake.errand import carry_out
from spotkiln.tasks.deployed import settings_of
from spotkiln.tasks.keep.alive import Owner, living
from spotkiln.tasks.step import STEP, report_failed_undo, say
from spotkiln.undo import UndoStack
from spotkiln.workdir import leave_folder, run_folder


def what_is_asked(
    app: str,
    command: tuple[str, ...],
    seconds: int,
    infra: InfraNames | None,
    build: BuildSettings,
    configuration: Configuration,
) -> CommandSpec:
    """Without names to look up, all is as the application's releases have it.

    Raises:
        InputError: Prefect has no such application.
    """
    if infra is None:
        found = settings_of(app)
        app, infra = found.app.name, found.infra
        build, configuration = found.build, found.configuration
    return CommandSpec(
        app=app, command=command, infra=infra, build=build, configuration=configuration,
        seconds=seconds,
    )  # fmt: skip


class CommandRun:
    """The run of one command: its id, which owns what it makes, and its folder."""

    def __init__(self, spec: CommandSpec) -> None:
        self.spec = spec
        self.run = str(flow_run.id or uuid4())
        self.id = release_id(spec.app, self.run)
        self.folder: Path = run_folder(self.id)

    def undoing(self) -> UndoStack:
        """What is undone if anything fails from here on."""
        return UndoStack(lambda: None, report_failed_undo, lambda what: say(f"undone: {what}"))

    def alive(self, errand: Errand) -> AbstractContextManager[Heartbeat]:
        """For as long as the block runs, reconcile leaves its machine alone."""
        return living(
            Owner(
                id=self.id,
                run=self.run,
                region=errand.region,
                vpc=errand.vpc,
                builder=errand.builder,
                tags=errand.tags,
            )
        )

    def end(self, ended: Ended) -> "State[CommandEnd]":
        """Completed if it ended with 0, else Failed. Whoever follows the run reads how."""
        told = CommandEnd.of(ended)
        if flow_run.id:
            ask(ends.write, self.run, told)
        if ended.code == 0:
            return Completed(message="it ended with 0", data=told)
        # With data that is no exception Prefect would log that it cannot raise it.
        return Failed(message=ended.why)


@contextmanager
def command_run(spec: CommandSpec) -> Iterator[CommandRun]:
    run = CommandRun(spec)
    try:
        yield run
    finally:
        leave_folder(run.folder)


@task(name="look up command", task_run_name="1 look up: what serves", **STEP)
def look_up_command(spec: CommandSpec, owner: str, run: str, folder: Path) -> Errand:
    """The image that serves, and what its servers are launched with."""
    aws = connect(resolve_region(spec.infra.region))
    errand = finding.find_errand(aws, spec, owner, run, folder)
    say(
        f"a {errand.builder.instance_type} of {errand.image}, which serves "
        f"{spec.infra.target_group}, for at most {errand.seconds} s"
    )
    return errand


@task(name="carry out command", task_run_name="2 carry out", **STEP)
def carry_out_command(errand: Errand) -> Ended:
    """Carry it out. A machine that could not be had is tried again, a command that has begun is
    not."""
    return carry_out(errand, "run")


@task(name="end machine", task_run_name="undo: end the machine", **STEP)
def end_machine(errand: Errand) -> list[str]:
    """Whatever was launched for it."""
    return discard_builders(connect(errand.region), errand.owner, say)
