"""A worker that can be told to leave: it takes no more runs and ends when those it has have ended.

Prefect's own worker ends its flows with itself: on SIGTERM they are gone in an instant, nothing is
undone, and Prefect shows them as running (seen with 3.8.8).
"""

import os
import shlex
import signal
import socket
import sys
from abc import ABC
from typing import Any

import anyio
from prefect.client.schemas.objects import FlowRun
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker

from cli.output import tell

POOL = "spotkiln"
LOOK_SECONDS = 0.2
# As long as a release may wait for its turn, and its own time. systemd's TimeoutStopSec is its
# bound where that is shorter.
PATIENCE_SECONDS = 8 * 3600


class Configuration(ProcessJobConfiguration):
    """How a run is started: its process at once, unless the deployment names another command.

    Prefect's default imports all of Prefect to prepare a folder, and then all of it again to run
    the flow: what a deployment with its folder on this machine does not need, for a second more.
    """

    def prepare_for_flow_run(self, *args: Any, **kwargs: Any) -> None:
        self.command = self.command or shlex.join([sys.executable, "-m", "cli.engine"])
        super().prepare_for_flow_run(*args, **kwargs)


class PatientWorker(ProcessWorker, ABC):  # ABC: not registered in the place of Prefect's own
    """Prefect's process worker, with an end that loses nothing."""

    job_configuration = Configuration
    leaving = False
    _asking = False

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Prefect's loop calls it; no runs any more once it is leaving."""
        if self.leaving:
            return []
        self._asking = True
        try:
            return await super().get_and_submit_flow_runs()
        finally:
            self._asking = False

    @property
    def runs(self) -> int:
        """How many it has."""
        return self.limiter.borrowed_tokens

    @property
    def idle(self) -> bool:
        return not self._asking and self.runs == 0


async def _leave_when_told(worker: PatientWorker, everything: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            if worker.leaving:
                tell(f"ends at once; runs left to reconcile: {worker.runs}", aside=True)
                everything.cancel()
                return
            worker.leaving = True
            tell(
                f"takes no more runs, and ends when those it has have ended: {worker.runs}; "
                "a second signal ends it and them at once",
                aside=True,
            )


async def _end_when_idle(worker: PatientWorker, everything: anyio.CancelScope) -> None:
    while not worker.leaving:
        await anyio.sleep(LOOK_SECONDS)
    with anyio.move_on_after(PATIENCE_SECONDS):
        while not worker.idle:
            await anyio.sleep(LOOK_SECONDS)
    everything.cancel()


async def work(pool: str, limit: int, name: str = "") -> None:
    """Run the flows of a pool, `limit` at once, until a signal says to leave. Unless it is given
    another, the worker's name tells in Prefect where it runs."""
    name = name or f"{socket.gethostname()} {os.getpid()}"
    worker = PatientWorker(work_pool_name=pool, limit=limit, name=name)
    async with anyio.create_task_group() as group:
        group.start_soon(_leave_when_told, worker, group.cancel_scope)
        group.start_soon(_end_when_idle, worker, group.cancel_scope)
        await worker.start(printer=lambda text: tell(text, aside=True))
        group.cancel_scope.cancel()
