"""An AWS account made ready: planned, made, looked at."""

from collections.abc import Callable, Iterator, Sequence

from spotkiln.account.plan import Plan, given
from spotkiln.aws.account import stack as stacks
from spotkiln.aws.account.check import STACK, look
from spotkiln.aws.session import Aws, connect, resolve_region
from spotkiln.cli.doctor.check import Check, check
from spotkiln.poll import RealClock


def _aws(region: str) -> Aws:
    return connect(resolve_region(region))


def plan(stack: str, pairs: Sequence[str], region: str) -> Plan:
    """What would be made or changed. Nothing stays of the plan."""
    aws, values = _aws(region), given(pairs)
    found = stacks.plan(aws, stack, values, RealClock())
    stacks.forget(aws, found)
    return found


def apply(
    stack: str, pairs: Sequence[str], region: str, say: Callable[[str], None]
) -> dict[str, str]:
    """Make or change it; the names that it has made."""
    aws, values = _aws(region), given(pairs)
    stacks.clear_unmade(aws, stack, RealClock())
    found = stacks.plan(aws, stack, values, RealClock())
    for line in found.lines:
        say(line)
    if not found.changes:
        stacks.forget(aws, found)
        return stacks.outputs(aws, stack)
    return stacks.apply(aws, found, RealClock(), say)


def checks(stack: str, region: str) -> Iterator[Check]:
    """Each name that the product looks up, and rights. Without the stack: that alone."""
    aws = _aws(region)
    for name, probe in look(aws, stack).items():
        found = check(stack, name, probe)
        yield found
        if name == STACK and not found.ok:
            return
