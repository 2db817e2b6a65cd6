"""Batches: where there is one target group, the new servers come one batch after the other. The
first may be a single one, a canary.

They get their share of the requests as soon as they are healthy. So there is no other way to let a
part of the visitors try them first; and the old servers are all there until the last batch has
proved itself.
"""

from collections.abc import Sequence

from spotkiln.bake.infra import Infra
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.step import Step, batch_of
from spotkiln.serve.traffic import Traffic
from spotkiln.serve.weights import WHOLE


def batches(
    traffic: Traffic, infra: Infra, capacity: int, serving: Sequence[Fleet]
) -> tuple[Step, ...]:
    """Of so many new servers; the last batch stays for the bake time. Those that would add none
    make the one before longer. Empty: all come at once, for two target groups have steps, and where
    nothing of ours serves nobody could be brought back."""
    if infra.second or not serving:
        return ()
    found: list[Step] = []
    for number, text in enumerate(traffic.batches, 1):
        one = batch_of(text)
        last = number == len(traffic.batches)
        seconds: float = traffic.bake_seconds if last else one.seconds
        servers = one.of(capacity)
        if found and servers <= found[-1].servers:
            before = found.pop()
            servers, seconds = before.servers, before.seconds + seconds
        percent = max(WHOLE * servers // capacity, 1)
        found.append(Step(percent=percent, seconds=seconds, servers=servers))
    return tuple(found)


def in_words(traffic: Traffic, plan: Sequence[Step]) -> str:
    """What the batches are, and what would take them back; empty if there are none."""
    if not plan:
        return ""
    *first, last = plan
    told = f"in batches, each through the gate: {', '.join([*map(str, first), last.name])}"
    if traffic.check:
        told = f"{told}; in each of them {traffic.check!r} must end well"
    if last.seconds:
        told = f"{told}; then {last.seconds:.0f} s in which the old servers can still serve alone"
    if not traffic.alarms:
        return told
    return f"{told}; {', '.join(f'alarm {x}' for x in traffic.alarms)} would take them away"


def seconds_of(
    traffic: Traffic, plan: Sequence[Step], gate: tuple[float, float]
) -> tuple[float, float]:
    """For how much longer old and new servers are side by side, at least and at most, than if all
    came at once. `gate`: how long one gate takes, at least and at most."""
    if not plan:
        return 0.0, 0.0
    stay, more = sum(one.seconds for one in plan), len(plan) - 1
    checks = float(len(plan) * traffic.check_seconds) if traffic.check else 0.0
    return stay + more * gate[0], 2 * stay + checks + more * gate[1]
