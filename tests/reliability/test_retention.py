"""What Prefect keeps of releases is bounded: its vacuum deletes runs with all that is theirs."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from rehearsal.prefect_local import LocalPrefect
from tests.reliability.conftest import long
from tests.reliability.host import eventually

pytestmark = [long, pytest.mark.prefect]
OFTEN = {"PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": "1"}


def ended_run(api: httpx.Client, database: Path, ago: timedelta) -> str:
    """A run with a page, as a release leaves them; that it ended long ago can only be forged."""
    flow = api.post("/flows/", json={"name": "release"}).json()["id"]
    state = {"type": "COMPLETED"}
    run = str(api.post("/flow_runs/", json={"flow_id": flow}).json()["id"])
    api.post(f"/flow_runs/{run}/set_state", json={"state": state, "force": True}).raise_for_status()
    page = {"key": f"release-{run}", "type": "markdown", "data": "page", "flow_run_id": run}
    api.post("/artifacts/", json=page).raise_for_status()
    ended = (datetime.now(UTC) - ago).strftime("%Y-%m-%d %H:%M:%S.%f")
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        changed = connection.execute(
            "UPDATE flow_run SET end_time = ? WHERE id = ?", (ended, run)
        ).rowcount
    assert changed == 1
    return run


def test_what_is_older_than_ninety_days_goes(tmp_path: Path) -> None:
    with LocalPrefect(tmp_path, OFTEN, 0) as prefect:
        prefect.start_server()
        prefect.wait_for_server()
        with httpx.Client(base_url=f"{prefect.address}/api", timeout=30) as api:
            old, kept = (
                ended_run(api, tmp_path / "prefect.db", timedelta(days=days)) for days in (91, 89)
            )
            eventually(lambda: api.get(f"/flow_runs/{old}").status_code == 404, 60, "a vacuum")

            def pages() -> set[str]:
                return {x["flow_run_id"] for x in api.post("/artifacts/filter", json={}).json()}

            eventually(lambda: pages() == {kept}, 30, "its page to go with it")
            assert api.get(f"/flow_runs/{kept}").status_code == 200
