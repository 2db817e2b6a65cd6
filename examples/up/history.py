"""History: what Prefect's database of the last `make up` says of runs that nobody carries on."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx

from rehearsal.prefect_client import client_of

PAGE = 200
# Had a process, which has ended with the worker. A run that waits for a person is another's affair.
BEGUN = ["RUNNING", "PENDING", "CANCELLING"]
ENDED = {
    "type": "CRASHED",
    "name": "Crashed",
    "message": "`make up` ended while it ran; reconcile finishes or undoes what it left",
}


def _runs(prefect: httpx.Client, kinds: list[str]) -> Iterator[dict[str, Any]]:
    asked = {"flow_runs": {"state": {"type": {"any_": kinds}}}, "limit": PAGE}
    while True:
        found = prefect.post("/flow_runs/filter", json=asked).raise_for_status().json()
        yield from found
        if len(found) < PAGE:
            return
        asked["offset"] = int(str(asked.get("offset", 0))) + PAGE


def is_missed(run: dict[str, Any], now: datetime, *, schedules: bool) -> bool:
    """Whether a schedule's run is not to be made up for: its time has passed, or nobody has asked
    for schedules here."""
    if not run["auto_scheduled"]:
        return False
    return not schedules or datetime.fromisoformat(run["expected_start_time"]) < now


def settle(address: str, password: str, *, schedules: bool) -> int:
    """Before the worker starts: runs that lost their process are told so, and the runs that
    schedules have planned meanwhile are dropped. Returns how many had lost it."""
    with client_of(address, password) as prefect:
        begun = list(_runs(prefect, BEGUN))
        for run in begun:
            body = {"state": ENDED, "force": True}
            prefect.post(f"/flow_runs/{run['id']}/set_state", json=body).raise_for_status()
        now = datetime.now(UTC)
        for run in list(_runs(prefect, ["SCHEDULED"])):
            if is_missed(run, now, schedules=schedules):
                prefect.delete(f"/flow_runs/{run['id']}").raise_for_status()
    return len(begun)
