"""The fault matrix: every changing AWS call of a release, and all that can happen to it.

The calls come from a record of each scenario, so a new call is covered as soon as it is made.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from sandbox.client import SandboxError
from tests.reliability.flow_process import FlowProcess
from tests.reliability.load import Load
from tests.reliability.world import World

PACKER, PRODUCT = "Packer", "spotkiln/"
CASE_SECONDS = 120.0


class Fault(StrEnum):
    """The worst first."""

    KILL_AFTER = "killed after"
    LOST = "answer lost"
    STALE = "stale reads after"
    KILL_BEFORE = "killed before"
    ERROR = "error"
    KILL_FLOW = "flow killed"
    THROTTLE = "throttled"


KILLS = {Fault.KILL_BEFORE, Fault.KILL_AFTER, Fault.KILL_FLOW}


@dataclass(frozen=True)
class Scenario:
    """A release of this ref over a serving fleet, and how it ends without faults."""

    name: str
    ref: str
    ends: str


SCENARIOS = (
    Scenario("release", "v2", "released"),
    Scenario("red tests", "red", "TestsFailed"),
    Scenario("sick servers", "sick", "ImageRejected"),
)


@dataclass(frozen=True)
class Call:
    """The nth call of this operation by this agent, the index-th of the whole record."""

    scenario: str
    index: int
    operation: str
    agent: str
    nth: int

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
    """`ended`: how the release ended; `left`: what there was before reconcile; `problems`: what
    must not be, at any later point."""

    case: str
    ended: str = ""
    left: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return not self.problems

    @property
    def word(self) -> str:
        """For the table."""
        if self.problems:
            return "**FAILED**"
        if self.left:
            return "reconciled"
        return {"released": "released", "killed": "nothing left"}.get(self.ended, "undone")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def changes(calls: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each call of ours that changes something, with its `nth`; trials, and leases that are only
    renewed by the clock, change nothing."""
    counts: dict[tuple[str, str], int] = {}
    leases: dict[str, str] = {}
    for call in calls:
        agent = next((one for one in (PACKER, PRODUCT) if one in call["agent"]), None)
        if agent is None or not call["mutating"]:
            continue
        key = (call["operation"], agent)
        counts[key] = counts.get(key, 0) + 1
        if str(call["parameters"].get("DryRun", "")).lower() == "true":
            continue
        if call["operation"] == "AddTags":
            tag = call["parameters"]["Tags"][0]
            state = tag["Value"].split()[0]
            if leases.get(tag["Key"]) == state:
                continue
            leases[tag["Key"]] = state
        yield {**call, "agent": agent, "nth": counts[key]}


def record(world: World, scenario: Scenario, variant: str) -> list[Call]:
    """The changing calls of a scenario without faults."""
    world.box.clear_calls()
    result = world.release(scenario.ref, variant)
    ended = str(result.get("outcome") or result.get("error"))
    if not ended.startswith(scenario.ends):
        raise AssertionError(f"{scenario.name} without faults: {result}")
    return [
        Call(scenario.name, index, one["operation"], one["agent"], one["nth"])
        for index, one in enumerate(changes(world.box.calls()), start=1)
    ]


def beyond(calls: Sequence[Call], first: Sequence[Call]) -> list[Call]:
    """Where a scenario goes another way than the first one: the rest is the same."""

    def what(call: Call) -> tuple[str, str]:
        return call.operation, call.agent

    same = 0
    while same < min(len(calls), len(first)) and what(calls[same]) == what(first[same]):
        same += 1
    return list(calls[same:])


def cases_of(calls: Sequence[Call]) -> list[Case]:
    return [
        Case(call, fault)
        for call in calls
        for fault in Fault
        if fault is not Fault.KILL_FLOW or call.agent == PACKER
    ]


def spread(cases: Sequence[Case], number: int) -> list[Case]:
    """So many of them, from the first to the last, every kind of fault among them."""
    by_fault = [[case for case in cases if case.fault is fault] for fault in Fault]
    chosen = []
    for position in range(number):
        mine = by_fault[position % len(by_fault)]
        chosen.append(mine[position * len(mine) // number])
    return chosen


class Matrix:
    """Plays cases in a world where something serves; what is left of one is not in the next."""

    def __init__(self, world: World, load: Load) -> None:
        self.world = world
        self.load = load
        self._count = 0
        self._first_prune: dict[str, int] = {}

    def prepare(self) -> None:
        """v1 serves, and a superseded version is there to be pruned."""
        self._release("v2", self._variant())
        self._release("v1")
        self.load.take_failures()

    def record_all(self) -> list[Case]:
        """All cases of all scenarios."""
        self.prepare()
        recorded: list[list[Call]] = []
        for scenario in SCENARIOS:
            recorded.append(record(self.world, scenario, self._variant()))
            if scenario.ends == "released":
                self._release("v1")
        for calls in recorded:
            prunes = [
                x.index for x in calls if (x.operation, x.agent) == ("DeregisterImage", PRODUCT)
            ]
            self._first_prune[calls[0].scenario] = prunes[0] if prunes else len(calls) + 1
        calls = recorded[0] + [x for one in recorded[1:] for x in beyond(one, recorded[0])]
        return cases_of(calls)

    def _variant(self) -> str:
        self._count += 1
        return f"n{self._count}"

    def _release(self, ref: str, variant: str = "") -> None:
        result = self.world.release(ref, variant)
        if result.get("outcome") != "released":
            raise AssertionError(f"{ref} without faults: {result}")

    def play(self, case: Case) -> Outcome:
        """One case, one reconcile if anything is left, the next release."""
        begin = time.monotonic()
        outcome = Outcome(str(case))
        call = case.call
        prunes = call.index >= self._first_prune[call.scenario]
        if prunes and len(self.world.account.released_images()) < 2:
            self.prepare()
        scenario = next(one for one in SCENARIOS if one.name == call.scenario)
        try:
            self.provoke(case, scenario, outcome, self._variant())
            self._verify(outcome)
        except (SandboxError, TimeoutError) as error:
            outcome.problems.append(f"{type(error).__name__}: {error}")
        finally:
            self.world.box.clear_faults()
        failed = self.load.take_failures()
        if failed:
            outcome.problems.append(f"{len(failed)} requests failed: {failed[0]}")
        outcome.seconds = time.monotonic() - begin
        return outcome

    def provoke(self, case: Case, scenario: Scenario, outcome: Outcome, variant: str) -> None:
        """The release with its fault, to its end."""
        call, box = case.call, self.world.box
        where = {"nth": call.nth, "agent": call.agent}
        kind, arguments = {
            Fault.KILL_BEFORE: ("pause", {"when": "before"}),
            Fault.KILL_AFTER: ("pause", {"when": "after"}),
            Fault.KILL_FLOW: ("pause", {"when": "after"}),
            Fault.LOST: ("lost", {}),
            Fault.ERROR: ("error", {"code": "UnauthorizedOperation", "status": 403}),
            Fault.THROTTLE: ("throttle", {"count": 2}),
            Fault.STALE: ("stale", {"reads": 3}),
        }[case.fault]
        fault = box.fault(call.operation, kind, **where, **arguments)  # type: ignore[arg-type]
        process = self.world.start(scenario.ref, variant)
        if case.fault in KILLS:
            if not self._until_paused(process, fault):
                result = process.result()
                outcome.problems.append(f"the call was never made; the release ended: {result}")
                return
            self._kill(process, case, fault)
            outcome.ended = "killed"
            return
        result = process.result(CASE_SECONDS)
        outcome.ended = str(result.get("outcome") or result.get("error"))
        if not any(one["id"] == fault and one["applied"] for one in box.faults()):
            outcome.problems.append(f"the call was never made; the release ended: {result}")

    def _until_paused(self, process: FlowProcess, fault: str) -> bool:
        deadline = time.monotonic() + CASE_SECONDS
        while time.monotonic() < deadline:
            if any(one["id"] == fault and one["waiting"] for one in self.world.box.faults()):
                return True
            if process.ended.is_set():
                return False
            time.sleep(0.05)
        raise TimeoutError(f"neither the call nor the end came:\n{process.tail()}")

    def _kill(self, process: FlowProcess, case: Case, fault: str) -> None:
        packers = process.packers()
        soft = case.fault is Fault.KILL_FLOW
        process.kill(packer_too=not soft)
        self.world.box.release(fault, drop=not soft)
        self.world.box.clear_faults()
        self.world.report_crashed(process)
        deadline = time.monotonic() + 20
        while soft and any(_runs(pid) for pid in packers) and time.monotonic() < deadline:
            time.sleep(0.1)

    def _verify(self, outcome: Outcome) -> None:
        self.world.box.clear_faults()
        outcome.left = self.world.look_once_quiet().problems()
        if outcome.left:
            result = self.world.reconcile()
            if "error" in result:
                outcome.problems.append(f"reconcile: {result['error']}")
            outcome.problems += [f"after reconcile: {x}" for x in self.world.settled().problems()]
        elif outcome.ended == "released":
            # As after any release; that of the case that follows is the next one.
            return
        result = self.world.release("v1")
        if result.get("outcome") != "released":
            outcome.problems.append(f"the next release: {result}")
        outcome.problems += [f"after the next: {x}" for x in self.world.settled().problems()]


def _runs(pid: int) -> bool:
    try:
        return ") Z" not in (Path("/proc") / str(pid) / "stat").read_text()
    except OSError:
        return False
