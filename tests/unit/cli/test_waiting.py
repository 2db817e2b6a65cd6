"""What a worker does beside its runs: it makes its queue, and ends approvals that nobody gave."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import anyio
import pytest

from spotkiln.cli import unanswered, worker
from spotkiln.cli.main import main
from spotkiln.release.approval import ANSWER_KEY, GRACE
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi

pytestmark = pytest.mark.programs


def suspended(number: int, key: str, ends: datetime | None) -> dict[str, Any]:
    details = {"pause_key": key, "pause_timeout": ends and ends.isoformat()}
    state = answers.state("PAUSED", "Suspended", state_details=details)
    return answers.run(UUID(int=number), state=state)


def test_only_an_approval_whose_time_is_over_is_declined(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unanswered, "LOOK_SECONDS", 0.01)
    now = datetime.now(UTC)
    soon, over = now + GRACE + timedelta(hours=1), now + GRACE - timedelta(seconds=1)
    # The first look fails: it looks again.
    found = [
        suspended(1, ANSWER_KEY, soon),
        suspended(2, ANSWER_KEY, over),
        suspended(3, "another pause", over),
        suspended(4, ANSWER_KEY, None),
    ]
    looks: list[tuple[int, Any]] = [(500, {}), (200, found), (200, [])]
    fake.answers["POST /flow_runs/filter"] = lambda _: looks.pop(0) if looks else (200, [])
    accepted = {"status": "ACCEPT", "state": answers.state(), "details": {"type": "accept_details"}}
    for number in range(1, 5):
        fake.answers[f"POST /flow_runs/{UUID(int=number)}/resume"] = lambda _: (200, accepted)

    async def scene() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(unanswered.decline_unanswered, "spotkiln")
            with anyio.fail_after(20):
                while looks:
                    await anyio.sleep(0.01)
            group.cancel_scope.cancel()

    anyio.run(scene)
    resumed = [(name, body) for name, body in fake.asked if name.endswith("/resume")]
    answer = {"run_input": {"decision": "reject", "by": "nobody, in time"}}
    assert resumed == [(f"POST /flow_runs/{UUID(int=2)}/resume", answer)]


def test_the_queue_of_what_is_urgent_is_made_however_long_the_pool_is_away(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "QUEUE_SECONDS", 0.01)
    tries: list[tuple[int, Any]] = [(404, {}), (503, {}), (409, {"detail": "exists"})]
    path = "POST /work_pools/spotkiln/queues"
    fake.answers[path] = lambda _: tries.pop(0)

    async def scene() -> None:
        with anyio.fail_after(20):
            await worker.make_queue("spotkiln")

    anyio.run(scene)
    assert not tries
    assert {body["name"] for body in fake.bodies(path)} == {"urgent"}


def test_a_wrong_password_is_told_before_the_worker_starts(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worked: list[str] = []

    async def work(pool: str, limit: int, name: str) -> None:
        worked.append(pool)

    monkeypatch.setattr(worker, "work", work)
    fake.answers["GET /admin/version"] = lambda _: (401, {"exception_message": "Unauthorized"})
    assert main(["worker"]) == 1
    assert "set PREFECT_API_AUTH_STRING" in capsys.readouterr().err
    assert worked == []
    # What is busy or away may be back at any moment: for that it waits.
    fake.answers["GET /admin/version"] = lambda _: (503, {})
    assert main(["worker"]) == 0
    assert worked == ["spotkiln"]
