"""The steps that make a preview and take it away. Each can be repeated; what was begun and not
finished is finished by reconcile."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from prefect import State, task
from prefect.runtime import flow_run
from prefect.states import Completed

from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.keep import lease as leases
from spotkiln.aws.keep import preview as previews
from spotkiln.aws.keep.preview import Made
from spotkiln.aws.session import connect, resolve_region
from spotkiln.bake.app import AppSpec
from spotkiln.bake.infra_names import InfraNames
from spotkiln.errors import SpotkilnError
from spotkiln.keep.preview import Preview, Template, Wanted
from spotkiln.noun import Noun
from spotkiln.prefect_api.run import page_of
from spotkiln.release.on_commit import OnCommit, Report, Standing
from spotkiln.release.release import ReleaseSpec
from spotkiln.release.summary import release_id
from spotkiln.serve.spec import FleetSpec
from spotkiln.start.push import COMMIT
from spotkiln.tasks.keep.lock import hold_group
from spotkiln.tasks.keep.reconcile import clear_up
from spotkiln.tasks.release.telling import tell_host
from spotkiln.tasks.step import CLOCK, STEP, not_urgent, say

REMOVED = "Removed"


class Removed(Noun):
    """What has gone; empty: there was none."""

    preview: str = ""


class Run:
    """One run for a branch: what it wants, and what it asks a release for."""

    def __init__(
        self, app: AppSpec, branch: str, template: Template, infra: InfraNames, on_commit: OnCommit
    ) -> None:
        run = str(flow_run.id or uuid4())
        self.app, self.template, self.names = app, template, infra
        self.region = resolve_region(infra.region)
        self.wanted = Wanted(
            app=app.name,
            branch=branch,
            release=release_id(app.name, run),
            run=run,
            own=infra.tags,
        )
        where = f"{on_commit.environment or 'preview'}/{branch}"[:100]
        self.on_commit = on_commit.model_copy(update={"environment": where})

    def infra(self, made: Made) -> InfraNames:
        """What a release into it looks up."""
        changes = {
            "target_group": made.preview.name,
            "second_target_group": "",
            "also_behind": [],
            "test_port": 0,
            "address": made.address,
            "adopt": False,
        }
        return self.names.model_copy(update=changes)

    def fleet(self, asked: FleetSpec) -> FleetSpec:
        """A preview is small, whatever the deployment shares with others."""
        servers = self.template.servers
        least = min(asked.on_demand, servers)
        changes = {"capacity": servers, "most": servers, "on_demand": least}
        return asked.model_copy(update=changes)


@contextmanager
def preview_run(
    app: AppSpec, branch: str, template: Template, infra: InfraNames, on_commit: OnCommit
) -> Iterator[Run]:
    """Whatever the run comes to: a preview in which nothing serves goes with it."""
    its = Run(app, branch, template, infra, on_commit)
    try:
        yield its
    finally:
        with not_urgent("look whether anything serves the preview", "reconcile does it"):
            leave(its)


@task(name="make preview", task_run_name="1 look up: preview", **STEP)
def make(its: Run) -> Made:
    """
    Raises:
        InputError: there are too many, or the load balancer has no place for it.
    """
    aws, like = connect(its.region), its.names.target_group
    made = previews.make(aws, its.wanted, like, its.template, clock=CLOCK, say=say)
    say(f"{made.preview.branch}: {made.address}")
    return made


def make_or_tell(its: Run, ref: str) -> Made:
    """The same; the commit tells if it cannot be."""
    try:
        return make(its)
    except SpotkilnError:
        _tell_failure(its, ref)
        raise


def _tell_failure(its: Run, ref: str) -> None:
    if not (its.on_commit.secret and re.fullmatch(COMMIT, ref)):
        return
    report = Report(
        commit=ref,
        ref=its.wanted.branch,
        environment=its.on_commit.environment,
        standing=Standing.FAILED,
        description="no preview could be made: the run says why",
        run=its.wanted.run,
        url=page_of(its.wanted.run),
    )
    try:
        tell_host(ReleaseSpec(app=its.app, on_commit=its.on_commit), report)
    except Exception as error:  # noqa: BLE001 - whatever it is, the preview is what it is
        say(f"the commit does not tell of it: {type(error).__name__}", logging.WARNING)


def leave(its: Run) -> None:
    """Take back the claim of this run, and what it has left without servers."""
    aws = connect(its.region)
    found = previews.find(aws, its.wanted.group)
    if found is None:
        return
    own = [one for one in found.leases if one.release == its.wanted.release]
    leases.remove(aws, found.arn, own)
    previews.remove_if_idle(aws, found.name, clock=CLOCK, say=say)


@task(name="end service", task_run_name="5 retire: servers", **STEP)
def end_service(its: Run, found: Preview) -> bool:
    """Whether it goes: one that is pushed to at this moment stays."""
    aws = connect(its.region)
    if not previews.begin_removal(aws, found):
        return False
    previews.end_service(aws, found, clock=CLOCK, say=say)
    return True


@task(name="finish", task_run_name="5 retire: target group", **STEP)
def finish(its: Run, found: Preview) -> None:
    previews.finish(connect(its.region), found, clock=CLOCK, say=say)


def remove(its: Run) -> "State[Removed]":
    """Once the turn has come: what is being released there is not cut off."""
    aws = connect(its.region)
    found = previews.find(aws, its.wanted.group)
    if found is None:
        message = f"branch {its.wanted.branch} of {its.app.name} has no preview"
        return Completed(name=REMOVED, message=message, data=Removed())
    group = aws_infra.target_group(aws, found.name)
    with hold_group(its.region, group, its.wanted.release, its.wanted.run) as turn:
        turn.launch()
        clear_up(its.region, found.name)
        goes = end_service(its, found)
    if not goes:
        message = f"left alone, it was pushed to just now: {found}"
        return Completed(name=REMOVED, message=message, data=Removed())
    # The lease was a tag of the target group.
    finish(its, found)
    return Completed(name=REMOVED, message=f"removed: {found}", data=Removed(preview=found.host))
