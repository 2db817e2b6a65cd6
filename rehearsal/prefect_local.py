"""A Prefect server and a worker on this machine, with a home of their own."""

import os
import random
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import certifi
import httpx
import yaml

from rehearsal.answering import wait_for_answer
from rehearsal.build import NAME, build_folder, trusted
from rehearsal.prefect_client import client_of
from spotkiln.bake.recipe import ROOT as SHIPPED
from spotkiln.cli.server import AUTH_STRING, guarded
from spotkiln.start.ui import newer

# Where this package and the sandbox are imported from.
ROOT = Path(__file__).resolve().parent.parent
# Two demos at once need a folder each.
BUILD = build_folder(ROOT, os.environ, os.getuid())
POOL = "spotkiln"
# Below those that a system gives to connections (Linux: from 32768, macOS: from 49152): a server
# takes seconds to start, and until then any connection could get its port.
OWN_PORTS = range(20_000, 32_000)
# An empty database, its tables made: making them is most of what a first start takes.
EMPTY = build_folder(ROOT, {}, os.getuid()) / f"prefect-{version('prefect')}.db"


def kept_secret(file: Path, prefix: str = "") -> str:
    """What the file holds; made if there is none. Nobody else may read it."""
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(prefix + secrets.token_urlsafe(32))
    file.chmod(0o600)
    return file.read_text().strip()


def one_certificate() -> str:
    """The first one of those that Prefect's clients trust. Each client reads all of its file, also
    where the server speaks no TLS: all certificates, a dozen times a run, are half a second."""
    first, end, _ = Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----")
    return f"{first[first.index('-----BEGIN') :]}{end}\n"


def free_port(wanted: int) -> int:
    """The wanted port if nobody listens there, else one of OWN_PORTS; 0: one of those."""
    others = random.sample(OWN_PORTS, len(OWN_PORTS))
    for port in (wanted, *others) if wanted else others:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port on 127.0.0.1")


def shipped(flow: str) -> dict[str, Any]:
    """What each deployment of that flow has in a new repository, for those that are made without
    its prefect.yaml."""
    deployments = yaml.safe_load((SHIPPED / "template" / "prefect.yaml").read_text())["deployments"]
    pools = {one["entrypoint"].split(".")[2]: one["work_pool"] for one in deployments}
    # A flow that a new repository has no deployment of, as previews, runs where releases do.
    pool = pools.get(flow, pools["release"])
    queue = pool.get("work_queue_name")
    return {
        "work_pool_name": POOL,
        **({"work_queue_name": queue} if queue else {}),
        "job_variables": pool["job_variables"],
        # As `prefect deploy` writes it. With a `path` instead each run would work in a copy of it.
        "pull_steps": [
            {"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}
        ],
    }


class LocalPrefect:
    """Start the server, a process worker and the deployments; stop them without leftovers.

    Nothing of the user's own Prefect is read or written: profiles, database and settings are in
    `home`. With a `password` (name:password) nobody else uses its API.
    """

    def __init__(
        self, home: Path, environment: Mapping[str, str], port: int = 4200, password: str = ""
    ) -> None:
        self.home = home
        self._certificate = home.absolute() / "certificate.pem"
        self.port = free_port(port)
        self.address = f"http://127.0.0.1:{self.port}"
        self.children: list[subprocess.Popen[bytes]] = []
        own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        self.environment = {
            **own,
            **trusted(ROOT, os.getuid()),
            **environment,
            "PREFECT_HOME": str(home),
            "PREFECT_PROFILES_PATH": str(home / "profiles.toml"),
            "PREFECT_API_URL": f"{self.address}/api",
            "PREFECT_API_SSL_CERT_FILE": str(self._certificate),
            # For links in notifications.
            "PREFECT_UI_URL": newer(self.address),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            # In memory, the default, a restart of the server would crash whoever holds a lease.
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
                "prefect.server.concurrency.lease_storage.filesystem"
            ),
            # Off by default: runs, their logs and artifacts would stay for ever, not 90 days.
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_WORKER_PREFETCH_SECONDS": "5",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        self.password = password
        if password:
            known = {AUTH_STRING: password, "PREFECT_API_AUTH_STRING": password}
            self.environment = guarded({**self.environment, **known})

    def start(self, program: str, *arguments: str, log: str) -> "subprocess.Popen[bytes]":
        """A program beside this Python, ended by `stop`; what it says goes to `log` in `home`."""
        with (self.home / log).open("ab") as output:
            child = subprocess.Popen(
                [str(Path(sys.executable).parent / program), *arguments],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.children.append(child)
        return child

    def _run(self, program: str, *arguments: str) -> str:
        result = subprocess.run(
            [str(Path(sys.executable).parent / program), *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        if result.returncode:
            raise RuntimeError(
                f"{program} {' '.join(arguments)} failed:\n{result.stdout}{result.stderr}"
            )
        return result.stdout

    @property
    def database(self) -> Path:
        return self.home / "prefect.db"

    def _keep_empty_database(self) -> None:
        unfinished = EMPTY.with_suffix(f".{os.getpid()}")
        EMPTY.parent.mkdir(parents=True, exist_ok=True)
        with (
            closing(sqlite3.connect(self.database)) as own,
            closing(sqlite3.connect(unfinished)) as copy,
        ):
            own.backup(copy)
        unfinished.replace(EMPTY)

    def start_server(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        # The key that the database's secrets are encrypted with is in there.
        self.home.chmod(0o700)
        self._certificate.write_text(one_certificate())
        self._fresh = not self.database.exists()
        if self._fresh and EMPTY.exists():
            shutil.copyfile(EMPTY, self.database)
        self.server = self.start(
            Path(sys.executable).name,
            *("-m", "spotkiln.cli.server", "--host", "127.0.0.1", "--port", str(self.port)),
            log="server.log",
        )

    def wait_for_server(self, timeout_seconds: float = 120) -> None:
        wait_for_answer(
            self.server,
            f"{self.address}/api/health",
            what="the Prefect server",
            log=self.home / "server.log",
            timeout_seconds=timeout_seconds,
        )
        # Its tables are elsewhere when it was told to use another database.
        if self._fresh and not EMPTY.exists() and self.database.exists():
            self._keep_empty_database()

    def make_pool(self) -> None:
        """The work pool, unless it is there already."""
        pool = {"name": POOL, "type": "process"}
        with client_of(self.address, self.password) as client:
            answer = client.post("/work_pools/", json=pool)
        if answer.status_code != httpx.codes.CONFLICT:
            answer.raise_for_status()

    def _deployments(self) -> Path:
        """prefect.yaml; where the build folder is another one, with its paths."""
        shipped_file = ROOT / "prefect.yaml"
        if BUILD == ROOT / NAME:
            return shipped_file
        file = self.home / "prefect.yaml"
        text = shipped_file.read_text()
        file.write_text(text.replace(f"repository: {NAME}/", f"repository: {BUILD}/"))
        return file

    def deploy(self) -> None:
        """Deployments from prefect.yaml, automations from automations.yaml; the work pool before
        them."""
        self.make_pool()
        python = Path(sys.executable).name
        self._run(python, "-m", "rehearsal.deploy", str(self._deployments()))

    def start_worker(self, limit: int = 4, name: str = "worker") -> "subprocess.Popen[bytes]":
        self.worker = self.start(
            *("spotkiln", "worker", "--pool", POOL, "--limit", str(limit), "--name", name),
            log=f"{name}.log",
        )
        return self.worker

    def stop(self) -> None:
        """End what was started, newest first. Runs that a worker still has are ended too."""
        for child in reversed(self.children):
            # A worker waits for its runs the first time, and ends them the second.
            for patience in (5, 15):
                if child.poll() is None:
                    child.send_signal(signal.SIGTERM)
                    with suppress(subprocess.TimeoutExpired):
                        child.wait(patience)
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait(10)
        self.children.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
