"""Runs in Prefect: start one, follow it to its end, tell what came of it."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from getpass import getuser
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterName,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import Artifact, FlowRun, Log
from prefect.client.schemas.sorting import ArtifactSort, FlowRunSort, LogSort
from prefect.exceptions import ObjectNotFound
from prefect.utilities.urls import url_for

from spotkiln.cli.deployment import Deployment, prefect
from spotkiln.errors import DeadlineExceeded, InputError
from spotkiln.noun import Noun
from spotkiln.release.release import Outcome
from spotkiln.release.trigger import Trigger, tags_of

POLL_SECONDS = 1.0
# A flow's last lines can come after its last state.
LAST_LINES_SECONDS = 3.0
# As long as a release may wait for its turn, and its own time.
FOLLOW_SECONDS = 8 * 3600
NO_WORKER_SECONDS = 20.0
PAGE = 200
# Prefect says it after every task, without the task's name.
NAMELESS = "Finished in state Completed"


class Line(Noun):
    time: datetime
    level: str
    text: str

    def __str__(self) -> str:
        level = "" if self.level == "INFO" else f"{self.level}: "
        return f"{self.time:%H:%M:%S} {level}{self.text}"


class Ending(Noun):
    """What came of a run: Prefect's state, and the release's row of the history."""

    run: str
    url: str = ""
    state: str
    outcome: str = ""
    cause: str = ""
    release: str = ""
    commit: str = ""
    image: str = ""
    fleet: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it serves, or what it gave way to does: a run that was declined or held has ended
        well, and released nothing."""
        return self.state == "COMPLETED" and self.outcome not in {Outcome.DECLINED, Outcome.HELD}

    def __str__(self) -> str:
        facts = [
            f"{name} {value}"
            for name, value in (
                ("commit", self.commit[:12]), ("image", self.image), ("fleet", self.fleet),
            )
            if value
        ]  # fmt: skip
        text = f"{self.outcome or self.state.lower()} in {self.seconds:.0f} s"
        text += f": {', '.join(facts)}" if facts else ""
        return text + (f"\n{self.cause}" if self.cause else "")


def start(deployment: Deployment, parameters: dict[str, Any]) -> UUID:
    """A run of it, with these parameters in the place of its own. It says who started it."""
    tags = tags_of(Trigger(kind="command", by=user()))
    with prefect() as client:
        return client.create_flow_run_from_deployment(
            deployment.id, parameters=parameters, tags=tags
        ).id


def user() -> str:
    """Who runs the command; empty for an account without a name."""
    try:
        return getuser()
    except (OSError, KeyError):
        return ""


def url(run: UUID) -> str:
    """Its page in the UI; empty if Prefect knows of no UI."""
    return url_for("flow-run", obj_id=run) or ""


def find(wanted: str) -> UUID:
    """A run by its id, or the newest of a name.

    Raises:
        InputError: Prefect knows none such.
    """
    with prefect() as client:
        try:
            return client.read_flow_run(UUID(wanted)).id
        except ObjectNotFound as error:
            raise InputError(f"Prefect knows no run {wanted}; the UI lists them") from error
        except ValueError:
            found = client.read_flow_runs(
                flow_run_filter=FlowRunFilter(name=FlowRunFilterName(any_=[wanted])),
                sort=FlowRunSort.EXPECTED_START_TIME_DESC,
                limit=1,
            )
    if not found:
        raise InputError(f"Prefect knows no run named {wanted!r}; name one, or give a run's id")
    return found[0].id


def _line(log: Log) -> Line:
    level = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
    return Line(
        time=log.timestamp, level=level.get(log.level, str(log.level)), text=log.message.strip()
    )


def _logs(client: SyncPrefectClient, run: UUID, seen: set[UUID]) -> Iterator[Line]:
    """Those not seen yet, oldest first. Late ones may belong between those seen: all pages are
    looked at again, of which a release has one or two."""
    offset = 0
    while True:
        page = client.read_logs(
            LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run])),
            sort=LogSort.TIMESTAMP_ASC,
            limit=PAGE,
            offset=offset,
        )
        for log in page:
            if log.id and log.id not in seen:
                seen.add(log.id)
                yield _line(log)
        offset += len(page)
        if len(page) < PAGE:
            return


def lines(run: UUID) -> list[Line]:
    with prefect() as client:
        return list(_logs(client, run, set()))


def _artifacts(client: SyncPrefectClient, run: UUID, kind: str) -> list[Artifact]:
    """The run's own of this kind, newest first."""
    return client.read_artifacts(
        artifact_filter=ArtifactFilter(
            flow_run_id=ArtifactFilterFlowRunId(any_=[run]), type=ArtifactFilterType(any_=[kind])
        ),
        sort=ArtifactSort.CREATED_DESC,
    )


def ended(client: SyncPrefectClient, run: FlowRun) -> Ending:
    """From the run's state and the row that it wrote into its application's history."""
    state = run.state
    end = Ending(
        run=str(run.id),
        url=url(run.id),
        state=state.type.value if state else "",
        seconds=run.total_run_time.total_seconds(),
    )
    row: dict[str, Any] = {}
    for one in _artifacts(client, run.id, "table"):
        data: Any = one.data
        rows = json.loads(data) if isinstance(data, str) else data
        row = next((x for x in rows if str(x.get("release", "")).endswith(run.id.hex[:12])), row)
    known = {name: row[name] for name in Ending.model_fields.keys() & row.keys()}
    if not known and not end.ok and state:
        known = {"cause": state.message or ""}
    return end.model_copy(update=known)


class _Wait:
    """What a run waits for, told once for each state that it stands in."""

    def __init__(self) -> None:
        self.name = ""
        self._since = 0.0
        self._told = False

    def hint(self, run: FlowRun) -> str:
        """Empty while there is nothing to tell."""
        state, now = run.state, time.monotonic()
        name = (state and state.name) or "unknown"
        if name != self.name:
            self.name, self._since, self._told = name, now, False
        if self._told or state is None:
            return ""
        text = ""
        if state.is_paused():
            text = f"waits for an approval: {url(run.id)}".rstrip(": ")
        elif state.is_scheduled() and now - self._since > NO_WORKER_SECONDS:
            text = f"{name}: does a worker run? `spotkiln worker --pool {run.work_pool_name}`"
        self._told = bool(text)
        return text


def follow(
    run: UUID, say: Callable[[str], None], *, deadline_seconds: float = FOLLOW_SECONDS
) -> Ending:
    """Tell what it logs and how far it is, until it has ended.

    Raises:
        DeadlineExceeded: it had not ended in time; it goes on.
    """
    seen: set[UUID] = set()
    progress = ""
    wait = _Wait()
    started = time.monotonic()
    with prefect() as client:
        while True:
            found = client.read_flow_run(run)
            final = bool(found.state and found.state.is_final())
            if final:
                time.sleep(LAST_LINES_SECONDS)
            for line in _logs(client, run, seen):
                if not line.text.startswith(NAMELESS):
                    say(str(line))
            if final:
                return ended(client, found)
            bars = _artifacts(client, run, "progress")
            percent = next((f"{one.description}: {one.data:.0f} %" for one in bars), "")
            if percent not in {"", progress}:
                progress = percent
                say(percent)
            if hint := wait.hint(found):
                say(hint)
            waited = time.monotonic() - started
            if waited > deadline_seconds:
                raise DeadlineExceeded(f"run {run} to end (it goes on)", waited, wait.name)
            time.sleep(POLL_SECONDS)
