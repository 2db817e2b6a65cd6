"""Keeps book of a release: ids, times, what was made; and publishes its page, however it ends."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from prefect.exceptions import Pause
from prefect.runtime import flow_run

from spotkiln import tags as t
from spotkiln.aws.keep.ledger import read_back
from spotkiln.aws.session import connect
from spotkiln.bake.image import Image, image_name
from spotkiln.bake.infra import Infra
from spotkiln.bake.junit import TestReport
from spotkiln.bake.source import Source, commit_url
from spotkiln.errors import (
    GateFailed,
    GaveWay,
    ImageRejected,
    LeftBehind,
    SpotkilnError,
    TestsFailed,
)
from spotkiln.keep import hold
from spotkiln.keep.versions import Version
from spotkiln.release.approval import Asked
from spotkiln.release.ledger import BOOK, Made, fates, left_behind
from spotkiln.release.plan import Plan
from spotkiln.release.release import Entry, Outcome, Phase, Release, ReleaseSpec
from spotkiln.release.trigger import run_name
from spotkiln.serve.capacity import Size
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.foreign import Foreign, in_words
from spotkiln.serve.price import Cost
from spotkiln.target import Server
from spotkiln.tasks.events import announce
from spotkiln.tasks.keep.versions import WayBack, list_versions
from spotkiln.tasks.release.publish import publish
from spotkiln.tasks.runs import page_of, rename, started_by
from spotkiln.tasks.step import CLOCK, say
from spotkiln.workdir import leave_folder, run_folder

# AWS may tell for so long of what has gone.
SEEN_SECONDS = 30.0
LOOK_AGAIN_SECONDS = 3.0
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
        self.versions: tuple[Version, ...] = ()
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
        self.ledger_unread = ""
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
        for one in self._read_back():
            BOOK.note(self.id, one.kind, one.id)

    def _read_back(self) -> list[Made]:
        if not (self.infra and self.commit):
            return []
        aws = connect(self.infra.region)
        return read_back(aws, self.id, self.image_name, BOOK.asked(self.id))

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

    def _kept(self) -> dict[str, str]:
        """What stays after the release and why, by id."""
        kept: dict[str, str] = {}
        if self.outcome is Outcome.RELEASED and self.fleet:
            kept |= dict.fromkeys(self.fleet.launch_templates, f"of {self.fleet.id}, which serves")
            kept[self.fleet.id] = "serves"
            if self.image:
                kept[self.image.id] = "a version to go back to"
        elif self.spec.keep_rejected and self.image:
            kept[self.image.id] = "kept to be looked at"
        return kept

    def ledger(self, patience_seconds: float = 0.0) -> tuple[Entry, ...]:
        """Created = kept + destroyed, read back from AWS. What seems to be left behind is looked
        at again for so long: AWS may tell late of what has gone. One that cannot be read is no
        reason to fail: why is in `ledger_unread`."""
        end = CLOCK.now() + patience_seconds
        try:
            while True:
                entries = fates(self._read_back(), self._kept())
                if not left_behind(entries) or CLOCK.now() >= end:
                    return entries
                CLOCK.sleep(LOOK_AGAIN_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it is, the release is what it is
            say(f"the ledger could not be read: {error}", logging.ERROR)
            self.ledger_unread = str(error) or type(error).__name__
            return ()

    def _not_ours(self) -> tuple[str, ...]:
        return tuple(in_words(self.foreign, adopt=self.spec.infra.adopt))

    def look_at_versions(self) -> None:
        """What the target group can go back to now, for whoever looks at the page."""
        if self.infra:
            self.versions = tuple(list_versions(self.spec))

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
            versions=self.versions,
            retired=tuple(self.retired),
            undone=tuple(self.undone),
            ledger=ledger,
            ledger_unread=self.ledger_unread,
            phases=tuple(self.phases),
        )


def _attempt(what: str, step: Callable[[], object]) -> None:
    """What is told of a release does not change how it ended."""
    try:
        step()
    except Exception as error:  # noqa: BLE001 - whatever it is, the release is what it is
        say(f"could not {what}: {error}", logging.ERROR)


def _tell(release: Release) -> None:
    """First the event: who is called by it finds the page when he has come."""
    _attempt("announce the end", lambda: announce(release))
    _attempt("publish the page", lambda: publish(release))


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
        if isinstance(error, ImageRejected):
            # One of them may be suspect now.
            _attempt("list the versions", record.look_at_versions)
        # The first error is the one to report.
        _tell(record.to_release(record.ledger()))
        raise
    else:
        ledger = record.ledger(patience_seconds=SEEN_SECONDS)
        _attempt("list the versions", record.look_at_versions)
        _tell(record.to_release(ledger))
        if lost := left_behind(ledger):
            raise LeftBehind(f"{record.id} left behind: {', '.join(lost)}; run reconcile")
        cause = f": {record.cause}" if record.cause else ""
        say(f"{spec.app.name} {record.ref}: {record.outcome}{cause}")
    finally:
        record.let_go()
        BOOK.close(record.id)
        leave_folder(record.folder)
