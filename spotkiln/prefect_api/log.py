"""Logs of runs in Prefect."""

from uuid import UUID

from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import Log
from prefect.client.schemas.sorting import LogSort

from spotkiln.prefect_api.connection import Api
from spotkiln.start.run import Line, LogSource

LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}


def _of(log: Log) -> Line | None:
    if log.id is None:
        return None
    level = LEVELS.get(log.level, str(log.level))
    last = log.name.rpartition(".")[2]
    source = LogSource(last) if last in set(LogSource) else LogSource.OURS
    # A command's own lines are as it wrote them.
    text = log.message.rstrip("\n") if source is LogSource.COMMAND else log.message.strip()
    return Line(id=log.id, time=log.timestamp, level=level, text=text, source=source)


async def lines(api: Api, run: str) -> list[Line]:
    """All lines of a run's log, the oldest first. A late line may belong between earlier ones."""
    wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[UUID(run)]))
    found = await api.pages(
        f"read the log of run {run}",
        lambda client, limit, offset: client.read_logs(
            wanted, sort=LogSort.TIMESTAMP_ASC, limit=limit, offset=offset
        ),
    )
    return [line for one in found if (line := _of(one))]
