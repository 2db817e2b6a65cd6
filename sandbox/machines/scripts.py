"""How simulated machines behave: rules that match images and instances.

A rule is a JSON object. `match` may name `image_id`, `instance_id`, `name` (the image's) and any
tag of the image or the instance. Its values are shell patterns, and all of them must match. A rule
without `match` matches everything. `times` limits the rule to so many machines. The other keys are
properties, in sandbox seconds:

    boot_seconds    launch until `running`                                       15
    serve_seconds   `running` until the application answers                       10
    stop_seconds    shutting down, and terminating                                 5
    image_seconds   an image is `pending`                                         20
    health          what the application answers: a status code, "timeout", "refused", or a
                    list of {"after": seconds since it serves, "code": one of these}  200
    latency_seconds until it answers                                                 0
    crash_after     seconds since it serves; from then on nothing listens            never
    vanish_after    seconds since `running`; then the machine is gone                never
    interrupt_after seconds since `running`; then it gets a spot interruption notice never
    ends_by         EC2 ends the instance for this state reason, such as
                    Client.InternalError or Client.VolumeLimitExceeded           never
    ends_after      seconds since its launch until then                              1
    console         text at the end of the console, once the application is started  ""
    body            what `GET /` answers                              a page with the revision

Unknown keys are stored and returned: the stand-in for Packer reads `tests`, `packages`, and
`task_status`, `task_output`, `task_seconds`, `task_unit` of a machine for one command. A
property in a later rule replaces the same property of an earlier one.
"""

import fnmatch
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

Answer = int | str


@dataclass(frozen=True)
class Subject:
    """What a rule is matched against. An image by itself has no instance id."""

    image_id: str
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    instance_id: str = ""

    def value(self, key: str) -> str | None:
        named = {"image_id": self.image_id, "name": self.name, "instance_id": self.instance_id}
        return named.get(key) or self.tags.get(key)


@dataclass(frozen=True)
class Behaviour:
    boot_seconds: float = 15.0
    serve_seconds: float = 10.0
    stop_seconds: float = 5.0
    image_seconds: float = 20.0
    health: tuple[tuple[float, Answer], ...] = ((0.0, 200),)
    latency_seconds: float = 0.0
    crash_after: float | None = None
    vanish_after: float | None = None
    interrupt_after: float | None = None
    ends_by: str = ""
    ends_after: float = 1.0
    console: str = ""
    body: str | None = None

    def answer(self, serving_seconds: float) -> Answer:
        """What the health path answers so many seconds after the application began to serve."""
        if self.crash_after is not None and serving_seconds >= self.crash_after:
            return "refused"
        current: Answer = self.health[0][1]
        for after, answer in self.health:
            if serving_seconds >= after:
                current = answer
        return current


def behaviour(properties: Mapping[str, Any]) -> Behaviour:
    """Raises ValueError if a property's value is wrong."""
    values = {key: value for key, value in properties.items() if key in _KNOWN}
    if "health" in values:
        values["health"] = _health(values["health"])
    for key, value in values.items():
        if key in _TEXTS or value is None:
            continue
        if not isinstance(value, int | float) and key != "health":
            raise ValueError(f"{key}: expected seconds, got {value!r}")
    return Behaviour(**values)


_KNOWN = frozenset(field.name for field in fields(Behaviour))
_TEXTS = frozenset(("console", "body", "ends_by"))


def _health(value: Any) -> tuple[tuple[float, Answer], ...]:
    steps = value if isinstance(value, list) else [{"after": 0, "code": value}]
    parsed = []
    for step in steps:
        code = step.get("code") if isinstance(step, dict) else step
        if not isinstance(code, int) and code not in ("timeout", "refused"):
            raise ValueError(
                f'health: expected a status code, "timeout" or "refused", got {code!r}'
            )
        parsed.append((float(step.get("after", 0)) if isinstance(step, dict) else 0.0, code))
    return tuple(sorted(parsed, key=lambda pair: pair[0]))


class Rule:
    def __init__(self, body: Mapping[str, Any]) -> None:
        rest = dict(body)
        self.match: dict[str, str] = {k: str(v) for k, v in (rest.pop("match", None) or {}).items()}
        self.times: int | None = rest.pop("times", None)
        self.properties = rest
        self._taken: set[str] = set()
        behaviour(rest)  # so that a wrong value is refused now, and not at the first boot

    def applies(self, subject: Subject) -> bool:
        for key, pattern in self.match.items():
            value = subject.value(key)
            if value is None or not fnmatch.fnmatchcase(value, pattern):
                return False
        if self.times is None:
            return True
        if not subject.instance_id:
            return False
        if subject.instance_id not in self._taken and len(self._taken) < self.times:
            self._taken.add(subject.instance_id)
        return subject.instance_id in self._taken


class Scripts:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def add(self, body: Mapping[str, Any]) -> None:
        rule = Rule(body)
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def rules(self) -> list[Rule]:
        with self._lock:
            return list(self._rules)

    def put(self, rules: Iterable[Rule]) -> None:
        """Before those that there are."""
        with self._lock:
            self._rules[:0] = rules

    def properties(self, subject: Subject) -> dict[str, Any]:
        """All properties that the matching rules give, also those that are not known here."""
        merged: dict[str, Any] = {}
        with self._lock:
            for rule in self._rules:
                if rule.applies(subject):
                    merged.update(rule.properties)
        return merged

    def behaviour(self, subject: Subject) -> Behaviour:
        return behaviour(self.properties(subject))
