"""Keeps book of a release: ids, times, what was made; and publishes its page, however it ends."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import uuid4

from prefect import task
from prefect.artifacts import Artifact, create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.exceptions import Pause
from prefect.runtime import flow_run

from spotkiln import hold
from spotkiln import tags as t
from spotkiln.approval import Asked
from spotkiln.aws.ledger import read_back, settle
from spotkiln.aws.session import connect
from spotkiln.capacity import Size
from spotkiln.errors import GateFailed, GaveWay, LeftBehind, SpotkilnError, TestsFailed
from spotkiln.fleet import Fleet
from spotkiln.foreign import Foreign, in_words
from spotkiln.image import Image, image_name
from spotkiln.infra import Infra
from spotkiln.junit import TestReport
from spotkiln.markup import harmless
from spotkiln.page import release_page
from spotkiln.plan import Plan
from spotkiln.price import Cost
from spotkiln.release import Entry, Fate, Outcome, Phase, Release, ReleaseSpec
from spotkiln.source import Source, commit_url
from spotkiln.target import Server
from spotkiln.trigger import run_name
from spotkiln.workdir import run_folder
from tasks.events import announce
from tasks.runs import page_of, rename, started_by
from tasks.step import say
from tasks.versions import WayBack

HISTORY_ROWS = 50
T = TypeVar("T")


class Record:
    """What is known of a release so far. Ids are chosen here, before anything is sent."""

    def __init__(self, spec: ReleaseSpec) -> None:
        self.run = str(flow_run.id or uuid4())
        self.trigger = started_by()
        self.id = f"{spec.app.name}-{self.run.replace('-', '')[:12]}"
        self.folder: Path = run_folder(self.id)
        self.spec = spec
        self.started = datetime.now(UTC)
        self.phases: list[Phase] = []
        self.infra: Infra | None = None
        self.source: Source | None = None
        self.asked: Asked | None = None
        self.back_to: WayBack | None = None
        # The commits that the new fleet keeps from being released again unasked.
        self.holds: tuple[str, ...] = ()
        self.approved: Plan | None = None
        self.approval = ""
        self.image: Image | None = None
        self.reused = ""
        self.tests: TestReport | None = None
        self.fleet: Fleet | None = None
        self.foreign = Foreign()
        self.size: Size | None = None
        self.servers: tuple[Server, ...] = ()
        self.cost: Cost | None = None
        self.retired: list[Fleet] = []
        self.undone: list[str] = []
        self.outcome: Outcome | None = None
        self.cause = ""
        self.last_lines = ""
        self.seen: dict[tuple[str, str], bool] = {}
        self._held = ExitStack()

    def enter(self, held: AbstractContextManager[T]) -> T:
        """Hold something until the release has ended and its ledger has been read back."""
        return self._held.enter_context(held)

    def let_go(self) -> None:
        self._held.close()

    def go_back_to(self, way: WayBack) -> Image:
        """It is a rollback: no source, an image that served before."""
        self.back_to, self.image, self.holds = way, way.image, way.held
        self._begin()
        return way.image

    def take(self, source: Source) -> Source:
        """It is a release of this commit."""
        self.source = source
        self._begin()
        return source

    def _begin(self) -> None:
        """The commit is known: the run gets its name, and who follows it is told."""
        back = self.back_to is not None
        rename(run_name(self.spec.app.name, self.commit, self.trigger, back=back))
        # A run that goes on after its approval was told of before.
        if self.asked is None:
            announce(self.to_release(()), started=True)

    @property
    def ref(self) -> str:
        return self.commit[:12] if self.back_to else self.spec.app.ref

    @property
    def commit(self) -> str:
        """Empty until it is known what is released."""
        if self.back_to:
            return self.back_to.image.commit
        return self.source.commit if self.source else ""

    def unchanged(self, serving: Fleet) -> Release:
        self.fleet, self.outcome = serving, Outcome.UNCHANGED
        return self.to_release(())

    def declined(self, why: str) -> Release:
        """A person said no, or did not say yes: nothing was spent."""
        self.outcome, self.cause = Outcome.DECLINED, why
        return self.to_release(())

    def held_by(self, current: list[Fleet]) -> str:
        """Why what serves is left alone; empty if it need not be. Sets what the new fleet holds."""
        serves = current[0] if current else None
        self.holds = hold.after_release(serves, self.commit)
        return "" if self.spec.even_if_held else hold.reason(serves, self.commit)

    def held(self, why: str) -> Release:
        """A rollback has left this commit: what serves is left alone."""
        self.outcome, self.cause = Outcome.HELD, why
        return self.to_release(())

    def superseded(self, why: str) -> Release:
        self.outcome, self.cause = Outcome.SUPERSEDED, why
        return self.to_release(())

    def released(self) -> Release:
        self.outcome = Outcome.RELEASED
        return self.to_release(())

    @property
    def tags(self) -> t.Tags:
        return t.release_tags(
            app=self.spec.app.name,
            release=self.id,
            run=self.run,
            commit=self.commit,
            target_group=self.spec.infra.target_group,
        )

    @property
    def fleet_tags(self) -> t.Tags:
        """A fleet's also tell what it holds."""
        return {**self.tags, **({t.HELD: hold.to_tag(self.holds)} if self.holds else {})}

    @property
    def image_name(self) -> str:
        return image_name(self.spec.app.name, self.commit, self.id)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a step; what has been made is noted before anything can undo it."""
        start = time.monotonic()
        failed = True
        try:
            yield
            failed = False
        finally:
            seconds = time.monotonic() - start
            self.phases.append(Phase(name=name, seconds=seconds, failed=failed))

    def note_created(self) -> None:
        """Look at what exists now, so that the ledger knows it after it is gone."""
        if self.infra and self.commit:
            aws = connect(self.infra.region)
            self.seen |= read_back(aws, self.id, self.image_name)

    def failed(self, error: BaseException) -> None:
        steps = {phase.name for phase in self.phases}
        if "retire" in steps:  # It serves; what it replaced is not all gone yet.
            self.outcome = Outcome.RELEASED
        else:
            self.outcome = Outcome.ROLLED_BACK if "launch" in steps else Outcome.FAILED
        if isinstance(error, TestsFailed):
            self.tests = error.report
        if isinstance(error, GateFailed):
            self.last_lines = error.last_lines
        text = str(error) or type(error).__name__
        self.cause = text if isinstance(error, SpotkilnError) else f"{type(error).__name__}: {text}"

    def ledger(self) -> tuple[Entry, ...]:
        """Created = kept + destroyed, read back from AWS."""
        if not (self.infra and self.commit):
            return ()
        now = read_back(connect(self.infra.region), self.id, self.image_name)
        created = {**dict.fromkeys(self.seen, False), **now}
        if self.outcome in {Outcome.RELEASED, Outcome.UNCHANGED}:
            return settle(created, kept=None)
        kept: set[tuple[str, str]] = set()
        if self.spec.keep_rejected and self.image:
            kept |= {("image", self.image.id)}
            kept |= {("snapshot", snapshot) for snapshot in self.image.snapshots}
        return settle(created, kept=kept)

    def _not_ours(self) -> tuple[str, ...]:
        return tuple(in_words(self.foreign, adopt=self.spec.infra.adopt))

    def to_release(self, ledger: tuple[Entry, ...]) -> Release:
        return Release(
            id=self.id,
            app=self.spec.app.name,
            ref=self.ref,
            commit=self.commit,
            subject=self.source.subject if self.source else "",
            commit_url=commit_url(self.spec.app.repository, self.commit),
            trigger=self.trigger,
            approval=self.approval,
            run=self.run,
            url=page_of(self.run),
            outcome=self.outcome or Outcome.FAILED,
            cause=self.cause,
            last_lines=self.last_lines,
            started=self.started,
            ended=datetime.now(UTC),
            target_group=self.spec.infra.target_group,
            region=self.infra.region if self.infra else self.spec.infra.region,
            image=self.image,
            reused=self.reused,
            back_to=f"{self.back_to.version.released:%Y-%m-%d %H:%M:%S} UTC"
            if self.back_to
            else "",
            tests=self.tests,
            fleet=self.fleet,
            foreign=self._not_ours(),
            size=self.size.in_words if self.size else "",
            servers=self.servers,
            cost=self.cost,
            retired=tuple(self.retired),
            undone=tuple(self.undone),
            ledger=ledger,
            phases=tuple(self.phases),
        )


def _row(release: Release) -> dict[str, Any]:
    return {
        "started": f"{release.started:%Y-%m-%d %H:%M:%S}",
        "ref": harmless(release.ref),
        "commit": release.commit[:12],
        "trigger": harmless(str(release.trigger)),
        "outcome": str(release.outcome),
        "seconds": round(release.seconds, 1),
        "usd_per_hour": release.cost.per_hour if release.cost else None,
        "page": f"[{release.run[:8]}]({release.url})" if release.url else release.run,
        "image": release.image.id if release.image else "",
        "fleet": release.fleet.id if release.fleet else "",
        "release": release.id,
        # The longest comes last, where it hides nothing.
        "cause": harmless(release.cause),
    }


def history(app: str) -> list[dict[str, Any]]:
    """The rows of an application's history of releases, newest first."""
    found = cast(Artifact | None, Artifact.get(key=f"releases-{app}"))
    if found is None:
        return []
    data = found.data
    rows = json.loads(data) if isinstance(data, str) else data
    return list(rows) if isinstance(rows, list) else []


@task(
    name="publish release page",
    task_run_name="publish release page",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=1,
)
def publish(release: Release) -> None:
    """The release's page, and its row in the application's history; the oldest rows go."""
    create_markdown_artifact(
        key=f"release-{release.id}",
        markdown=release_page(release),
        description=f"{release.app} {harmless(release.ref)}: {release.outcome}",
    )
    rows = [_row(release), *history(release.app)][:HISTORY_ROWS]
    create_table_artifact(
        key=f"releases-{release.app}",
        table=rows,
        description=f"The latest releases of {release.app}, newest first",
    )


def _tell(release: Release) -> None:
    """First the event: who is called by it finds the page when he has come."""
    announce(release)
    publish(release)


@contextmanager
def recorded(spec: ReleaseSpec) -> Iterator[Record]:
    """A record that is published whatever happens; the run's folder goes with it. A release that
    gave way to another ends well, as superseded.

    Raises:
        LeftBehind: the release succeeded, but something it created is unaccounted for.
    """
    record = Record(spec)
    try:
        try:
            yield record
        except GaveWay as why:
            record.superseded(str(why))
    except Pause:
        # The run is suspended until it is answered: it has neither failed nor ended.
        raise
    except BaseException as error:
        record.failed(error)
        # The first error is the one to report.
        with suppress(Exception):
            _tell(record.to_release(record.ledger()))
        raise
    else:
        ledger = record.ledger()
        _tell(record.to_release(ledger))
        lost = [f"{x.kind} {x.id}" for x in ledger if x.fate is Fate.LEFT_BEHIND]
        if lost:
            raise LeftBehind(f"{record.id} left behind: {', '.join(lost)}; run reconcile")
        cause = f": {record.cause}" if record.cause else ""
        say(f"{spec.app.name} {record.ref}: {record.outcome}{cause}")
    finally:
        record.let_go()
        shutil.rmtree(record.folder, ignore_errors=True)
