"""Wait for a server on this machine that was just started."""

import subprocess
import time
from pathlib import Path

import httpx

from rehearsal.prefect_client import trusting

PAUSE_SECONDS = 0.3


def wait_for_answer(
    child: "subprocess.Popen[bytes]",
    address: str,
    *,
    what: str,
    log: Path,
    timeout_seconds: float = 120,
) -> None:
    """Until `address` answers with 200, and the child lives: another one may have taken its port.

    Raises:
        RuntimeError: the child has ended, or does not answer in time; it names the log.
    """
    deadline = time.monotonic() + timeout_seconds
    with httpx.Client(verify=trusting(address), timeout=2) as client:
        while True:
            answers = _answers(client, address)
            if child.poll() is not None:
                raise RuntimeError(f"{what} ended; see {log}")
            if answers:
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"{what} did not answer in {timeout_seconds:.0f} s; see {log}")
            time.sleep(PAUSE_SECONDS)


def _answers(client: httpx.Client, address: str) -> bool:
    try:
        return client.get(address).status_code == 200
    except httpx.HTTPError:
        return False
