"""Flows as processes that a test can kill: see zygote.py for how they come about."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent.parent
READY_SECONDS = 120.0


@dataclass
class FlowProcess:
    """One run of a flow. `code` is None while it runs."""

    id: int
    folder: Path
    pid: int = 0
    code: int | None = None
    started: float = field(default_factory=time.monotonic)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def run(self) -> str:
        """The flow run's id; empty until Prefect knows it."""
        file = self.folder / "run"
        return file.read_text() if file.is_file() else ""

    def result(self, timeout: float = 90.0) -> dict[str, Any]:
        """What came of it: `outcome` and so on, or `error`."""
        if not self.ended.wait(timeout):
            raise TimeoutError(f"the flow still runs after {timeout:.0f} s:\n{self.tail()}")
        file = self.folder / "result.json"
        if not file.is_file():
            return {"error": f"ended with {self.code} and left no result"}
        return dict(json.loads(file.read_text()))

    def log(self) -> str:
        file = self.folder / "log"
        return file.read_text(errors="replace") if file.is_file() else ""

    def tail(self, lines: int = 25) -> str:
        return "\n".join(self.log().splitlines()[-lines:])

    def packers(self) -> list[int]:
        """Pids of the Packers that it started: they have sessions of their own."""
        found = []
        for one in Path("/proc").iterdir():
            if one.name.isdigit():
                with suppress(OSError, IndexError, ValueError):
                    stat = (one / "stat").read_text().rpartition(")")[2].split()
                    words = (one / "cmdline").read_bytes().split(b"\0")
                    if int(stat[1]) == self.pid and b"build" in words:
                        found.append(int(one.name))
        return found

    def kill(self, *, packer_too: bool = False) -> None:
        """SIGKILL its whole process group. packer_too: as when the host is lost."""
        doomed = self.packers() if packer_too else []
        for pid in doomed:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        if not self.ended.wait(10):
            raise TimeoutError(f"process {self.pid} does not end by SIGKILL")

    def terminate(self) -> None:
        """SIGTERM to the flow, as a worker cancels it."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)


class Zygote:
    """The warm parent. `speed`: how many of the product's seconds pass in a real one."""

    def __init__(self, home: Path, environment: Mapping[str, str], speed: float) -> None:
        self._home = home
        self._runs: dict[int, FlowProcess] = {}
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._answered = threading.Condition(self._lock)
        home.mkdir(parents=True, exist_ok=True)
        with (home / "zygote.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.reliability.zygote", str(speed)],
                cwd=ROOT,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer = json.loads(line)
            if "ready" in answer:
                self._ready.set()
                continue
            with self._lock:
                one = self._runs[answer["id"]]
                if "pid" in answer:
                    one.pid = answer["pid"]
                else:
                    one.code = answer["code"]
                    one.ended.set()
                self._answered.notify_all()

    def wait_until_ready(self) -> None:
        if not self._ready.wait(READY_SECONDS):
            raise TimeoutError(f"no zygote; see {self._home / 'zygote.log'}")

    def start(self, flow: str, parameters: Mapping[str, Any]) -> FlowProcess:
        """Fork a process that runs this flow."""
        assert self._process.stdin is not None
        with self._lock:
            number = len(self._runs) + 1
            folder = self._home / f"{number:04d}-{flow}"
            folder.mkdir()
            one = self._runs[number] = FlowProcess(number, folder)
            order = {"id": number, "flow": flow, "parameters": dict(parameters)}
            self._process.stdin.write(json.dumps({**order, "folder": str(folder)}) + "\n")
            self._process.stdin.flush()
            if not self._answered.wait_for(lambda: one.pid, timeout=30):
                raise TimeoutError(f"the zygote does not fork; see {self._home / 'zygote.log'}")
        return one

    def stop(self) -> None:
        for one in self._runs.values():
            if not one.ended.is_set():
                one.kill(packer_too=True)
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(10)
        self._reader.join(10)
        if self._process.stdout:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
