"""Bursts, a Prefect server that is away, a receiver that is killed: one run for each commit."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from rehearsal.prefect_local import ROOT
from tests.receiver.deliveries import SECRET
from tests.receiver.service import Server, Service, commit, commits, environment_of

AWAY_SECONDS = 60.0 if os.environ.get("LONG") else 3.0
BRANCHES = 8
LENGTH = 20


def line(length: int) -> list[tuple[str, str]]:
    """Pushes to one branch: what it named before, and after."""
    names = [commit() for _ in range(length + 1)]
    return list(pairwise(names))


def test_a_burst_makes_one_run_for_each_commit(
    server: Server, receiver: Service, repository: str
) -> None:
    """200 deliveries at once: to eight branches, of which seven are listened to, some repeated."""
    deployment = server.deploy("burst", repository, "push:branch=line-*")
    branches = [f"line-{n}" for n in range(BRANCHES - 1)] + ["nobody-listens"]
    lines = {branch: line(LENGTH) for branch in branches}

    def send(branch: str) -> list[int]:
        codes = []
        for number, (before, after) in enumerate(lines[branch]):
            again = 2 if number % 4 == 0 else 1
            codes += [
                receiver.push(repository, branch, before, after).status_code for _ in range(again)
            ]
        return codes

    with ThreadPoolExecutor(BRANCHES) as pool:
        codes = [code for found in pool.map(send, branches) for code in found]
    assert len(codes) == 200
    assert set(codes) <= {200, 202}
    receiver.wait_until_empty(120)
    runs = server.runs(deployment)
    wanted = [after for branch in branches[:-1] for _, after in lines[branch]]
    assert sorted(commits(runs)) == sorted(wanted)
    # No worker has taken any: only the newest of each branch still waits for one.
    waiting = [run for run in runs if run["state"]["name"] != "Superseded"]
    assert sorted(commits(waiting)) == sorted(lines[branch][-1][1] for branch in branches[:-1])


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that may be stopped; who does so starts it again."""
    server = Server(tmp_path_factory.mktemp("own"))
    yield server
    server.stop()


def test_nothing_is_lost_while_prefect_is_away_and_the_receiver_is_killed(
    own_server: Server, tmp_path: Path, repository: str
) -> None:
    deployment = own_server.deploy("away", repository, "push:branch=line-*")
    sent = {f"line-{n}": line(6) for n in range(3)}
    service = Service(tmp_path / "receiver", environment_of(own_server), ANSWER_SECONDS="0.2")
    with service:
        for branch, pushes in sent.items():
            service.push(repository, branch, *pushes[0])
        service.wait_until_empty(60)
        own_server.stop()
        away = time.monotonic()
        told = []
        for number in range(1, 6):
            for branch, pushes in sent.items():
                answer = service.push(repository, branch, *pushes[number])
                assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
                told.append(answer.json()["status"])
            if number == 3:
                service.kill()
                service.start()
        ready = service.http.get("/ready")
        assert (ready.status_code, ready.json()["prefect"]) == (200, False)
        assert ready.json()["waiting"] == 15
        time.sleep(max(0.0, AWAY_SECONDS - (time.monotonic() - away)))
        own_server.start()
        service.wait_until_empty(90)
        for status in told:
            assert service.http.get(status).json()["state"] == "started"
        runs = own_server.runs(deployment)
        assert sorted(commits(runs)) == sorted(x for one in sent.values() for _, x in one)
        newest = [run for run in runs if run["state"]["name"] != "Superseded"]
        assert sorted(commits(newest)) == sorted(one[-1][1] for one in sent.values())


def test_two_hooks_that_tell_of_one_push_lose_nothing_while_prefect_is_away(
    own_server: Server, tmp_path: Path, repository: str
) -> None:
    """Each is for another deployment, and nobody can ask Prefect for which."""
    other = "another horse, another battery"
    signers = {"PUSH_SECRET": SECRET, "OTHER": other}
    deployments = [
        own_server.deploy(
            f"by-{name}".lower(), repository, "push:branch=main", f"push:secret={name}"
        )
        for name in signers
    ]
    service = Service(
        tmp_path / "receiver",
        {**environment_of(own_server), "OTHER": other},
        ANSWER_SECONDS="0.2",
        GITHUB_SECRETS=" ".join(signers),
        CI_HOSTS="",
    )
    first, second = line(2)
    with service:
        own_server.stop()
        for step in (first, second):
            for secret in signers.values():
                answer = service.push(repository, "main", *step, secret)
                assert answer.json()["state"] == "waiting", answer.text
        own_server.start()
        service.wait_until_empty(60)
        for deployment in deployments:
            runs = own_server.runs(deployment)
            # The older one at most beside it, superseded.
            assert commits(runs)[-1] == second[1]
            assert runs[-1]["state"]["name"] == "Scheduled"


def test_killed_while_it_hands_over(server: Server, tmp_path: Path, repository: str) -> None:
    """Whatever was answered with 202 gets its run, and none gets two."""
    deployment = server.deploy("killed", repository, "push:branch=line-*")
    sent = {f"line-{n}": line(4) for n in range(4)}
    service = Service(tmp_path / "receiver", environment_of(server), ANSWER_SECONDS="0")
    with service:
        for number in range(4):
            for branch, pushes in sent.items():
                assert service.push(repository, branch, *pushes[number]).status_code == 202
            service.kill()
            service.start()
        service.wait_until_empty(60)
        assert sorted(commits(server.runs(deployment))) == sorted(
            x for one in sent.values() for _, x in one
        )


def test_systemds_socket_refuses_nobody_during_a_restart(server: Server, tmp_path: Path) -> None:
    """It listens on before the receiver does, and between two of them."""
    service = Service(tmp_path, environment_of(server))
    with socket.create_server(("127.0.0.1", service.port)) as listening:
        handle = listening.fileno()
        passed = (
            f"exec 3<&{handle}; LISTEN_PID=$$ LISTEN_FDS=1 exec '{sys.executable}' "
            "-m spotkiln.receiver"
        )

        def start() -> "subprocess.Popen[bytes]":
            return subprocess.Popen(
                ["bash", "-c", passed], cwd=ROOT, env=service.environment, pass_fds=[handle]
            )

        def asked() -> int:
            return service.http.get("/health", timeout=90).status_code

        with ThreadPoolExecutor(1) as pool:
            for _ in range(2):
                early = pool.submit(asked)
                receiver = start()
                try:
                    assert early.result() == 200
                finally:
                    receiver.terminate()
                    # What had begun is answered before it ends as it was told to.
                    assert receiver.wait(30) == -signal.SIGTERM
