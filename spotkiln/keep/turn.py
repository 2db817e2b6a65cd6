"""The turn at a target group: one release at a time, until the lease is given back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from spotkiln.keep.heartbeat import EndedRuns, Heartbeat, Place, Say
from spotkiln.keep.lease import NEVER, Lease, Stage
from spotkiln.poll import Backoff, Clock, Done, Waiting, poll

# A release before us may bake, wait for capacity and drain; several may be before us.
WAIT_SECONDS = 6 * 3600


def wait_for_turn(
    turn: Heartbeat,
    group: str,
    *,
    clock: Clock,
    say: Callable[[str], None],
    progress: Callable[[float], None],
) -> None:
    """Wait until no other living release is before this one. `group` is the target group's name.
    `progress` gets percents; it is not called if there was nobody to wait for.

    Raises:
        DeadlineExceeded: others held the target group for six hours.
        GaveWay: a rollback took the turn as soon as it had come.
        InfrastructureError: the lease was lost while it waited.
    """
    said, most = "", 0

    def first() -> Done[None] | Waiting:
        nonlocal said, most
        ahead = turn.try_turn()
        if not ahead:
            if said:
                progress(100)
            return Done(None)
        before = ", ".join(one.release for one in ahead)
        most = max(most, len(ahead))
        if before != said:
            say(f"waiting: {before} is before us at {group}")
            said = before
            progress(100 * (1 - len(ahead) / most))
        return Waiting(before)

    poll(
        first,
        what=f"the turn at target group {group}",
        deadline_seconds=WAIT_SECONDS,
        clock=clock,
        backoff=Backoff(first=2.0, factor=1.2, maximum=10.0),
    )


@contextmanager
def one_at_a_time(
    place: Place,
    release: str,
    run: str,
    *,
    take_turn: bool,
    wait: Callable[[Heartbeat], None],
    ended: EndedRuns,
    clock: Clock,
    say: Say,
) -> Iterator[Heartbeat]:
    """Hold the target group while the block runs. `wait` waits for those before us.

    With `take_turn` a release that has not launched its servers yet is not waited for: it gives
    way.
    """
    stage = Stage.TAKES if take_turn else Stage.WAITS
    lease = Lease(release=release, run=run, ticket=place.now(), until=NEVER, stage=stage)
    turn = Heartbeat(place, lease, ended=ended, clock=clock, say=say)
    try:
        turn.begin()
        turn.start()
        wait(turn)
        yield turn
    finally:
        turn.end()
