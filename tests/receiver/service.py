"""A receiver as a process of its own, in front of a Prefect server that can be stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx

from rehearsal.prefect_client import client_of
from rehearsal.prefect_local import ROOT, LocalPrefect, free_port
from spotkiln.start.hooks import Host
from tests import plain
from tests.receiver.deliveries import SECRET, encoded, headers, payload, signed

STARTS_SECONDS = 60.0


class Service:
    """Start it as often as wanted: the spool stays."""

    def __init__(self, home: Path, prefect: Mapping[str, str], **settings: str) -> None:
        self.home = home
        self.port = free_port(0)
        self.log = home / "receiver.log"
        given = {
            "PORT": str(self.port),
            "SPOOL": str(home / "spool"),
            # Others may use this machine: Prefect can take its time.
            "ANSWER_SECONDS": "8",
            **{f"{host.upper()}_SECRETS": "PUSH_SECRET" for host in Host},
            "GITHUB_HOSTS": "github.com git.example.com localhost",
            "GITLAB_HOSTS": "gitlab.example.com",
            "GITEA_HOSTS": "gitea.example.com",
            "BITBUCKET_HOSTS": "bitbucket.org bitbucket.example.com",
            "CI_HOSTS": "git.example.com github.com",
            **settings,
        }
        self.environment = {
            **prefect,
            "PUSH_SECRET": SECRET,
            **{f"SPOTKILN_RECEIVER_{name}": value for name, value in given.items()},
        }
        self.http = httpx.Client(
            verify=plain.NOBODY,
            base_url=f"http://127.0.0.1:{self.port}",
            timeout=30,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "spotkiln.receiver"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + STARTS_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if self.http.get("/health").status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise RuntimeError(f"the receiver does not answer:\n{self.log.read_text()}")

    def wait_until_told(self) -> None:
        """Until Prefect knows how it is set up. Of several receivers the last that told counts, and
        one that had to try again may tell later than one that was started after it."""
        deadline = time.monotonic() + 2 * STARTS_SECONDS
        while "Prefect knows how this receiver is set up" not in self.log.read_text():
            if time.monotonic() > deadline:
                raise TimeoutError(f"Prefect was not told:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.http.close()

    def send(self, host: Host, body: bytes, given: Mapping[str, str]) -> httpx.Response:
        return self.http.post(f"/push/{host}", content=body, headers=dict(given))

    def push(
        self, repository: str, branch: str, before: str, after: str, secret: str = SECRET
    ) -> httpx.Response:
        """As GitHub sends it."""
        body = encoded(
            payload(
                "github-push",
                ref=f"refs/heads/{branch}",
                before=before,
                after=after,
                repository={"clone_url": repository},
            )
        )
        return self.send(
            Host.GITHUB, body, {**headers("github-push"), **signed(Host.GITHUB, body, secret)}
        )

    def waiting(self) -> int:
        return int(self.http.get("/ready").json()["waiting"])

    def wait_until_empty(self, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while self.waiting():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.waiting()} still wait:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.2)


class Server:
    """A Prefect server that is stopped and started again over the same database."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._port = 0
        self.start()

    def start(self) -> None:
        # A port of its own from the first start on: others know it by that.
        self.prefect = LocalPrefect(self._home, {}, self._port)
        self.prefect.start_server()
        self._port = self.prefect.port
        self.prefect.wait_for_server()
        self.api = client_of(self.prefect.address)

    def stop(self) -> None:
        self.api.close()
        self.prefect.stop()

    def deploy(
        self,
        name: str,
        repository: str,
        *tags: str,
        schema: dict[str, Any] | None = None,
        **app: Any,
    ) -> str:
        """A deployment of the flow `release`, as `prefect deploy` makes it; its id."""
        flow = self.api.post("/flows/", json={"name": "release"}).raise_for_status().json()["id"]
        settings = {"name": name, "repository": repository, "ref": "main", **app}
        made = self.api.post(
            "/deployments/",
            json={
                "name": name,
                "flow_id": flow,
                "entrypoint": "spotkiln.flows.release.release",
                "path": str(ROOT),
                "parameters": {"app": settings},
                "parameter_openapi_schema": schema or {},
                "tags": [name, *tags],
            },
        )
        return str(made.raise_for_status().json()["id"])

    def runs(self, deployment: str) -> list[dict[str, Any]]:
        """All of a deployment's runs, oldest first."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.api.post(
                "/flow_runs/filter",
                json={
                    "deployments": {"id": {"any_": [deployment]}},
                    "sort": "ID_DESC",
                    "limit": 200,
                    "offset": len(found),
                },
            )
            found += page.raise_for_status().json()
            if len(page.json()) < 200:
                return sorted(found, key=lambda run: str(run["created"]))


def commits(runs: list[dict[str, Any]]) -> list[str]:
    return [run["parameters"]["ref"] for run in runs]


def commit() -> str:
    """One that nobody has pushed yet."""
    return (uuid4().hex + uuid4().hex)[:40]


def environment_of(server: Server) -> dict[str, str]:
    return {**os.environ, **server.prefect.environment}
