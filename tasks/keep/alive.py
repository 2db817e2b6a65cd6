"""A sign of life for what waits for no target group: a lease on its machine's security group."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from spotkiln.aws.bake.builder import open_group, remove_access
from spotkiln.aws.bake.way_in import way_in
from spotkiln.aws.keep.lease import OnBuilder
from spotkiln.aws.session import Aws, connect
from spotkiln.bake.builder import Builder
from spotkiln.errors import SpotkilnError
from spotkiln.keep.heartbeat import Heartbeat
from spotkiln.keep.lease import Lease, Stage
from spotkiln.noun import Noun
from spotkiln.prefect_api.run_list import ended_runs
from spotkiln.tasks.step import CLOCK, say


class Owner(Noun):
    """`id` owns what is made by the flow run `run`; its security group carries `tags`. `alone`:
    several runs may want to be the owner, and only one can."""

    id: str
    run: str
    region: str
    vpc: str
    builder: Builder
    tags: Mapping[str, str]
    alone: bool = False


def _first_sign(aws: Aws, owner: Owner) -> Heartbeat:
    """The group is the first thing that is made, and the last that goes."""
    now = aws.now()
    waits = Lease(release=owner.id, run=owner.run, ticket=now, until=now)
    lease = waits.renewed(now, Stage.HOLDS)
    tags = {**owner.tags, lease.key: lease.to_tag()}
    ranges = way_in(aws, owner.builder, owner.vpc)
    group = open_group(aws, owner.id, owner.vpc, ranges, tags, alone=owner.alone)
    return Heartbeat(OnBuilder(aws, group), lease, ended=ended_runs, clock=CLOCK, say=say)


@contextmanager
def living(owner: Owner) -> Iterator[Heartbeat]:
    """For as long as the block runs, reconcile leaves alone what it makes.

    Raises:
        Taken: another run is the owner.
    """
    aws = connect(owner.region)
    life = _first_sign(aws, owner)
    life.start()
    try:
        yield life
    finally:
        life.end()
        try:
            remove_access(aws, owner.id, owner.vpc, CLOCK)
        except SpotkilnError as error:
            # How the run ends is not changed by it.
            say(f"could not remove the machine's access: {error}; reconcile does it")
