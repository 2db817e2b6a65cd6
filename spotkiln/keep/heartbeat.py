"""Heartbeat: holds a lease for as long as its run lives, and notices when the lease is lost.

There is one lock and one state. A thread renews the lease, while the run takes its turn, checks or
launches; neither overwrites what the other wrote. A loss is final for the run: another release may
have gone on in its place, and what this run made may have been undone. No renewal changes that.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Protocol

from spotkiln.errors import GaveWay, InfrastructureError, SpotkilnError
from spotkiln.keep.lease import (
    RENEW,
    RENEW_AGAIN,
    VISIBLE_SECONDS,
    WAITING,
    Lease,
    Stage,
    ahead,
    expired,
    missing,
    queue,
    rivals,
    to_take,
)
from spotkiln.poll import Clock

NONE: frozenset[str] = frozenset()
EndedRuns = Callable[[Iterable[str]], Collection[str]]
Say = Callable[[str, int], None]


class Place(Protocol):
    """Where leases are written. `name` is for messages. `now` is AWS's time, as AWS's last answer
    told it."""

    @property
    def name(self) -> str: ...

    def now(self) -> datetime: ...

    def read(self) -> list[Lease]: ...

    def write(self, tags: Mapping[str, str]) -> None: ...

    def remove(self, leases: Iterable[Lease]) -> None: ...


class Lost(InfrastructureError):
    """The lease is lost for good."""


class Heartbeat:
    """`lease` is as AWS has it already, or as `begin` writes it. `ended` says which of some runs
    have ended. All methods may be called from any thread."""

    def __init__(
        self, place: Place, lease: Lease, *, ended: EndedRuns, clock: Clock, say: Say
    ) -> None:
        self._place, self._ended, self._clock, self._say = place, ended, clock, say
        self._lock = threading.RLock()
        self._lease = lease
        self._waiting = lease.stage
        # Each of these may be on AWS: a write whose answer was lost may have been carried out.
        self._written = {lease.to_tag()}
        self._lost = ""
        self._took = False
        # When the lease was written last.
        self._written_at = clock.now()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    @property
    def lease(self) -> Lease:
        return self._lease

    # -- the thread --

    def start(self) -> None:
        """Renew from now on."""
        self._thread.start()

    def _beat(self) -> None:
        pause, failed = RENEW.total_seconds(), False
        while not self._done.wait(pause):
            # Whoever launches has written it anew.
            pause = 0.0 if failed else self._renewed_for()
            if pause <= 0:
                failed = not self.renew()
                pause = (RENEW_AGAIN if failed else RENEW).total_seconds()

    def _renewed_for(self) -> float:
        """For how many seconds more nobody need renew it."""
        return self._written_at + RENEW.total_seconds() - self._clock.now()

    def renew(self) -> bool:
        """Renew the lease once; whether that worked. It never raises: the next `check` says that
        the lease is lost."""
        with self._lock:
            if self._lost:
                return False
            try:
                self._read()
                self._write(self._lease.stage)
            except Lost as error:
                self._say(str(error), logging.ERROR)
            except SpotkilnError as error:
                until = f"{self._lease.until:%H:%M:%S} UTC"
                text = f"the lease was not renewed: {error}; it ends at {until} unless it is"
                self._say(text, logging.WARNING)
            else:
                return True
            return False

    def end(self) -> None:
        """Give the lease back. If that fails, the run ends as it would have ended."""
        self._done.set()
        with self._lock:
            self._lost = self._lost or "its run has ended"
            try:
                self._place.remove([self._lease])
                if self._took:
                    self._place.remove(one for one in self._place.read() if self._is_leftover(one))
            except SpotkilnError as error:
                text = f"could not give back the lease: {error}; it ends by itself"
                self._say(text, logging.WARNING)

    def _is_leftover(self, one: Lease) -> bool:
        """Whether it is a mark that we set on a release which has ended by itself since."""
        return not one.run and one.taken_by == self._lease.release

    # -- the run's own lease: these are called with the lock held --

    def _lose(self, why: str) -> Lost:
        self._lost = why
        return Lost(
            f"{self._lease.release} no longer holds {self._place.name}: {why}; nothing more is "
            "changed"
        )

    def _write(self, stage: Stage) -> None:
        """Write the lease anew. If AWS carried the write out after the lease had ended, the old one
        is written back, and the lease is lost."""
        lease = self._lease.renewed(self._place.now(), stage)
        self._written.add(lease.to_tag())
        at = self._clock.now()
        self._place.write({lease.key: lease.to_tag()})
        if why := expired(self._lease, self._place.now()):
            self._place.write({lease.key: self._lease.to_tag()})
            raise self._lose(why)
        self._lease, self._written, self._written_at = lease, {lease.to_tag()}, at

    def _read(self) -> list[Lease]:
        """All leases. Our own is among them, as it was written, and it has not ended.

        Raises:
            Lost: it is not.
        """
        if self._lost:
            raise self._lose(self._lost)
        found = self._place.read()
        if missing(self._lease, self._written, found):
            # The last write may not be visible yet.
            self._clock.sleep(VISIBLE_SECONDS)
            found = self._place.read()
        why = missing(self._lease, self._written, found)
        if why := why or expired(self._lease, self._place.now()):
            raise self._lose(why)
        return found

    def _own(self, found: list[Lease]) -> Lease:
        return next(one for one in found if one.release == self._lease.release)

    def _ended_of(self, found: Iterable[Lease]) -> Collection[str]:
        others = {one.run for one in found if one.release != self._lease.release}
        return self._ended(sorted(others)) if others else NONE

    def _look(self) -> list[Lease]:
        """All leases, as `_read` has them.

        Raises:
            GaveWay: a rollback took the turn, and this release has not launched yet.
        """
        found = self._read()
        own = self._own(found)
        if own.taken_by and self._lease.stage is not Stage.LAUNCHED:
            raise GaveWay(
                f"gave way to {own.taken_by}, which took the turn before this release had launched"
            )
        return found

    # -- the turn --

    def begin(self) -> None:
        """Write the first lease. If nobody else is there, it says at once that this release holds
        the turn. Two may do so at the same time: then `try_turn` steps back."""
        with self._lock:
            found, now = self._place.read(), self._place.now()
            alone = not queue(found, now, self._ended_of(found))
            lease = self._lease.renewed(now, Stage.HOLDS if alone else self._waiting)
            self._place.write({lease.key: lease.to_tag()})
            self._lease, self._written = lease, {lease.to_tag()}

    def try_turn(self) -> list[Lease]:
        """The leases that this release still waits for. If there are none, it has the turn.

        Raises:
            GaveWay: the turn was taken from it at once.
            InfrastructureError: it is lost.
        """
        with self._lock:
            if self._lease.stage in WAITING:
                if before := self._ahead():
                    return before
                self._write(Stage.HOLDS)
            self._clock.sleep(VISIBLE_SECONDS)
            found = self._look()
            if others := rivals(self._lease, found, self._place.now(), self._ended_of(found)):
                self._write(self._waiting)
            return others

    def _ahead(self) -> list[Lease]:
        found = self._look()
        before = ahead(self._lease, found, self._place.now(), self._ended_of(found))
        holders = to_take(self._lease, before)
        if not holders:
            return before
        for one in holders:
            self._say(f"taking the turn from {one.release}", logging.WARNING)
            self._took = True
            self._place.write(one.marked_by(self._lease.release))
        # Twice as long: a release that launches looks for the mark without waiting.
        self._clock.sleep(2 * VISIBLE_SECONDS)
        found = self._look()
        return ahead(self._lease, found, self._place.now(), self._ended_of(found))

    def check(self) -> None:
        """Make sure that nobody else has the turn. Call it before anything that changes what
        serves.

        Raises:
            GaveWay: a rollback took the turn before this one had launched.
            InfrastructureError: the lease has ended or is gone, another has the turn, or Prefect
                took this run for dead: what it made may have been undone already.
        """
        with self._lock:
            self._check()

    def _check(self) -> None:
        self._alone_in(self._look())

    def _alone_in(self, found: list[Lease]) -> None:
        if self._lease.run in self._ended([self._lease.run]):
            raise self._lose(f"Prefect says that its run {self._lease.run} has ended")
        others = rivals(self._lease, found, self._place.now(), self._ended_of(found))
        if others:
            raise self._lose(f"{others[0].release} holds it too")

    def launch(self) -> None:
        """From now on the turn cannot be taken from it. Call it before the first server is asked
        for. Raises as `check`."""
        with self._lock:
            self._check()
            while self._lease.stage is not Stage.LAUNCHED:
                self._write(Stage.LAUNCHED)
                found = self._read()
                if self._own(found).taken_by:
                    # Who took it may have seen it launch, and waits for that. If the mark is gone
                    # by now, that one has ended, and it launches after all.
                    self._write(Stage.HOLDS)
                    self._look()
                else:
                    self._alone_in(found)
