"""Starts flow runs through Prefect's API and follows them, as any script could."""

import json
import time
from collections.abc import Iterator
from typing import Any

from rehearsal.prefect_client import client_of

FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class Runs:
    def __init__(self, address: str, password: str = "") -> None:
        self._http = client_of(address, password)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._http.post(path, json=body)
        if answer.status_code >= 400:
            raise RuntimeError(f"Prefect refused {path}: {answer.status_code} {answer.text}")
        return answer.json()

    def start(self, deployment: str, parameters: dict[str, Any]) -> str:
        """A flow run's id."""
        found = self._http.get(f"/deployments/name/{deployment}").raise_for_status().json()
        run = self._post(f"/deployments/{found['id']}/create_flow_run", {"parameters": parameters})
        return str(run["id"])

    def set_state(self, run: str, kind: str, *, force: bool = False) -> None:
        """Set the run's state, such as CANCELLING. `force`: even if its present state does not
        allow it."""
        state = {"type": kind, "name": kind.capitalize()}
        self._post(f"/flow_runs/{run}/set_state", {"state": state, "force": force})

    def state(self, run: str) -> tuple[str, str]:
        """The type of the run's state, and its message."""
        found = self._http.get(f"/flow_runs/{run}").raise_for_status().json()
        state = found.get("state") or {}
        return str(state.get("type", "")), str(state.get("message") or "")

    def follow(self, run: str, timeout_seconds: float) -> Iterator[str]:
        """The names of the run's tasks as they start, until the run has ended."""
        deadline = time.monotonic() + timeout_seconds
        seen: set[str] = set()
        while True:
            kind, message = self.state(run)
            for task in self._tasks(run):
                if task["id"] not in seen:
                    seen.add(task["id"])
                    yield task["name"]
            if kind in FINAL:
                return
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"flow run {run} is still {kind} after {timeout_seconds:.0f} s: {message}"
                )
            time.sleep(0.5)

    def _tasks(self, run: str) -> list[dict[str, Any]]:
        found = self._post(
            "/task_runs/filter",
            {"flow_runs": {"id": {"any_": [run]}}, "sort": "EXPECTED_START_TIME_ASC"},
        )
        return [task for task in found if task.get("start_time")]

    def last_lines(self, run: str, count: int = 5) -> str:
        """Of what the run has logged."""
        asked = {"logs": {"flow_run_id": {"any_": [run]}}, "sort": "TIMESTAMP_DESC", "limit": count}
        found = self._post("/logs/filter", asked)
        return "\n".join(str(one["message"]) for one in reversed(found))

    def artifacts(self, key: str) -> list[dict[str, Any]]:
        """All artifacts of a key, newest first."""
        found = self._post("/artifacts/filter", {"artifacts": {"key": {"any_": [key]}}})
        return sorted(found, key=lambda one: str(one["created"]), reverse=True)

    def latest_row(self, key: str, run: str) -> dict[str, Any]:
        """The row that a run added to a table of releases; `failed` if it added none."""
        for artifact in self.artifacts(key):
            if artifact.get("flow_run_id") == run:
                data = artifact["data"]
                rows = data if isinstance(data, list) else json.loads(data)
                return dict(rows[0])
        kind, message = self.state(run)
        return {
            "outcome": "failed",
            "cause": f"the run left no release page: {kind} {message}\n{self.last_lines(run)}",
            "seconds": 0.0,
            "image": "",
            "fleet": "",
        }
