"""Requests to machines: a load balancer's health check, and whether a port is open.

Each blocks, and has one deadline for all of it.
"""

import http.client
import socket
import time
from collections.abc import Callable

from sandbox.machines.protocol import ProbeResult

_READ_BYTES = 65536


def probe(address: str, port: int, path: str, timeout_seconds: float) -> ProbeResult:
    """A GET that does not follow redirects. The whole answer has to arrive in time."""
    deadline = time.monotonic() + timeout_seconds
    connection = http.client.HTTPConnection(address, port, timeout=timeout_seconds)
    try:
        connection.connect()
        stream = connection.sock  # the connection drops it after the head of the answer
        _limit(stream, deadline)
        connection.request(
            "GET", path, headers={"User-Agent": "ELB-HealthChecker/2.0", "Connection": "close"}
        )
        response = connection.getresponse()
        while not response.isclosed():
            _limit(stream, deadline)
            if not response.read1(_READ_BYTES):
                break
    except TimeoutError:
        return ProbeResult(error="timeout")
    except (OSError, http.client.HTTPException):
        return ProbeResult(error="refused")
    finally:
        connection.close()
    return ProbeResult(code=response.status)


def wait_for_port(
    address: str, port: int, seconds: float, worth_waiting: Callable[[], bool]
) -> bool:
    """True once something listens there. False when the time is over, or `worth_waiting` says
    no."""
    deadline = time.monotonic() + seconds
    while worth_waiting() and (left := deadline - time.monotonic()) > 0:
        try:
            socket.create_connection((address, port), timeout=min(1, left)).close()
        except OSError:
            time.sleep(min(0.05, left))
        else:
            return True
    return False


def _limit(stream: socket.socket, deadline: float) -> None:
    """Give the next read the time that is left."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    stream.settimeout(left)
