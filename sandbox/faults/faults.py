"""Faults on demand: what goes wrong, at which call.

kind      arguments (all optional but `code`)
throttle
error     code, message, status=400, carried_out=False
delay     seconds=1
lost      the call is carried out, the connection closed without an answer
hang      seconds=60, carried_out=True; then the connection is closed
pause     when="before" or "after": the call waits before or after it is carried out, until
          somebody releases it
stale     on a reading operation: mutations=1, it answers as before the last so many changing
          calls; or seconds=N, it answers as N sandbox seconds ago. On a changing operation: it is
          carried out, and the next reads=3 reads within seconds=30 answer as before it

The seconds of delay and hang are real ones: they test how long the client waits. A fault applies
from the nth matching call on, `count` times. Counting starts when it is set. `operation` may be a
pattern. `agent` is a part of the User-Agent, `text` one of the parameters.
"""

import fnmatch
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.faults.calls import Call

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "throttle": {},
    "error": {"code": None, "message": "", "status": 400, "carried_out": False},
    "delay": {"seconds": 1.0},
    "lost": {},
    "hang": {"seconds": 60.0, "carried_out": True},
    "pause": {"when": "before"},
    "stale": {"mutations": None, "seconds": None, "reads": 3},
}


@dataclass
class Fault:
    operation: str
    kind: str
    nth: int = 1
    count: int = 1
    agent: str = ""
    text: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    seen: int = 0
    waiting: int = 0  # paused calls, now
    dropped: bool = False  # paused calls are not carried out when released
    released: threading.Event = field(default_factory=threading.Event)

    def matches(self, call: Call) -> bool:
        named = fnmatch.fnmatchcase(call.operation, self.operation)
        return named and self.agent in call.agent and self.text in str(call.parameters)

    @property
    def spent(self) -> bool:
        return self.seen >= self.nth + self.count - 1

    def as_json(self) -> dict[str, Any]:
        return {
            key: value for key, value in vars(self).items() if key not in ("released", "dropped")
        } | {"applied": max(0, min(self.seen - self.nth + 1, self.count))}


def fault_from(body: Mapping[str, Any]) -> Fault:
    """Raises ValueError for an unknown kind or a wrong argument."""
    known = {"operation", "kind", "nth", "count", "agent", "text"}
    kind = str(body.get("kind", ""))
    if kind not in _ARGUMENTS:
        raise ValueError(f"kind: expected one of {', '.join(_ARGUMENTS)}, got {kind!r}")
    allowed = _ARGUMENTS[kind]
    arguments = {key: value for key, value in body.items() if key not in known}
    if unknown := set(arguments) - set(allowed):
        raise ValueError(f"{kind} takes {sorted(allowed)}, not {sorted(unknown)}")
    if kind == "error" and not arguments.get("code"):
        raise ValueError("error needs a code, such as UnauthorizedOperation")
    if kind == "pause" and arguments.get("when", "before") not in ("before", "after"):
        raise ValueError('when: expected "before" or "after"')
    if not body.get("operation"):
        raise ValueError('operation: expected an API operation\'s name or "*"')
    return Fault(
        str(body["operation"]),
        kind,
        nth=int(body.get("nth", 1)),
        count=int(body.get("count", 1)),
        agent=str(body.get("agent", "")),
        text=str(body.get("text", "")),
        arguments={**allowed, **arguments},
    )


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            for fault in self._faults:
                fault.released.set()
            self._faults.clear()

    def get(self, fault_id: str) -> Fault | None:
        with self._lock:
            return next((fault for fault in self._faults if fault.id == fault_id), None)

    def all(self) -> list[dict[str, Any]]:
        with self._lock:
            return [fault.as_json() for fault in self._faults]

    def next_for(self, call: Call) -> Fault | None:
        """The fault for this call, if there is one. Each fault that matches counts the call."""
        chosen = None
        with self._lock:
            for fault in self._faults:
                if not fault.matches(call):
                    continue
                fault.seen += 1
                due = fault.nth <= fault.seen < fault.nth + fault.count
                if due and chosen is None:
                    chosen = fault
        return chosen

    def wants_copies(self) -> bool:
        """Whether a `stale` fault may still apply. Then changing calls leave a copy of the state
        before them."""
        with self._lock:
            return any(fault.kind == "stale" and not fault.spent for fault in self._faults)
