"""The steps that take an application down. Each can be repeated; what was begun and not finished is
finished by reconcile, with the same steps."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from prefect import State, task
from prefect.runtime import flow_run
from prefect.states import Completed

from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.keep import preview as previews
from spotkiln.aws.keep import takedown as takedowns
from spotkiln.aws.serve.group_tags import tags_of
from spotkiln.aws.session import connect, resolve_region
from spotkiln.bake.infra import TargetGroup
from spotkiln.errors import InputError
from spotkiln.keep.heartbeat import Heartbeat
from spotkiln.keep.preview import Preview
from spotkiln.keep.takedown import Begun, Old, Takedown
from spotkiln.noun import Noun
from spotkiln.prefect_api import automation, deployment, run_list
from spotkiln.prefect_api import run as runs
from spotkiln.prefect_api.connection import Connection, connected
from spotkiln.release.summary import release_id
from spotkiln.start import takedown as starting
from spotkiln.start.deployment import NIGHTLY, PREVIEW, RELEASE, ROLLBACK, Deployment
from spotkiln.start.takedown import Left, Place
from spotkiln.tasks.bake.contents import forget_contents
from spotkiln.tasks.deployed import of_own_account, own_account, settings_of
from spotkiln.tasks.keep.lock import hold_group
from spotkiln.tasks.step import CLOCK, STEP, say

RETIRED = "Retired"


class TakenDown(Noun):
    """What has gone: from Prefect, the host names of previews, and the ids of servers, images and
    snapshots."""

    place: Place
    versions: Old
    left: Left = Left()
    previews: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    images: tuple[str, ...] = ()

    def __str__(self) -> str:
        kept = (
            "its versions are kept"
            if self.versions is Old.KEEP
            else (f"versions discarded, with their snapshots: {', '.join(self.images) or 'none'}")
        )
        parts = [
            f"servers ended: {', '.join(self.servers) or 'none'}",
            kept,
            f"previews that go: {', '.join(self.previews)}" if self.previews else "",
            str(self.left),
        ]
        return "; ".join(one for one in parts if one)


class Run:
    """One takedown: what it is about, and what it holds until its end."""

    def __init__(self, name: str, place: Place, group: TargetGroup, versions: Old) -> None:
        self.name, self.place, self.group, self.versions = name, place, group, versions
        self.run = str(flow_run.id or uuid4())
        self.id = release_id(place.app, self.run)
        self.region = place.region
        self._turn: Heartbeat | None = None
        self._takedown: Takedown | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the target group while the block runs. Nobody takes the turn from it."""
        with hold_group(self.region, self.group, self.id, self.run) as turn:
            turn.launch()
            self._turn = turn
            yield

    def check(self) -> None:
        """Make sure that nobody else has the turn."""
        assert self._turn
        self._turn.check()

    def begins(self) -> Takedown:
        """What it writes down when it begins: now, by AWS's clock."""
        self._takedown = Takedown(
            app=self.place.app,
            release=self.id,
            run=self.run,
            began=connect(self.region).now(),
            versions=self.versions,
        )
        return self._takedown

    @property
    def begun(self) -> Takedown:
        """What it has written down."""
        assert self._takedown
        return self._takedown

    def end(
        self, left: Left, leaving: list[Preview], servers: list[str], images: list[str]
    ) -> "State[TakenDown]":
        told = TakenDown(
            place=self.place,
            versions=self.versions,
            left=left,
            previews=tuple(one.host for one in leaving),
            servers=tuple(servers),
            images=tuple(images),
        )
        message = (
            f"{told}. Take {self.name} out of prefect.yaml as well: `prefect deploy --all` makes "
            "again what stands there"
        )
        say(message)
        return Completed(name=RETIRED, message=message, data=told)


def place_of(name: str, app: str, region: str, target_group: str) -> Place:
    """What is not given is as the deployment of that name has it.

    Raises:
        InputError: Prefect has no such deployment, which must say the rest.
    """
    if not (app and target_group):
        found = settings_of(name)
        app, target_group = app or found.app.name, target_group or found.infra.target_group
        region = region or found.infra.region
    return Place(app=app, region=resolve_region(region), target_group=target_group)


@contextmanager
def takedown_run(name: str, place: Place, versions: Old) -> Iterator[Run]:
    group = aws_infra.target_group(connect(place.region), place.target_group)
    yield Run(name, place, group, versions)


@task(name="require consent", task_run_name="1 look up: what goes", **STEP)
def require_said(its: Run, confirm: str, *, last: bool) -> None:
    """
    Raises:
        InputError: it was not confirmed, or what serves is also another deployment's, or the last
            servers.
    """
    if confirm != its.name:
        raise InputError(
            f"expected the name {its.name!r} as confirmation, got {confirm!r}; nothing was changed"
        )
    with connected() as prefect:
        starting.require_alone(of_own_account(prefect, RELEASE), its.place, its.name)
    takedowns.require_said(connect(its.region), its.group, its.begins(), last=last)


@task(name="begin takedown", task_run_name="1 look up: begin", **STEP)
def begin(its: Run, *, last: bool) -> None:
    """Write down that it has begun. What was agreed to is looked at again: another release may have
    been before us."""
    its.check()
    aws, takedown = connect(its.region), its.begins()
    takedowns.require_said(aws, its.group, takedown, last=last)
    takedowns.write(aws, its.group, takedown)
    say(f"{its.place} is taken down. Reconcile finishes it if this run does not")


def _leave(prefect: Connection, place: Place, own: str) -> Left:
    here = of_own_account(prefect, RELEASE, ROLLBACK, PREVIEW)
    releases = [one for one in here if one.flow == RELEASE]
    mine = starting.of_place((one for one in here if one.flow != PREVIEW), place)
    if starting.is_last(releases, place):
        mine += starting.previews_of((one for one in here if one.flow == PREVIEW), place)
    gone = {str(one.id) for one in mine}
    # Those who name a deployment first: its id and its name are known only while it is there.
    changed = (
        prefect.ask(automation.change, lambda told: starting.without_deployments(told, gone))
        if gone
        else []
    )
    nights = _leave_nights(prefect, mine)
    for one in mine:
        prefect.ask(deployment.delete, one)
    account = own_account()
    unfinished = prefect.ask(run_list.unfinished, (RELEASE, ROLLBACK, PREVIEW))
    ours = [one for one in unfinished if account is None or one.pool == account.pool]
    waiting = starting.orphaned(ours, place, gone, own)
    for run in waiting:
        prefect.ask(runs.ask_to_cancel, run.id)
    return Left(
        deployments=tuple(one.name for one in mine),
        runs=tuple(one.name for one in waiting),
        automations=tuple(changed),
        nights=tuple(nights),
    )


def _leave_nights(prefect: Connection, mine: list[Deployment]) -> list[str]:
    names = {one.short for one in mine if one.name.startswith(f"{RELEASE}/")}
    changed = []
    for night in prefect.ask(deployment.listing, NIGHTLY):
        if wanted := starting.without_applications(night.parameters, names):
            prefect.ask(deployment.change, night, wanted)
            changed.append(night.name)
    return changed


@task(name="leave Prefect", task_run_name="5 retire: deployments", **STEP)
def leave_prefect(its: Run) -> Left:
    """Delete its deployments, with all that names them, and cancel its other runs: they wait for
    the turn, and would bring it back."""
    its.check()
    with connected() as prefect:
        found = _leave(prefect, its.place, its.run)
    say(str(found) or "no deployment of it is left in Prefect")
    return found


def _leave_previews(place: Place) -> list[Preview]:
    with connected() as prefect:
        if not starting.is_last(of_own_account(prefect, RELEASE), place):
            return []
    return previews.begin_removals(connect(place.region), place.app)


@task(name="leave previews", task_run_name="5 retire: previews", **STEP)
def leave_previews(its: Run) -> list[Preview]:
    """Begin to remove its previews, if it is released nowhere else. From here on reconcile goes on
    with that, once a release that is under way in one has ended."""
    its.check()
    found = _leave_previews(its.place)
    if found:
        say(f"previews that go: {', '.join(one.host for one in found)}")
    return found


@task(name="end service", task_run_name="5 retire: servers", **STEP)
def end_service(its: Run) -> list[str]:
    its.check()
    aws = connect(its.region)
    return takedowns.end_service(aws, its.group, its.begun, clock=CLOCK, say=say)


@task(name="end versions", task_run_name="5 retire: versions", **STEP)
def end_versions(its: Run) -> list[str]:
    its.check()
    aws = connect(its.region)
    gone = takedowns.end_versions(aws, its.group, its.begun, clock=CLOCK, say=say)
    forget_contents(gone)
    return gone


@task(name="finish takedown", task_run_name="5 retire: finish", **STEP)
def finish(its: Run) -> None:
    """Nothing is left of it."""
    takedowns.finish(connect(its.region), its.group, its.begun)


def go_on(region: str, target_group: str) -> None:
    """Finish what was begun on this target group (ARN) and left by its run."""
    aws = connect(region)
    for begun in takedowns.begun(tags_of(aws, [target_group])):
        _go_on(region, begun)


def _go_on(region: str, begun: Begun) -> None:
    aws, takedown = connect(region), begun.takedown
    group = aws_infra.target_group(aws, begun.group_name)
    place = Place(app=takedown.app, region=region, target_group=group.name)
    with connected() as prefect:
        left = _leave(prefect, place, takedown.run)
    leaving = _leave_previews(place)
    servers = takedowns.end_service(aws, group, takedown, clock=CLOCK, say=say)
    images = takedowns.end_versions(aws, group, takedown, clock=CLOCK, say=say)
    forget_contents(images)
    takedowns.finish(aws, group, takedown)
    say(
        str(
            TakenDown(
                place=place,
                versions=takedown.versions,
                left=left,
                previews=tuple(one.host for one in leaving),
                servers=tuple(servers),
                images=tuple(images),
            )
        )
    )
