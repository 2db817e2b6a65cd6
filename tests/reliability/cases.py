"""What the fault matrix is made of: the calls of scenarios, and a case for each fault at each call.

The calls come from a record of each scenario, so a new call is covered as soon as it is made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.reliability.scenarios import PACKER, PRODUCT, Fault, Met, Scenario, scenario_of


@dataclass(frozen=True)
class Call:
    """The nth call of this operation by this agent, the index-th of the whole record. With `text`
    only those count that have it among their parameters: how often a lease is renewed in between
    is a matter of time."""

    scenario: str
    index: int
    operation: str
    agent: str
    nth: int
    text: str = ""

    @property
    def who(self) -> str:
        return "Packer" if self.agent == PACKER else "Spotkiln"


@dataclass(frozen=True)
class Case:
    call: Call
    fault: Fault

    def __str__(self) -> str:
        call = self.call
        return f"{call.scenario} #{call.index} {call.who} {call.operation}: {self.fault}"


@dataclass
class Outcome:
    """`ended`: how the flow ended; `left`: what there was before reconcile; `problems`: what
    must not be, at any later point. Not `provoked`: the call was never made, nothing was tried."""

    case: str
    provoked: bool = True
    ended: str = ""
    left: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return self.provoked and not self.problems

    @property
    def word(self) -> str:
        """For the table."""
        if not self.provoked:
            return "**not provoked**"
        if self.problems:
            return "**FAILED**"
        if self.left:
            return "reconciled"
        if self.ended == "killed":
            return "nothing left"
        return self.ended if self.ended in {"released", "removed", "settled"} else "undone"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


# The note of a hand-over stands on the target group, as leases do.
NOTE = "spotkiln:weights-before/"


def changes(calls: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each call of ours that changes something, with its `nth`; trials, and leases that are only
    renewed by the clock, change nothing."""
    counts: dict[tuple[str, ...], int] = {}
    leases: dict[str, str] = {}
    for call in calls:
        agent = next((one for one in (PACKER, PRODUCT) if one in call["agent"]), None)
        if agent is None or not call["mutating"]:
            continue
        key: tuple[str, ...] = (call["operation"], agent)
        counts[key] = counts.get(key, 0) + 1
        if str(call["parameters"].get("DryRun", "")).lower() == "true":
            continue
        if call["operation"] == "AddTags":
            tag = call["parameters"]["Tags"][0]
            state = tag["Value"].split()[0]
            if leases.get(tag["Key"]) == state:
                continue
            leases[tag["Key"]] = state
        text = NOTE if NOTE in str(call["parameters"]) else ""
        if text:
            key = (*key, text)
            counts[key] = counts.get(key, 0) + 1
        yield {**call, "agent": agent, "nth": counts[key], "text": text}


def beyond(calls: Sequence[Call], first: Sequence[Call]) -> list[Call]:
    """Where a scenario goes another way than the first one: the rest is the same."""

    def what(call: Call) -> tuple[str, str]:
        return call.operation, call.agent

    same = 0
    while same < min(len(calls), len(first)) and what(calls[same]) == what(first[same]):
        same += 1
    return list(calls[same:])


def between(calls: Sequence[Call], first: Sequence[Call]) -> list[Call]:
    """What a scenario does more than the first one, where it ends as that does."""
    rest = beyond(calls, first)
    left = first[len(calls) - len(rest) :]
    return list(reversed(beyond(list(reversed(rest)), list(reversed(left)))))


def before(calls: Sequence[Call], first: Sequence[Call]) -> list[Call]:
    """The same, where what it does more begins as what follows does: a layer's bake is one like
    the image's."""
    return list(reversed(between(list(reversed(calls)), list(reversed(first)))))


def shifting(calls: Sequence[Call]) -> list[Call]:
    """From the note of what the weights are to its end."""
    at = [number for number, one in enumerate(calls) if one.text == NOTE]
    return list(calls[at[0] : at[-1] + 1])


def more_of(scenario: Scenario, calls: Sequence[Call], first: Sequence[Call]) -> list[Call]:
    """What of a scenario's calls is not as in the first one."""
    if scenario.steps:
        return shifting(calls)
    if scenario.two_faults:
        return second_calls(calls, first, scenario.meets)
    if scenario.layered:
        return before(calls, first)
    return between(calls, first) if scenario.has_more else beyond(calls, first)


def second_calls(calls: Sequence[Call], first: Sequence[Call], met: Met | None) -> list[Call]:
    """Where a second fault can strike: what is done about the first one, which is not the same
    as in a scenario without it."""
    more = between(calls, first)
    if met is None:
        return more
    what = (met.operation, met.agent, met.nth)
    hit = next(one.index for one in calls if (one.operation, one.agent, one.nth) == what)
    return [one for one in more if one.index > hit]


def cases_of(calls: Sequence[Call]) -> list[Case]:
    return [
        Case(call, fault)
        for call in calls
        for fault in Fault
        if fault in scenario_of(call.scenario).faults
        and (fault is not Fault.KILL_FLOW or call.agent == PACKER)
    ]


@dataclass(frozen=True)
class Recorded:
    """All cases, and from which call on each scenario prunes versions."""

    cases: list[Case]
    first_prune: dict[str, int] = field(default_factory=dict)


def recorded_of(records: Sequence[Sequence[Call]]) -> Recorded:
    """From the record of each scenario; of all but the first only where they go another way."""
    calls = [] if scenario_of(records[0][0].scenario).steps else list(records[0])
    for one in records[len(calls) > 0 :]:
        calls += more_of(scenario_of(one[0].scenario), one, records[0])
    first_prune = {}
    for one in records:
        prunes = [x.index for x in one if (x.operation, x.agent) == ("DeregisterImage", PRODUCT)]
        first_prune[one[0].scenario] = prunes[0] if prunes else len(one) + 1
    return Recorded(cases_of(calls), first_prune)


def spread(cases: Sequence[Case], number: int) -> list[Case]:
    """So many of them, from the first to the last, every kind of fault among them."""
    by_fault = [[case for case in cases if case.fault is fault] for fault in Fault]
    chosen = []
    for position in range(number):
        mine = by_fault[position % len(by_fault)]
        chosen.append(mine[position * len(mine) // number])
    return chosen


def ending(result: dict[str, Any]) -> str:
    """How a flow ended, in a word or by its error."""
    if "actions" in result:
        return "settled"
    if result.get("preview"):
        return "removed"
    return str(result.get("outcome") or result.get("error"))
