"""Detected: what an application's own files tell, each value with its reason."""

from typing import Any

from spotkiln.bake.interpreter import Interpreter, Need
from spotkiln.noun import Noun

# Stands in for a secret that a framework wants at build time and does not use then.
UNUSED = "unused-at-build-time"


class Finding(Noun):
    """A proposal for one key of spotkiln.yaml: `why` names the file that tells it."""

    key: str
    value: Any
    why: str


class Detected(Noun):
    """`kind` is empty if it is nothing that is known. `missing` are keys of which a default would
    be wrong, each with what to do. `needs` is what the base image must have. `suggested` is for a
    person to take or leave: a release takes nothing of it. `warned` is what would keep it from
    serving, as far as files tell. `no_layer` is why nobody can tell which files its dependencies
    need."""

    kind: str = ""
    findings: tuple[Finding, ...] = ()
    missing: dict[str, str] = {}  # noqa: RUF012 - pydantic copies defaults
    needs: tuple[Need, ...] = ()
    suggested: tuple[Finding, ...] = ()
    warned: tuple[str, ...] = ()
    no_layer: str = ""

    def find(self, key: str) -> Finding | None:
        return next((one for one in self.findings if one.key == key), None)

    def without(self, *keys: str) -> "Detected":
        """The same without what was detected of these keys."""
        left = tuple(one for one in self.findings if one.key not in keys)
        return self.model_copy(update={"findings": left})


class Notes:
    """Findings in the making; the first word about a key counts."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._findings: dict[str, Finding] = {}
        self._missing: dict[str, str] = {}
        self._needs: list[Need] = []
        self._suggested: list[Finding] = []
        self._warned: list[str] = []
        self._no_layer = ""

    def say(self, key: str, value: Any, why: str) -> None:
        self._findings.setdefault(key, Finding(key=key, value=value, why=why))

    def miss(self, key: str, what_to_do: str) -> None:
        self._missing.setdefault(key, what_to_do)

    def missed(self, key: str) -> bool:
        return key in self._missing

    def suggest(self, key: str, value: Any, why: str) -> None:
        self._suggested.append(Finding(key=key, value=value, why=why))

    def warn(self, what: str) -> None:
        self._warned.append(what)

    def no_layer(self, why: str) -> None:
        self._no_layer = why

    def need(self, program: str, file: str) -> None:
        self._needs.append(Need(what=program, file=file))

    def need_version(
        self, interpreter: Interpreter, wanted: str, file: str, *, demanded: bool = False
    ) -> None:
        self._needs.append(Need.of(interpreter, wanted, file, demanded=demanded))

    def told(self) -> Detected:
        return Detected(
            kind=self._kind,
            findings=tuple(self._findings.values()),
            missing={k: v for k, v in self._missing.items() if k not in self._findings},
            needs=tuple(self._needs),
            suggested=tuple(self._suggested),
            warned=tuple(dict.fromkeys(self._warned)),
            no_layer=self._no_layer,
        )
