"""Run: one command of an application, with what its servers have."""

from prefect import State, flow

from spotkiln.bake.builder import BuildSettings
from spotkiln.bake.configuration import Configuration
from spotkiln.release.command import CommandEnd
from spotkiln.release.seconds import DEFAULT_SECONDS
from spotkiln.start import form
from spotkiln.tasks import names
from spotkiln.tasks.bake.command import (
    carry_out_command,
    command_run,
    end_machine,
    look_up_command,
    what_is_asked,
)


@flow(name="run", flow_run_name=names.command, retries=0)
def run(
    app: form.Name,
    command: form.Command,
    seconds: form.Seconds = DEFAULT_SECONDS,
    infra: form.Its = None,
    build: form.Build = BuildSettings(),
    configuration: form.Settings = Configuration(),
) -> State[CommandEnd]:
    """Carries out one command on a machine of its own, launched from the image that serves.

    It has the servers' instance profile, security groups and configuration, and nothing that serves
    starts on it. Afterwards it is gone, however the run ends. What the command says is in the run's
    log, and so in Prefect's database.

    Args:
        app: The application, by the name of its deployment of the flow release.
        command: The program and its arguments, each by itself. No shell reads them.
        seconds: How long the command may take.
        infra: Names to look up, as for a release. Without them: all as that deployment has it.
        build: The kind of machine, as for a release.
        configuration: Where its settings and secrets are, as for a release.
    """
    spec = what_is_asked(app, command, seconds, infra, build, configuration)
    with command_run(spec) as its:
        errand = look_up_command(spec, its.id, its.run, its.folder / "errand")
        with its.alive(errand), its.undoing() as undo:
            undo.later("end the machine", end_machine, errand)
            ended = carry_out_command(errand)
        return its.end(ended)
