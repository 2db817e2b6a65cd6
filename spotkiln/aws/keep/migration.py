"""Makes sure that nobody else migrates."""

from typing import TYPE_CHECKING

from spotkiln import tags as t
from spotkiln.aws.serve.instance import described
from spotkiln.aws.session import Aws
from spotkiln.bake.own import MIGRATION, is_builder
from spotkiln.poll import Clock, Done, Waiting, poll

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef

# EC2 gives a machine that ends a few minutes; reconcile has ended what nobody owns.
OTHERS_SECONDS = 600.0
THERE = ["pending", "running", "shutting-down", "stopping"]


def await_others(aws: Aws, release: str, target_group: str, clock: Clock) -> None:
    """Wait until no machine of an earlier release of this target group (its name) migrates. Such a
    release was killed: the machine ends already, and its migration with it.

    Raises:
        DeadlineExceeded: one stays.
    """
    filters: list[FilterTypeDef] = [
        {"Name": f"tag:{t.ROLE}", "Values": [MIGRATION]},
        {"Name": f"tag:{t.TARGET_GROUP}", "Values": [target_group]},
        {"Name": "instance-state-name", "Values": THERE},
    ]

    def gone() -> Done[None] | Waiting:
        found = described(aws, filters, f"machines that migrate {target_group}")
        others = [x.id for x in found if is_builder(x) and x.tags.get(t.RELEASE) != release]
        return Waiting(f"there is {', '.join(others)}") if others else Done(None)

    poll(
        gone,
        what=f"the end of an earlier migration of {target_group}",
        deadline_seconds=OTHERS_SECONDS,
        clock=clock,
    )
