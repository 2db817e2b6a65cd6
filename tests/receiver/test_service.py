"""A running receiver in front of a real Prefect server."""

import socket
import time
from itertools import pairwise
from typing import Any

import pytest

from spotkiln.start.hooks import Host
from tests.receiver.deliveries import COMMIT, SECRET, encoded, headers, payload, signed
from tests.receiver.service import Server, Service, commit, commits


def states(runs: list[dict[str, Any]]) -> list[str]:
    return [run["state"]["name"] for run in runs]


def test_a_push_starts_the_pushed_commit(
    server: Server, receiver: Service, repository: str
) -> None:
    deployment = server.deploy("store", repository, "push:branch=main", port=3100)
    pushed = commit()
    answer = receiver.push(repository, "main", commit(), pushed)
    assert answer.status_code == 202, answer.text
    assert answer.json()["state"] == "started"
    (run,) = server.runs(deployment)
    assert run["parameters"]["ref"] == pushed
    # The application's settings are the deployment's.
    app = {"name": "store", "repository": repository, "ref": "main", "port": 3100}
    assert run["parameters"]["app"] == app
    (told,) = answer.json()["runs"]
    assert told["id"] == run["id"]
    assert told["url"].endswith(f"/runs/flow-run/{run['id']}")
    assert receiver.http.get(answer.json()["status"]).json() == answer.json()


@pytest.mark.parametrize("host", Host)
def test_each_host_is_understood(server: Server, receiver: Service, host: Host) -> None:
    body = encoded(payload(f"{host}-push"))
    names = {
        Host.GITHUB: "git@github.com:acme/shop.git",
        Host.GITLAB: "https://gitlab.example.com/acme/shop",
        Host.GITEA: "ssh://git@gitea.example.com/acme/shop",
        Host.BITBUCKET: "git@bitbucket.org:acme/shop.git",
        Host.CI: "https://git.example.com/acme/shop",
    }
    deployment = server.deploy(f"shop-{host}", names[host], "push:branch=main")
    answer = receiver.send(host, body, {**headers(f"{host}-push"), **signed(host, body)})
    assert answer.status_code == 202, answer.text
    assert commits(server.runs(deployment)) == [COMMIT]


def test_a_repeated_delivery_starts_nothing_and_names_the_run(
    server: Server, receiver: Service, repository: str
) -> None:
    deployment = server.deploy("again", repository, "push:branch=main")
    before, after = commit(), commit()
    first, *others = [receiver.push(repository, "main", before, after).json() for _ in range(4)]
    assert others == [first] * 3
    assert len(server.runs(deployment)) == 1


def test_a_forgotten_delivery_starts_nothing_either(
    server: Server, receiver: Service, repository: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Prefect knows the run by its key, and an old one makes no newer one needless."""
    deployment = server.deploy("forgotten", repository, "push:branch=main")
    first, second = commit(), commit()
    receiver.push(repository, "main", commit(), first)
    receiver.push(repository, "main", first, second)
    with Service(tmp_path_factory.mktemp("other"), receiver.environment) as other:
        answer = other.push(repository, "main", commit(), first)
        assert answer.status_code == 202
    runs = server.runs(deployment)
    assert commits(runs) == [first, second]
    assert states(runs) == ["Superseded", "Scheduled"]
    assert answer.json()["runs"][0]["id"] == runs[0]["id"]


def test_of_several_waiting_only_the_newest_runs(
    server: Server, receiver: Service, repository: str
) -> None:
    deployment = server.deploy("newest", repository, "push:branch=*")
    line = [commit() for _ in range(4)]
    receiver.push(repository, "other", line[0], line[0][::-1])
    for before, after in pairwise(line):
        receiver.push(repository, "main", before, after)
    runs = server.runs(deployment)
    assert commits(runs) == [line[0][::-1], *line[1:]]
    # The other branch's is not touched.
    assert states(runs) == ["Scheduled", "Superseded", "Superseded", "Scheduled"]
    assert runs[-1]["id"] in runs[1]["state"]["message"] + runs[2]["state"]["message"]


def test_a_delivery_that_was_overtaken_starts_nothing(
    server: Server, receiver: Service, repository: str
) -> None:
    deployment = server.deploy("overtaken", repository, "push:branch=main")
    first, second, third = commit(), commit(), commit()
    assert receiver.push(repository, "main", second, third).status_code == 202
    late = receiver.push(repository, "main", first, second)
    assert (late.status_code, late.json()["state"]) == (200, "ignored")
    assert "older" in late.json()["reason"]
    runs = server.runs(deployment)
    assert (commits(runs), states(runs)) == ([third], ["Scheduled"])


def test_a_branch_that_is_set_back_is_released_again(
    server: Server, receiver: Service, repository: str
) -> None:
    deployment = server.deploy("back", repository, "push:branch=main")
    first, second = commit(), commit()
    for before, after in ((commit(), first), (first, second), (second, first), (second, first)):
        assert receiver.push(repository, "main", before, after).status_code == 202
    runs = server.runs(deployment)
    assert commits(runs) == [first, second, first]
    assert states(runs) == ["Superseded", "Superseded", "Scheduled"]


def test_what_nobody_listens_to_is_decided_anew_when_sent_again(
    server: Server, receiver: Service, repository: str
) -> None:
    before, after = commit(), commit()
    answer = receiver.push(repository, "main", before, after)
    assert (answer.status_code, answer.json()["state"]) == (200, "ignored")
    deployment = server.deploy("later", repository, "push:branch=main")
    assert receiver.push(repository, "main", before, after).status_code == 202
    assert commits(server.runs(deployment)) == [after]


def test_what_prefect_refuses_is_told(server: Server, receiver: Service, repository: str) -> None:
    schema = {"type": "object", "properties": {"app": {"type": "string"}}}
    deployment = server.deploy("refused", repository, "push:branch=main", schema=schema)
    answer = receiver.push(repository, "main", commit(), commit())
    assert (answer.status_code, answer.json()["state"]) == (409, "refused")
    assert "Prefect refused the run (409)" in answer.json()["reason"]
    assert server.runs(deployment) == []


# -- what is not accepted --


def deliver(receiver: Service, host: Host, body: bytes, **changes: str) -> Any:
    given = {**headers(f"{host}-push"), **signed(host, body)}
    given |= {name.replace("_", "-"): value for name, value in changes.items()}
    return receiver.send(host, body, {k: v for k, v in given.items() if v})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"x_hub_signature_256": ""}, 401),
        ({"x_hub_signature_256": "sha256="}, 401),
        ({"x_hub_signature_256": "sha256=" + "0" * 64}, 401),
        ({"x_github_event": ""}, 422),
        # As a form: it has no field payload.
        ({"content_type": "application/x-www-form-urlencoded"}, 422),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": ""}, 415),
    ],
)
def test_headers_that_do_not_fit(receiver: Service, changes: dict[str, str], code: int) -> None:
    answer = deliver(receiver, Host.GITHUB, encoded(payload("github-push")), **changes)
    assert answer.status_code == code
    assert set(answer.json()) == {"error"}


@pytest.mark.parametrize(
    ("body", "code"), [(b"{", 400), (b"", 400), (b"[]", 422), (b"{}", 422), (b"[" * 50_000, 400)]
)
def test_bodies_that_do_not_fit(receiver: Service, body: bytes, code: int) -> None:
    assert deliver(receiver, Host.GITHUB, body).status_code == code


def test_the_signature_comes_before_the_body_is_read_as_anything(receiver: Service) -> None:
    answer = deliver(receiver, Host.GITHUB, b"{", x_hub_signature_256="sha256=00")
    assert answer.status_code == 401


def test_no_such_host(receiver: Service) -> None:
    assert receiver.http.post("/push/sourceforge", json={}).status_code == 404
    assert receiver.http.get("/push/github").status_code == 405
    assert receiver.http.get("/deliveries/1").status_code == 404


@pytest.fixture(scope="module")
def strict(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Small and quick limits."""
    limits = {
        "MAX_BYTES": "2048",
        "BODY_SECONDS": "0.5",
        "HEAD_SECONDS": "1",
        "MAX_CONNECTIONS": "16",
        "GITLAB_SECRETS": "",
    }
    home = tmp_path_factory.mktemp("strict")
    with Service(home, {**server.prefect.environment}, **limits) as service:
        yield service


def test_a_host_without_secrets_is_not_served(strict: Service) -> None:
    assert deliver(strict, Host.GITLAB, b"{}").status_code == 404
    assert strict.http.get("/ready").json()["secrets"] == [*("github", "gitea", "bitbucket", "ci")]


def test_a_body_that_says_it_is_too_large(strict: Service) -> None:
    answer = deliver(strict, Host.GITHUB, b"x" * 2049)
    assert (answer.status_code, answer.json()) == (413, {"error": "expected at most 2048 bytes"})
    assert deliver(strict, Host.GITHUB, b"x" * 2048).status_code == 400


def raw(service: Service, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send the parts as they are, and read to the end."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
        return answer


UNSIGNED = b"POST /push/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
HEAD = UNSIGNED + b"X-Hub-Signature-256: sha256=00\r\n"


def test_a_body_that_does_not_say_how_long_it_is(strict: Service) -> None:
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    answer = raw(strict, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk, chunk, chunk)
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_body_that_does_not_come(strict: Service) -> None:
    answer = raw(strict, HEAD + b"Content-Length: 100\r\n\r\n", b"{")
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in answer.lower()


def test_a_slow_body_does_not_keep_others_out(strict: Service) -> None:
    with socket.create_connection(("127.0.0.1", strict.port), timeout=20) as slow:
        slow.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        assert deliver(strict, Host.GITHUB, b"{").status_code == 400


def test_a_connection_that_ends_within_the_body(strict: Service) -> None:
    with socket.create_connection(("127.0.0.1", strict.port), timeout=20) as gone:
        gone.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
    assert strict.http.get("/health").json() == {"ok": True}


def test_no_secret_is_ever_told(receiver: Service, strict: Service) -> None:
    """In no answer to any of this, nor in the log of it."""
    for service in (receiver, strict):
        for host in Host:
            for changes in ({}, {"x_hub_signature_256": "sha256=0", "x_gitlab_token": "wrong"}):
                assert SECRET not in deliver(service, host, b"{", **changes).text
        for path in ("/ready", "/health", "/openapi.json"):
            assert SECRET not in service.http.get(path).text
        assert SECRET not in service.log.read_text()
        assert "Traceback" not in service.log.read_text()
