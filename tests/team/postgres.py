"""A Postgres of one's own: a fresh cluster in a folder, on a free port, gone afterwards."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from rehearsal.prefect_local import free_port

USER = "postgres"


def programs() -> Path | None:
    """The folder of initdb and pg_ctl, the newest version's; None without Postgres."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return max(
        (one.parent for one in Path("/usr/lib/postgresql").glob("*/bin/initdb")),
        key=lambda folder: int(folder.parent.name),
        default=None,
    )


def _run(*command: str) -> None:
    """As Postgres wants it: never as root."""
    as_somebody = ["runuser", "-u", USER, "--"] if os.getuid() == 0 else []
    done = subprocess.run(
        [*as_somebody, *command],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"


@contextmanager
def postgres() -> Iterator[str]:
    """Prefect's connection URL of an empty database."""
    binaries = programs()
    assert binaries is not None
    # Not pytest's: its folders are closed to other users.
    home = Path(mkdtemp(prefix="spotkiln-postgres-"))
    if os.getuid() == 0:
        account = pwd.getpwnam(USER)
        os.chown(home, account.pw_uid, account.pw_gid)
    data, port = home / "data", free_port(0)
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {home} -c max_connections=200"
    # What is lost with the machine may be lost here.
    options += " -c fsync=off"
    try:
        _run(str(binaries / "initdb"), "-D", str(data), "-A", "trust", "-U", "spotkiln")
        control = [str(binaries / "pg_ctl"), "-D", str(data), "-w"]
        _run(*control, "-l", str(home / "log"), "-o", options, "start")
        try:
            yield f"postgresql+asyncpg://spotkiln@127.0.0.1:{port}/postgres"
        finally:
            _run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)
