"""One release at a time for a target group."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect import task

from spotkiln.aws.keep.lease import OnTargetGroup
from spotkiln.aws.session import connect
from spotkiln.bake.infra import Infra
from spotkiln.keep.heartbeat import Heartbeat
from spotkiln.keep.lease import NEVER, Lease, Stage
from spotkiln.poll import Backoff, Done, Waiting, poll
from spotkiln.prefect_api.run import ended_runs
from spotkiln.tasks.progress import Bar
from spotkiln.tasks.step import CLOCK, STEP, say

# A release before us may bake, wait for capacity and drain; several may be before us.
WAIT_SECONDS = 6 * 3600


@task(
    name="wait for the turn",
    task_run_name="1 look up: wait for the turn",
    cache_policy=STEP["cache_policy"],
)
def wait_for_turn(turn: Heartbeat, group: str) -> None:
    """Until no other living release is before this one.

    Raises:
        DeadlineExceeded: others held the target group for six hours.
        GaveWay: a rollback took the turn as soon as it had come.
        InfrastructureError: the lease was lost while it waited.
    """
    said, most = "", 0
    bar = Bar(f"turn at {group}")

    def first() -> Done[None] | Waiting:
        nonlocal said, most
        ahead = turn.try_turn()
        if not ahead:
            # Without others there was nothing to wait for, and there is nothing to show.
            if said:
                bar.to(100)
            return Done(None)
        before = ", ".join(one.release for one in ahead)
        most = max(most, len(ahead))
        if before != said:
            say(f"waiting: {before} is before us at {group}")
            said = before
            bar.to(100 * (1 - len(ahead) / most))
        return Waiting(before)

    poll(
        first,
        what=f"the turn at target group {group}",
        deadline_seconds=WAIT_SECONDS,
        clock=CLOCK,
        backoff=Backoff(first=2.0, factor=1.2, maximum=10.0),
    )


@contextmanager
def one_at_a_time(
    infra: Infra, release: str, run: str, *, take_turn: bool = False
) -> Iterator[Heartbeat]:
    """Hold the target group: waits for those before us, renews while the block runs. With
    `take_turn` only for one that has launched already; any other gives way."""
    aws, group = connect(infra.region), infra.target_group
    place = OnTargetGroup(aws, f"target group {group.name}", group.arn)
    stage = Stage.TAKES if take_turn else Stage.WAITS
    lease = Lease(release=release, run=run, ticket=aws.now(), until=NEVER, stage=stage)
    turn = Heartbeat(place, lease, ended=ended_runs, clock=CLOCK, say=say)
    try:
        turn.begin()
        turn.start()
        wait_for_turn(turn, group.name)
        yield turn
    finally:
        turn.end()
