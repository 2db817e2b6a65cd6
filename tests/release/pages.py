"""What a run left in the Prefect UI, read through its API."""

import json
import subprocess
from typing import Any

from tests.reliability.world import World


def artifacts(world: World, prefix: str) -> list[dict[str, Any]]:
    """Newest first."""
    answer = world.api.post("/artifacts/filter", json={"sort": "CREATED_DESC"})
    return [
        one for one in answer.raise_for_status().json() if (one["key"] or "").startswith(prefix)
    ]


def page(world: World, prefix: str) -> str:
    """The newest markdown page whose key begins so."""
    return str(artifacts(world, prefix)[0]["data"])


def last_row(world: World) -> dict[str, Any]:
    """The newest row of the application's history."""
    data = artifacts(world, "releases-demo-web-app")[0]["data"]
    rows = json.loads(data) if isinstance(data, str) else data
    return dict(rows[0])


def commit_of(world: World, ref: str) -> str:
    return subprocess.run(
        ["git", "-C", str(world.repository), "rev-parse", f"{ref}^{{commit}}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
