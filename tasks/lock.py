"""One release at a time for a target group."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from prefect import task

from spotkiln.aws import lease as leases
from spotkiln.aws.session import Aws, connect
from spotkiln.errors import InfrastructureError, SpotkilnError
from spotkiln.infra import Infra
from spotkiln.lease import RENEW, SETTLE_SECONDS, Lease, queue
from spotkiln.poll import Backoff, Done, Waiting, poll
from tasks.progress import Bar
from tasks.runs import ended_runs
from tasks.step import CLOCK, STEP, say

# A release before us may bake, wait for capacity and drain; several may be before us.
WAIT_SECONDS = 6 * 3600
NONE: frozenset[str] = frozenset()


class Turn:
    """A held target group. `check` before anything that changes what serves."""

    def __init__(self, aws: Aws, target_group: str, lease: Lease) -> None:
        self._aws = aws
        self._group = target_group
        self._lease = lease
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def start(self) -> None:
        self._write(holds=self._lease.holds)
        self._thread.start()

    def _write(self, *, holds: bool) -> None:
        lease = self._lease.renewed(self._aws.now(), holds=holds)
        leases.write(self._aws, self._group, lease)
        self._lease = lease

    def take(self) -> None:
        self._write(holds=True)

    def _renew(self) -> None:
        while not self._done.wait(RENEW.total_seconds()):
            # Tried again until it ends: only then is it lost.
            with suppress(SpotkilnError):
                self._write(holds=self._lease.holds)

    def check(self) -> None:
        """That nobody else can take the group for theirs.

        Raises:
            InfrastructureError: the lease has ended, another holds one, or Prefect took this run
                for dead: what it made may have been undone already.
        """
        why = ""
        if not self._lease.fresh(self._aws.now()):
            why = (
                f"its lease ended at {self._lease.until:%H:%M:%S} UTC without renewal (was this "
                "machine asleep, or AWS out of reach?)"
            )
        elif ended_runs([self._lease.run]):
            why = f"Prefect says that its run {self._lease.run} has ended"
        else:
            found = leases.read(self._aws, self._group)
            others = [one for one in found if one.holds and one.release != self._lease.release]
            holders = queue(
                others, self._aws.now(), ended_runs(one.run for one in others) if others else NONE
            )
            if holders:
                why = f"{holders[0].release} holds it too"
        if why:
            raise InfrastructureError(
                f"{self._lease.release} no longer holds {self._group}: {why}; nothing more is "
                "changed"
            )

    def end(self) -> None:
        self._done.set()
        self._thread.join(RENEW.total_seconds())
        try:
            leases.remove(self._aws, self._group, [self._lease])
        except SpotkilnError as error:
            # How the release ended is not changed by it.
            say(f"could not give back the lease: {error}; it ends by itself", logging.WARNING)


@task(
    name="wait for the turn",
    task_run_name="1 look up: wait for the turn",
    cache_policy=STEP["cache_policy"],
)
def wait_for_turn(infra: Infra, release: str) -> None:
    """Until no other living release is before this one.

    Raises:
        DeadlineExceeded: others held the target group for six hours.
    """
    aws = connect(infra.region)
    said, most = "", 0
    bar = Bar(f"turn at {infra.target_group.name}")

    def first() -> Done[None] | Waiting:
        nonlocal said, most
        found = leases.read(aws, infra.target_group.arn)
        others = {one.run for one in found if one.release != release}
        line = queue(found, aws.now(), ended_runs(others) if others else frozenset())
        if line and line[0].release == release:
            # Without others there was nothing to wait for, and there is nothing to show.
            if said:
                bar.to(100)
            return Done(None)
        ahead = [one.release for one in line if one.release != release]
        before = ", ".join(ahead)
        most = max(most, len(ahead))
        if before != said:
            say(f"waiting: {before} is before us at {infra.target_group.name}")
            said = before
            bar.to(100 * (1 - len(ahead) / most) if most else 0)
        return Waiting(before)

    # Everyone who writes before us must be seen by us, and we by everyone after.
    CLOCK.sleep(SETTLE_SECONDS)
    poll(
        first,
        what=f"the turn at target group {infra.target_group.name}",
        deadline_seconds=WAIT_SECONDS,
        clock=CLOCK,
        backoff=Backoff(first=2.0, factor=1.2, maximum=10.0),
    )


@contextmanager
def one_at_a_time(infra: Infra, release: str, run: str) -> Iterator[Turn]:
    """Hold the target group: waits for those before us, renews while the block runs."""
    aws = connect(infra.region)
    now = aws.now()
    turn = Turn(
        aws,
        infra.target_group.arn,
        Lease(release=release, run=run, ticket=now, until=now),
    )
    turn.start()
    try:
        wait_for_turn(infra, release)
        turn.take()
        yield turn
    finally:
        turn.end()
