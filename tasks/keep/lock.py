"""One release at a time for a target group."""

from contextlib import AbstractContextManager

from prefect import task

from spotkiln.aws.keep.lease import OnTargetGroup
from spotkiln.aws.session import connect
from spotkiln.bake.infra import Infra, TargetGroup
from spotkiln.keep import turn as turns
from spotkiln.keep.heartbeat import Heartbeat
from spotkiln.prefect_api.run_list import ended_runs
from spotkiln.tasks.progress import Bar
from spotkiln.tasks.step import CLOCK, STEP, say


@task(
    name="wait for the turn",
    task_run_name="1 look up: wait for the turn",
    cache_policy=STEP["cache_policy"],
)
def wait_for_turn(turn: Heartbeat, group: str) -> None:
    """Until no other living release is before this one."""
    bar = Bar(f"turn at {group}")
    turns.wait_for_turn(turn, group, clock=CLOCK, say=bar.say, progress=bar.to)


def one_at_a_time(
    infra: Infra, release: str, run: str, *, take_turn: bool = False
) -> AbstractContextManager[Heartbeat]:
    """Hold the target group while the block runs; see `spotkiln.keep.turn`."""
    return hold_group(infra.region, infra.target_group, release, run, take_turn=take_turn)


def hold_group(
    region: str, group: TargetGroup, release: str, run: str, *, take_turn: bool = False
) -> AbstractContextManager[Heartbeat]:
    """The same for what needs nothing else of the infrastructure."""
    return turns.one_at_a_time(
        OnTargetGroup(connect(region), f"target group {group.name}", group.arn),
        release,
        run,
        take_turn=take_turn,
        wait=lambda turn: wait_for_turn(turn, group.name),
        ended=ended_runs,
        clock=CLOCK,
        say=say,
    )
