"""What Prefect's API answers, as far as its client needs it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
FLOW = UUID(int=1)


def state(kind: str = "COMPLETED", name: str = "", **more: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "type": kind,
        "name": name or kind.capitalize(),
        "timestamp": NOW.isoformat(),
        "message": "",
        **more,
    }


def run(ident: UUID, kind: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    return {
        "id": str(ident),
        "created": NOW.isoformat(),
        "flow_id": str(FLOW),
        "name": "shop 3f2a91c push",
        "state": state(kind),
        "total_run_time": 61.0,
        **more,
    }


def deployment(name: str, **more: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "name": name, "flow_id": str(FLOW), **more}


def log(ident: UUID, text: str, level: int = 20) -> dict[str, Any]:
    return {
        "id": str(ident),
        "name": "prefect.flow_runs",
        "level": level,
        "message": text,
        "timestamp": NOW.isoformat(),
    }
