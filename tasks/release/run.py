"""A release's run: it keeps the book, and publishes what the book tells, however the run ends."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from prefect import State
from prefect.exceptions import Pause
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from spotkiln.aws.keep.ledger import read_back, read_ledger
from spotkiln.aws.keep.versions import list_versions
from spotkiln.aws.session import connect
from spotkiln.bake.history import changes_since
from spotkiln.errors import GaveWay, ImageRejected, NotWanted, SpotkilnError
from spotkiln.prefect_api.run import page_of
from spotkiln.release import summary as told
from spotkiln.release.book import Book, Heading
from spotkiln.release.freeze import will_wait
from spotkiln.release.happening import (
    ChangesSeen,
    CommitTaken,
    Happening,
    LedgerRead,
    LedgerUnread,
    PackagesSeen,
    Resumed,
    Undone,
    VersionsSeen,
    VersionTaken,
)
from spotkiln.release.ledger import REQUESTED, require_nothing_left
from spotkiln.release.release import (
    UNDO,
    EndsEarly,
    LedgerEntry,
    Outcome,
    Release,
    ReleaseSpec,
    Timing,
)
from spotkiln.release.trigger import place, run_name
from spotkiln.start.run import LogSource
from spotkiln.tasks.bake.contents import changed_packages
from spotkiln.tasks.events import announce
from spotkiln.tasks.names import deployed_as
from spotkiln.tasks.release.publish import publish
from spotkiln.tasks.release.telling import Teller
from spotkiln.tasks.runs import cancelled, rename, started_by
from spotkiln.tasks.step import CLOCK, report_failed_undo, say
from spotkiln.undo import UndoStack
from spotkiln.workdir import leave_folder, run_folder

# AWS may go on telling of what has gone for so long.
SEEN_SECONDS = 30.0
T = TypeVar("T")


def _heading(spec: ReleaseSpec) -> Heading:
    """Ids are chosen here, before anything is sent."""
    run = str(flow_run.id or uuid4())
    return Heading(
        id=told.release_id(spec.app.name, run),
        run=run,
        url=page_of(run),
        deployment=deployed_as(),
        trigger=started_by(),
        spec=spec,
        started=datetime.now(UTC),
    )


class ReleaseRun:
    """The book of a release, the run's folder, and what the run holds until its end. Steps that run
    beside each other may write into the book."""

    def __init__(self, spec: ReleaseSpec) -> None:
        self._began = time.monotonic()
        self._writing = threading.Lock()
        self._failed_by: BaseException | None = None
        self.book = Book(_heading(spec))
        self.folder: Path = run_folder(self.id)
        self._held = ExitStack()
        self._published: Release | None = None
        self._error: SpotkilnError | None = None
        self._teller = Teller(spec)

    @property
    def id(self) -> str:
        return self.book.heading.id

    @property
    def flow_run(self) -> str:
        return self.book.heading.run

    @property
    def spec(self) -> ReleaseSpec:
        return self.book.heading.spec

    @property
    def release(self) -> Release:
        """As it was published; before that, as it is known so far."""
        return self._published or told.summary(self.book, datetime.now(UTC))

    @property
    def state(self) -> "State[Release]":
        """What the run has come to, under the name of the release's outcome; the message says
        why."""
        release = self.release
        message = release.cause or str(self._error or "") or None
        if self._error is None:
            return Completed(name=release.outcome.capitalize(), message=message, data=release)
        name = release.outcome if release.outcome is Outcome.ROLLED_BACK else Outcome.FAILED
        return Failed(name=name.capitalize(), message=message, data=self._error)

    def note(self, happening: Happening) -> None:
        """Write into the book."""
        with self._writing:
            self.book = self.book.plus(happening)

    def begin(self, taken: CommitTaken | VersionTaken) -> None:
        """It is known now what is released: the run gets its name, and subscribers are told."""
        self.note(taken)
        book, heading = self.book, self.book.heading
        where = place(self.spec.app.name, heading.deployment)
        rename(run_name(where, book.commit, heading.trigger, how=told.way(book)))
        # A run that goes on after its approval was announced before.
        if book.last(Resumed) is None:
            announce(self.release, started=True)
            if not will_wait(self.spec.freeze, self.spec.break_glass, datetime.now(UTC)):
                self._teller.started(self.release)

    def waits(self, why: str) -> None:
        """The run is about to wait, without a process; it has not ended."""
        self._teller.waits(self.release, why)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Write down how long the block takes, and whether it fails. What failed in another block
        that ran beside this one has only ended this one."""
        say(name, of=LogSource.STAGE)
        start = time.monotonic()
        failed = cancelled = False
        try:
            yield
        except Pause:
            raise
        except Exception as error:
            cancelled = isinstance(error, NotWanted) or error is self._failed_by
            failed = not (cancelled or isinstance(error, EndsEarly | GaveWay))
            self._failed_by = error if failed else self._failed_by
            raise
        except BaseException:
            cancelled = True
            raise
        finally:
            self._note_time(name, start, failed=failed, cancelled=cancelled)

    def _note_time(
        self, name: str, start: float, *, failed: bool = False, cancelled: bool = False
    ) -> None:
        seconds = time.monotonic() - start
        after = start - self._began
        timing = Timing(name=name, seconds=seconds, after=after, failed=failed, cancelled=cancelled)
        self.note(timing)
        say(str(timing), of=LogSource.STAGE_END)

    def hold(self, held: AbstractContextManager[T]) -> T:
        """Hold something until the release has ended and its ledger has been read back."""
        return self._held.enter_context(held)

    def undoing(self) -> UndoStack:
        """What is undone if anything fails from here on."""
        start = 0.0

        def begin() -> None:
            nonlocal start
            start = time.monotonic()
            self.note_what_exists()

        def end(what: str, *, failed: bool = False) -> None:
            nonlocal start
            self._note_time(f"{UNDO}{what}", start, failed=failed)
            start = time.monotonic()

        def undone(what: str) -> None:
            self.note(Undone(what=what))
            end(what)

        def report(what: str, error: Exception) -> None:
            report_failed_undo(what, error)
            end(what, failed=True)

        return UndoStack(begin, report, undone)

    def note_what_exists(self) -> None:
        """Look at what the release has made so far: the ledger names it after it has gone."""
        if self.book.infra and self.book.commit:
            aws = connect(self.book.infra.region)
            for owner, name in told.owners(self.book).items():
                for one in read_back(aws, owner, name, REQUESTED.of(owner)):
                    REQUESTED.note(owner, one.kind, one.id)

    def note_ending(self, error: BaseException) -> None:
        """The release was ended by this error."""
        was_told = not isinstance(error, Exception)
        by_somebody = cancelled(self.flow_run) if was_told else None
        for happening in told.ending(self.book, error, cancelled=by_somebody):
            self.note(happening)

    def end(self, error: BaseException | None = None) -> None:
        """Read back what was made, and publish what the book tells. `error` has ended the run.

        Raises:
            LeftBehind: the release succeeded, but something it created is unaccounted for.
        """
        ledger = self._read_ledger(0.0 if error else SEEN_SECONDS)
        # After a verdict on an image one of the versions may be suspect.
        if error is None or isinstance(error, ImageRejected):
            _attempt("list the versions", self._note_versions)
        # A run that was told to end has no time for it.
        if error is None or isinstance(error, Exception):
            _attempt("see what has changed", self._note_changes)
            _attempt("see which packages have changed", self._note_packages)
        release = self._published = told.summary(self.book, datetime.now(UTC))
        _tell(release)
        self._teller.ended(release)
        if error:
            return
        require_nothing_left(self.id, ledger)
        cause = f": {release.cause}" if release.cause else ""
        say(f"{release.app} {release.ref}: {release.outcome}{cause}")

    def _read_ledger(self, patience_seconds: float) -> tuple[LedgerEntry, ...]:
        """A ledger that cannot be read is no reason to fail."""
        book = self.book
        if not (book.infra and book.commit):
            return ()
        try:
            entries = tuple(
                one
                for owner, name in told.owners(book).items()
                for one in read_ledger(
                    connect(book.infra.region),
                    owner,
                    name,
                    REQUESTED.of(owner),
                    told.kept(book),
                    clock=CLOCK,
                    patience_seconds=patience_seconds,
                )
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the release is what it is
            say(f"the ledger could not be read: {error}", logging.ERROR)
            self.note(LedgerUnread(why=str(error) or type(error).__name__))
            return ()
        self.note(LedgerRead(entries=entries))
        return entries

    def _note_versions(self) -> None:
        if infra := self.book.infra:
            found = list_versions(connect(infra.region), self.spec.app.name, infra.target_group)
            self.note(VersionsSeen(versions=tuple(found)))

    def _note_changes(self) -> None:
        source, since = self.book.source, self.book.served
        if source and since and since != source.commit:
            folder = self.folder / "changes"
            found = changes_since(self.spec.app, since, source.commit, folder)
            self.note(ChangesSeen(changes=found))

    def _note_packages(self) -> None:
        serving, image = self.book.serving, self.book.image
        if serving and image and serving.image != image.id:
            self.note(PackagesSeen(changed=changed_packages(serving.image, image.id)))

    def fail(self, error: SpotkilnError) -> None:
        """The run has failed with it."""
        self._error = error

    def leave(self) -> None:
        """Give back what was held; the folder goes."""
        self._held.close()
        for owner in told.owners(self.book):
            REQUESTED.forget(owner)
        leave_folder(self.folder)


def _attempt(what: str, step: Callable[[], object]) -> None:
    """What is told of a release does not change how it ended."""
    try:
        step()
    except Exception as error:  # noqa: BLE001 - whatever it is, the release is what it is
        say(f"could not {what}: {error}", logging.ERROR)


def _tell(release: Release) -> None:
    """The event goes first: it takes a while to reach people, and by then the page is there."""
    _attempt("announce the end", lambda: announce(release))
    _attempt("publish the page", lambda: publish(release))
