"""A running receiver in front of a real Prefect server."""

import pytest

from tests.receiver.service import Server, Service, commit, commits


def test_a_push_starts_the_pushed_commit(
    server: Server, receiver: Service, repository: str
) -> None:
    deployment = server.deploy("shop", repository, "push:branch=main")
    pushed = commit()
    answer = receiver.push(repository, "main", commit(), pushed)
    assert answer.status_code == 202, answer.text
    (run,) = server.runs(deployment)
    assert commits([run]) == [pushed]
    assert answer.json()["state"] == "started"
    (told,) = answer.json()["runs"]
    assert told["id"] == run["id"]
    assert told["url"].endswith(f"/runs/flow-run/{run['id']}")
    assert receiver.http.get(answer.json()["status"]).json() == answer.json()


def test_tmp_timing(server: Server, receiver: Service, repository: str) -> None:
    import time
    server.deploy("shop2", repository, "push:branch=main")
    b = commit()
    for _ in range(6):
        a = commit()
        t = time.monotonic()
        r = receiver.push(repository, "main", b, a)
        print(r.status_code, r.json()["state"], time.monotonic() - t)
        b = a
    print(receiver.log.read_text())
