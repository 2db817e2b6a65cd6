"""The steps that carry out one command on a machine of its own."""

import shutil
from functools import partial
from pathlib import Path

from prefect import task

from spotkiln import tags as t
from spotkiln.aws.bake.builder import remove_access
from spotkiln.aws.bake.discard import discard_builders
from spotkiln.aws.keep.migration import await_others
from spotkiln.aws.serve.smoke import address_of_newest, point_at
from spotkiln.aws.session import connect
from spotkiln.bake.architectures import that_run
from spotkiln.bake.errand import (
    Ended,
    Errand,
    Listener,
    errand_variables,
    profile_name,
    read_end,
    require_check_passed,
    require_migrated,
    require_smoke_passed,
    trial_script,
)
from spotkiln.bake.failure import UNIT, packers_own
from spotkiln.bake.image import Image
from spotkiln.bake.infra import Infra
from spotkiln.bake.mounts import user_data_of
from spotkiln.bake.own import CHECK, MIGRATION, SMOKE
from spotkiln.errors import CutOff, InfrastructureError, InputError
from spotkiln.release.job import Job
from spotkiln.release.release import ReleaseSpec
from spotkiln.start.run import LogSource
from spotkiln.tasks.bake.builder import open_machine
from spotkiln.tasks.bake.packer import from_packer, run_template
from spotkiln.tasks.step import CLOCK, STEP, not_urgent, say


def carry_out(errand: Errand, what: str) -> Ended:
    """Launch, carry out, bring home how it ended, and keep nothing of the machine but the way into
    it, which whoever opened it removes: once the command has begun, nothing that fails beside it
    may let it be tried again.

    Raises:
        InputError: the image has no unit for it.
        UnitFailed: the machine could not be prepared.
        CutOff: it was lost after the command had begun.
        InfrastructureError: anything else; nothing was carried out.
    """
    aws = connect(errand.region)
    command, report = _prepare(errand)
    machine = open_machine(
        aws,
        errand.builder,
        errand.owner,
        vpc=errand.vpc,
        subnets=errand.subnets,
        login=errand.login,
        tags=errand.tags,
    )
    variables = errand_variables(machine, errand, command, report)
    listener = Listener(partial(say, of=LogSource.COMMAND), from_packer)
    try:
        run = run_template(
            what,
            "task.pkr.hcl",
            variables,
            errand.folder / "packer",
            errand.timeout_seconds,
            places=machine.on_demand,
            heard=listener.hear,
        )
    except InfrastructureError as error:
        if not listener.begun:
            raise
        # Packer was ended before it could end the machine.
        with not_urgent("end the machine", "reconcile does it"):
            discard_builders(aws, errand.owner, say)
        return _brought_home(errand, report, str(error))
    if run.status == UNIT:
        raise InputError(
            f"{errand.image} was baked by an earlier version of Spotkiln, and has no unit for "
            f"one command: release {errand.app} once more"
        )
    if read_end(report, errand) is None and not listener.begun:
        raise packers_own(run)
    return _brought_home(errand, report, run.why)


def carry_out_apart(errand: Errand, what: str) -> Ended:
    """The same, where no other machine of its owner is reached: the way into it is removed."""
    try:
        return carry_out(errand, what)
    finally:
        with not_urgent(f"remove the way into the machine of the {what}", "reconcile does it"):
            remove_access(connect(errand.region), errand.owner, errand.vpc, CLOCK)


def _prepare(errand: Errand) -> tuple[Path, Path]:
    """An empty folder with the command, which only we may read, and a folder for its report."""
    shutil.rmtree(errand.folder, ignore_errors=True)
    report = errand.folder / "report"
    report.mkdir(parents=True)
    command = errand.folder / "command"
    command.touch(mode=0o600)
    command.write_text(errand.script)
    return command, report


def _brought_home(errand: Errand, report: Path, why: str) -> Ended:
    """How the command ended. `why`: what is known if its end did not come home."""
    ended = read_end(report, errand)
    if ended is None:
        raise CutOff(f"the machine was lost while it carried out the command: {why}")
    return ended


def migration_of(job: Job, image: Image) -> Errand:
    """The release's migration, on a machine as its servers are."""
    build, infra, app = job.builder, job.infra, job.source.app
    return Errand(
        owner=job.release,
        app=app.name,
        image=image.id,
        login=image.login,
        script=f"{app.migrate}\n",
        seconds=app.migrate_seconds,
        tags={**job.tags, t.ROLE: MIGRATION},
        builder=build,
        region=infra.region,
        vpc=infra.vpc,
        subnets=infra.builder_subnets,
        groups=infra.security_groups,
        profile=profile_name(infra.instance_profile),
        configuration=infra.configuration.sources.user_data + user_data_of(infra.mounts),
        folder=job.folder / "migration",
    )


@task(name="migrate", task_run_name="4 launch: migrate the database", **STEP)
def migrate_database(job: Job, image: Image) -> None:
    """Migrate once. A machine that could not be had is tried again, a migration that has begun is
    not.

    Raises:
        MigrationFailed: it ended with an error, or took too long.
        UnitFailed: the machine could not be prepared for it.
        InfrastructureError: anything else.
    """
    errand = migration_of(job, image)
    await_others(connect(errand.region), errand.owner, job.infra.target_group.name, CLOCK)
    say(
        f"migrating once, with {image.id}, for at most {errand.seconds} s: {job.source.app.migrate}"
    )
    require_migrated(carry_out(errand, "migrate"), job.source.app)


def trial_of(
    spec: ReleaseSpec, infra: Infra, image: Image, release: str, tags: dict[str, str], folder: Path
) -> Errand:
    """A trial of the new servers, on a machine as they are; without its command."""
    return Errand(
        owner=release,
        app=spec.app.name,
        image=image.id,
        login=image.login,
        script="",
        seconds=spec.traffic.smoke_seconds,
        tags={**tags, t.ROLE: SMOKE},
        builder=that_run(spec.build, infra.runs, image.architecture),
        region=infra.region,
        vpc=infra.vpc,
        subnets=infra.builder_subnets,
        groups=infra.security_groups,
        profile=profile_name(infra.instance_profile),
        configuration=infra.configuration.sources.user_data + user_data_of(infra.mounts),
        folder=folder / "smoke",
    )


def _try_out(trial: Errand, infra: Infra, command: str, what: str) -> Ended:
    aws = connect(infra.region)
    if infra.smoke_listener:
        url = point_at(aws, infra, infra.target_group)
    else:
        url = address_of_newest(aws, infra, trial.owner)
    errand = trial.model_copy(update={"script": trial_script(command, url)})
    say(f"{what} of {url}, for at most {errand.seconds} s: {command}")
    return carry_out_apart(errand, what)


@task(name="smoke test", task_run_name="4 launch: smoke test", **STEP)
def smoke_test(trial: Errand, infra: Infra, command: str) -> None:
    """Try the new servers through the listener for smoke tests, before they get other requests.

    Raises:
        GateFailed: the command did not end well, or took too long.
        InfrastructureError: its machine could not be had, or was lost.
    """
    require_smoke_passed(_try_out(trial, infra, command, "smoke test"), command)


@task(name="check", task_run_name="4 launch: check", **STEP)
def check_step(trial: Errand, infra: Infra, command: str, seconds: int) -> None:
    """The same while they get other requests; in batches one of the newest itself is asked.

    Raises:
        GateFailed: the command did not end well, or took too long.
        InfrastructureError: its machine could not be had, or was lost.
    """
    changed = {"seconds": seconds, "folder": trial.folder.with_name("check")}
    marked = trial.model_copy(update={**changed, "tags": {**trial.tags, t.ROLE: CHECK}})
    require_check_passed(_try_out(marked, infra, command, "check"), command)


@task(name="close access", task_run_name="4 launch: close the migration's machine", **STEP)
def close_access(job: Job) -> None:
    """Remove the way into the release's machines, once the last of them has gone."""
    second = job.twin.second if job.twin else ""
    remove_access(connect(job.infra.region), job.release, job.infra.vpc, CLOCK, second)
