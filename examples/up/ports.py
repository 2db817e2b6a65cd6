"""Ports: which are taken, and by whom."""

import shutil
import socket
import subprocess
from contextlib import closing, suppress
from pathlib import Path

from rehearsal.prefect_local import free_port

LISTENS = "0A"
# As many as are tried after the usual one.
NEXT = 100


class PortTaken(Exception):
    """Says which, by whom, and how to choose another."""


def is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _sockets(port: int) -> set[str]:
    """Of those that listen there, as Linux names them in /proc/PID/fd."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                parts = line.split()
                if parts[3] == LISTENS and int(parts[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{parts[9]}]")
    return found


def _program(process: Path) -> str:
    words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    shown = words if len(words) <= 60 else f"{words[:59]}…"
    return f"pid {process.name}, {shown or 'unknown'}"


def _by_proc(port: int) -> str:
    wanted = _sockets(port)
    for process in Path("/proc").glob("[0-9]*") if wanted else ():
        # Others' processes cannot be looked into.
        with suppress(OSError):
            if any(str(one.readlink()) in wanted for one in (process / "fd").iterdir()):
                return _program(process)
    return ""


def _by_lsof(port: int) -> str:
    if shutil.which("lsof") is None:
        return ""
    command = ["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    fields = {line[:1]: line[1:] for line in done.stdout.splitlines()}
    return f"pid {fields['p']}, {fields.get('c', 'unknown')}" if "p" in fields else ""


def holder(port: int) -> str:
    """Who listens there; empty if that cannot be found out."""
    return _by_proc(port) or _by_lsof(port)


def taken(port: int) -> str:
    who = holder(port)
    return f"port {port} is taken{f' ({who})' if who else ''}"


def choose(asked: int | None, usual: int, what: str, how: str) -> tuple[int, str]:
    """A free port, and what is to be said: the usual one may be taken, then it is the next that is
    free. `what` it is for, `how` it is chosen; 0 asks for any.

    Raises:
        PortTaken: the one that was asked for is.
    """
    if asked == 0:
        return free_port(0), ""
    if asked is not None:
        if not is_free(asked):
            raise PortTaken(f"{taken(asked)}: choose another one for {what} by {how}=PORT")
        return asked, ""
    if is_free(usual):
        return usual, ""
    port = next(one for one in range(usual + 1, usual + NEXT) if is_free(one))
    return port, f"{taken(usual)}: {what} is at {port}; {how}=PORT chooses another one"
