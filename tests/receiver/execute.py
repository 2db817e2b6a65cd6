"""Runs a flow run that exists already in this process: `python -m tests.receiver.execute ID`.

As a worker's process does it, but for the copy of the whole repository that it would make first.
"""

import sys
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow

from spotkiln.flows.release import release


def main() -> None:
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(UUID(sys.argv[1]))
    flow: Any = release
    run_flow(flow, flow_run=run, parameters=run.parameters)


if __name__ == "__main__":
    main()
