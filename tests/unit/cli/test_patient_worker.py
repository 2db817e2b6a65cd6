"""A run that is to go on while its last process still ends: Prefect's worker would fall over it."""

import logging
from abc import ABC
from uuid import UUID, uuid4

import anyio
import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.logging.loggers import PrefectLogAdapter

from spotkiln.cli.worker import PatientWorker


class Submitting(PatientWorker, ABC):  # ABC: not registered in the place of Prefect's own
    """Takes note of what it begins, in the place of processes."""

    begun: list[UUID]

    def get_flow_run_logger(self, flow_run: FlowRun) -> PrefectLogAdapter:
        # Prefect's own sends what is said to a server.
        return PrefectLogAdapter(logging.getLogger(__name__), {"run": flow_run.id})

    async def _submit_run(self, flow_run: FlowRun) -> None:
        self.begun.append(flow_run.id)


def offered(*runs: UUID) -> list[WorkerFlowRunResponse]:
    """As Prefect's API answers a worker that asks for runs."""
    flow, pool, queue = uuid4(), uuid4(), uuid4()
    return [
        WorkerFlowRunResponse(
            work_pool_id=pool, work_queue_id=queue, flow_run=FlowRun(id=run, flow_id=flow)
        )
        for run in runs
    ]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_it_waits_for_the_end_of_the_last_process() -> None:
    worker = Submitting(work_pool_name="pool", name="ours")
    worker.begun = []
    worker._limiter = anyio.CapacityLimiter(3)
    ending, other = uuid4(), uuid4()
    worker._limiter.acquire_on_behalf_of_nowait(ending)
    async with anyio.create_task_group() as group:
        worker._runs_task_group = group
        await worker._submit_scheduled_flow_runs(offered(ending, other))
    assert worker.begun == [other]

    worker._limiter.release_on_behalf_of(ending)
    async with anyio.create_task_group() as group:
        worker._runs_task_group = group
        await worker._submit_scheduled_flow_runs(offered(ending))
    assert worker.begun == [other, ending]
