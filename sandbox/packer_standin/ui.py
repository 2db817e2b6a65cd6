"""What Packer prints: for people, or in 1.6.6's machine-readable form."""

import sys
import time


class Ui:
    def __init__(self, builder: str, *, machine_readable: bool) -> None:
        self.builder = builder
        self._machine_readable = machine_readable

    def step(self, text: str) -> None:
        self._ui("say", self._prefixed("==>", text))

    def detail(self, text: str) -> None:
        self._ui("message", self._prefixed("   ", text))

    def step_error(self, text: str) -> None:
        self._ui("error", self._prefixed("==>", text))

    def say(self, text: str) -> None:
        self._ui("say", text)

    def error(self, text: str) -> None:
        self._ui("error", text)

    def machine(self, kind: str, *data: str, target: str = "") -> None:
        if self._machine_readable:
            self._write(",".join([str(int(time.time())), target, kind, *map(_escape, data)]))

    def _prefixed(self, mark: str, text: str) -> str:
        prefix = f"{mark} {self.builder}: "
        return "\n".join(prefix + line for line in text.split("\n"))

    def _ui(self, kind: str, text: str) -> None:
        if self._machine_readable:
            self.machine("ui", kind, text)
        else:
            self._write(text)

    def _write(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _escape(text: str) -> str:
    return text.replace("\r", "\\r").replace("\n", "\\n").replace(",", "%!(PACKER_COMMA)")
