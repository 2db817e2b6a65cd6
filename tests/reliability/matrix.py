"""Plays the fault matrix: every changing AWS call of a flow, and all that can happen to it."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox.client import SandboxError
from tests.reliability.cases import (
    Call,
    Case,
    Outcome,
    Recorded,
    changes,
    ending,
    recorded_of,
)
from tests.reliability.flow_process import FlowProcess
from tests.reliability.load import Load
from tests.reliability.scenarios import (
    GROUP,
    KILLS,
    PRODUCT,
    SCENARIOS,
    Fault,
    First,
    Killed,
    Met,
    Scenario,
    scenario_of,
)
from tests.reliability.world import World

CASE_SECONDS = 180.0
# A rollback needs one to go back to, pruning one too many.
VERSIONS = 2


FAULTS: dict[Fault, tuple[str, dict[str, Any]]] = {
    Fault.KILL_BEFORE: ("pause", {"when": "before"}),
    Fault.KILL_AFTER: ("pause", {"when": "after"}),
    Fault.KILL_FLOW: ("pause", {"when": "after"}),
    Fault.LOST: ("lost", {}),
    Fault.ERROR: ("error", {"code": "UnauthorizedOperation", "status": 403}),
    Fault.THROTTLE: ("throttle", {"count": 2}),
    Fault.STALE: ("stale", {"reads": 3}),
}


class Matrix:
    """Plays cases in a world where something serves; what is left of one is not in the next."""

    def __init__(self, world: World, load: Load) -> None:
        self.world = world
        self.load = load
        self._count = 0

    def prepare(self) -> None:
        """v1 serves, and a superseded version is there to be pruned."""
        self._release("v2", self._variant())
        self._release("v1")
        self.load.take_failures()

    def record_all(self, scenarios: Sequence[Scenario] = SCENARIOS) -> Recorded:
        """All cases of these scenarios; after `prepare`."""
        return recorded_of([self.record_over_v1(one) for one in scenarios])

    def record_over_v1(self, scenario: Scenario) -> list[Call]:
        """The changing calls of a scenario without faults; v1 serves before and after."""
        calls = self.record(scenario)
        if scenario.of_preview:
            self._remove_preview()
        elif scenario.ends == "released":
            self._release("v1")
        return calls

    def record(self, scenario: Scenario, variant: str | None = None) -> list[Call]:
        """The changing calls of a scenario without faults."""
        variant = self._variant() if variant is None else variant
        self._happen(scenario, variant)
        self.world.box.clear_calls()
        self._meet(scenario.meets)
        process = self._start(scenario, variant)
        ended = ending(process.result(CASE_SECONDS))
        self.world.box.clear_faults()
        if not ended.startswith(scenario.ends):
            raise AssertionError(f"{scenario.name} without more faults: {ended}")
        return [
            Call(scenario.name, index, one["operation"], one["agent"], one["nth"], one["text"])
            for index, one in enumerate(changes(self.world.box.calls()), start=1)
        ]

    def _meet(self, met: Met | None) -> None:
        """Set the first fault of two."""
        if met:
            kind, arguments = FAULTS[met.fault]
            self.world.box.fault(met.operation, kind, nth=met.nth, agent=met.agent, **arguments)

    def _variant(self) -> str:
        self._count += 1
        return f"n{self._count}"

    def _release(self, ref: str, variant: str = "", **changes: Any) -> None:
        result = self.world.release(ref, variant, **changes)
        if result.get("outcome") != "released":
            raise AssertionError(f"{ref} without faults: {result}")

    def _start(self, scenario: Scenario, variant: str) -> FlowProcess:
        if scenario.of_preview:
            return self.world.preview(scenario.ref, removed=scenario.flow == "removal")
        more = {"app": scenario.app(variant), "fleet": scenario.fleet, **scenario.traffic}
        more |= scenario.infra
        return self.world.play(scenario.flow, scenario.ref, variant, **more)

    def _happen(self, scenario: Scenario, variant: str) -> None:
        """What comes before the scenario."""
        if scenario.first is First.GROUP:
            self._release("v1", fleet={"launcher": GROUP})
        elif scenario.first is First.SCALED:
            self._release("v1", fleet=scenario.fleet)
        elif scenario.first is First.BEHIND:
            self._release("v1", **scenario.infra)
        elif scenario.first is First.PREVIEW:
            made = self.world.preview(scenario.ref).result(CASE_SECONDS)
            if made.get("outcome") != "released":
                raise AssertionError(f"a preview without faults: {made}")
        if scenario.after:
            self._kill_release(scenario.after, variant)

    def _kill_release(self, killed: Killed, variant: str) -> None:
        fault = self.world.box.fault(
            killed.operation, "pause", nth=killed.nth, agent=PRODUCT, when=killed.when
        )
        process = self.world.play("release", killed.ref, variant if killed.ref == "v2" else "")
        if not self._until_paused(process, fault):
            raise AssertionError(f"{killed} was never made: {process.result()}")
        self._kill(process, fault)

    def play(self, case: Case, recorded: Recorded) -> Outcome:
        """One case, one reconcile if anything is left, the next release."""
        begin = time.monotonic()
        self.world.box.forget_ended()
        outcome = Outcome(str(case))
        scenario = scenario_of(case.call.scenario)
        needs_versions = (
            scenario.flow == "rollback" or case.call.index >= recorded.first_prune[scenario.name]
        )
        try:
            if needs_versions and len(self.world.account.released_images()) < VERSIONS:
                self.prepare()
            self.provoke(case, scenario, outcome, self._variant())
            self._verify(outcome, scenario)
        except (SandboxError, TimeoutError, AssertionError) as error:
            outcome.problems.append(f"{type(error).__name__}: {error}")
        finally:
            self.world.box.clear_faults()
        failed = self.load.take_failures()
        if failed:
            outcome.problems.append(f"{len(failed)} requests failed: {failed[0]}")
        outcome.seconds = time.monotonic() - begin
        return outcome

    def provoke(self, case: Case, scenario: Scenario, outcome: Outcome, variant: str) -> None:
        """The flow with its fault, to its end."""
        call, box = case.call, self.world.box
        self._happen(scenario, variant)
        where = {"nth": call.nth, "agent": call.agent, "text": call.text}
        kind, arguments = FAULTS[case.fault]
        self._meet(scenario.meets)
        fault = box.fault(call.operation, kind, **where, **arguments)  # type: ignore[arg-type]
        process = self._start(scenario, variant)
        if case.fault in KILLS:
            if not self._until_paused(process, fault):
                outcome.provoked, outcome.ended = False, ending(process.result())
                return
            self._kill(process, fault, soft=case.fault is Fault.KILL_FLOW)
            outcome.ended = "killed"
            return
        outcome.ended = ending(process.result(CASE_SECONDS))
        outcome.provoked = any(one["id"] == fault and one["applied"] for one in box.faults())

    def _until_paused(self, process: FlowProcess, fault: str) -> bool:
        deadline = time.monotonic() + CASE_SECONDS
        while time.monotonic() < deadline:
            if any(one["id"] == fault and one["waiting"] for one in self.world.box.faults()):
                return True
            if process.ended.is_set():
                return False
            time.sleep(0.1)
        raise TimeoutError(f"neither the call nor the end came:\n{process.tail()}")

    def _kill(self, process: FlowProcess, fault: str, *, soft: bool = False) -> None:
        """With its Packer; `soft`: the flow alone, and its Packer cleans up."""
        packers = process.packers()
        process.kill(packer_too=not soft)
        self.world.box.release(fault, drop=not soft)
        self.world.box.clear_faults()
        self.world.report_crashed(process)
        deadline = time.monotonic() + 20
        while soft and any(_runs(pid) for pid in packers) and time.monotonic() < deadline:
            time.sleep(0.1)

    def _verify(self, outcome: Outcome, scenario: Scenario) -> None:
        self.world.box.clear_faults()
        outcome.left = self.world.look_once_quiet().problems()
        if outcome.left:
            result = self.world.reconcile()
            if "error" in result:
                outcome.problems.append(f"reconcile: {result['error']}")
            outcome.problems += [f"after reconcile: {x}" for x in self.world.settled().problems()]
        elif outcome.ended == "released" and scenario.flow == "release":
            # As after any release; that of the case that follows is the next one. A rollback that
            # follows one would have to go further back.
            return
        if scenario.of_preview:
            self._remove_preview()
        else:
            result = self.world.release("v1")
            if result.get("outcome") != "released":
                outcome.problems.append(f"the next release: {result}")
        outcome.problems += [f"after the next: {x}" for x in self.world.settled().problems()]

    def _remove_preview(self) -> None:
        """If there is one: whatever was done to it, it can be taken away."""
        if not self.world.account.previews():
            return
        ended = ending(self.world.preview("v1", removed=True).result(CASE_SECONDS))
        if ended != "removed" or self.world.account.previews():
            raise AssertionError(f"a preview that cannot be removed: {ended}")


def _runs(pid: int) -> bool:
    try:
        return ") Z" not in (Path("/proc") / str(pid) / "stat").read_text()
    except OSError:
        return False
