"""A worker that can be told to leave: it takes no more runs, and ends when its runs have ended.

Prefect's own worker ends its flows when it ends: on SIGTERM they are gone in an instant, nothing is
undone, and Prefect shows them as running (seen with 3.8.8).

It is two of Prefect's workers in one process. The releases' one has a limited number of slots. The
urgent one takes rollbacks and reconciles, from a queue of their own: however many releases wait for
their turn in all the slots, the way back starts at once.
"""

import os
import shlex
import signal
import socket
import sys
from abc import ABC
from typing import Any

import anyio
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker

from spotkiln.cli.output import tell
from spotkiln.cli.temporary import use_own_folder
from spotkiln.cli.unanswered import decline_unanswered
from spotkiln.errors import InfrastructureError, PrefectDenied, SpotkilnError
from spotkiln.prefect_api import queue
from spotkiln.prefect_api.connection import ask, connect, version, without_retries
from spotkiln.start.deployment import URGENT

# Prefect gives a queue of this name to each pool, and each deployment that names no other is in it.
RELEASES = "default"
# No rollback may wait for a slot: more than anybody starts at once.
URGENT_LIMIT = 100
LOOK_SECONDS = 0.2
QUEUE_SECONDS = 2.0
# As long as a release may wait for its turn, and its own time. systemd's TimeoutStopSec is its
# bound where that is shorter.
PATIENCE_SECONDS = 8 * 3600


class Configuration(ProcessJobConfiguration):
    """How a run is started: its process at once, unless the deployment names another command.

    Prefect's default imports all of Prefect to prepare a folder, and then all of it again to run
    the flow: what a deployment with its folder on this machine does not need, for a second more.
    """

    def prepare_for_flow_run(self, *args: Any, **kwargs: Any) -> None:
        self.command = self.command or shlex.join([sys.executable, "-m", "spotkiln.cli.engine"])
        super().prepare_for_flow_run(*args, **kwargs)


class PatientWorker(ProcessWorker, ABC):  # ABC: not registered in the place of Prefect's own
    """Prefect's process worker, with an end that loses nothing."""

    job_configuration = Configuration
    leaving = False
    _asking = False

    async def get_and_submit_flow_runs(self) -> list[Any]:
        """Prefect's loop calls it. A worker that leaves takes no more runs."""
        if self.leaving:
            return []
        self._asking = True
        try:
            return await super().get_and_submit_flow_runs()
        finally:
            self._asking = False

    async def _submit_scheduled_flow_runs(self, flow_run_response: list[Any]) -> list[Any]:
        """A run that somebody resumes at once, as by a quick approval, is offered again while the
        process that suspended it still ends. Prefect's worker would begin it beside that one, and
        end with all its runs over its own count (seen with 3.8.8): it is left for the next look.
        """
        has = self._limiter.statistics().borrowers if self._limiter else ()
        free = [one for one in flow_run_response if one.flow_run.id not in has]
        return await super()._submit_scheduled_flow_runs(free)

    @property
    def runs(self) -> int:
        """How many runs it has."""
        # Prefect makes the limiter when it sets the worker up.
        return self._limiter.borrowed_tokens if self._limiter else 0

    @property
    def idle(self) -> bool:
        return not self._asking and self.runs == 0


def require_welcome() -> None:
    """
    Raises:
        InputError: no address of Prefect's API is set.
        PrefectDenied: its password is another. One that is away may be back at any moment.
    """
    try:
        with without_retries():
            ask(version)
    except PrefectDenied:
        raise
    except InfrastructureError:
        return


async def make_queue(pool: str) -> None:
    """Make the queue of what is urgent, unless it is there: without it the worker would silently
    get no runs. Returns when the queue is there, however long Prefect or the pool is away.
    """
    there = False
    while not there:
        try:
            async with connect() as api:
                await queue.make(api, pool, URGENT)
            there = True
        except SpotkilnError:
            await anyio.sleep(QUEUE_SECONDS)


async def _leave_when_told(workers: list[PatientWorker], everything: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            has = sum(worker.runs for worker in workers)
            if workers[0].leaving:
                tell(f"ends at once; runs left to reconcile: {has}", aside=True)
                everything.cancel()
                return
            for worker in workers:
                worker.leaving = True
            tell(
                f"takes no more runs, and ends when those it has have ended: {has}; "
                "a second signal ends it and them at once",
                aside=True,
            )


async def _end_when_idle(workers: list[PatientWorker], everything: anyio.CancelScope) -> None:
    while not workers[0].leaving:
        await anyio.sleep(LOOK_SECONDS)
    with anyio.move_on_after(PATIENCE_SECONDS):
        while not all(worker.idle for worker in workers):
            await anyio.sleep(LOOK_SECONDS)
    everything.cancel()


async def work(pool: str, limit: int, name: str = "") -> None:
    """Run the flows of a pool until a signal says to leave: `limit` releases at once, and what is
    urgent besides. Unless it is given another, the worker's name tells in Prefect where it runs."""
    use_own_folder()
    name = name or f"{socket.gethostname()} {os.getpid()}"
    releases = PatientWorker(work_pool_name=pool, work_queues=[RELEASES], limit=limit, name=name)
    urgent = PatientWorker(
        work_pool_name=pool, work_queues=[URGENT], limit=URGENT_LIMIT, name=f"{name}, {URGENT}"
    )
    workers = [urgent, releases]

    async def start(worker: PatientWorker) -> None:
        if worker is urgent:
            await make_queue(pool)
        await worker.start(printer=lambda text: tell(text, aside=True))
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(_leave_when_told, workers, group.cancel_scope)
        group.start_soon(_end_when_idle, workers, group.cancel_scope)
        group.start_soon(decline_unanswered, pool)
        for worker in workers:
            group.start_soon(start, worker)
