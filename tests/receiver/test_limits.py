"""Large, slow and silent: what a receiver takes, and whom it lets go for others."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from spotkiln.start.hooks import Host
from tests.receiver.deliveries import encoded, headers, payload, signed
from tests.receiver.service import Server, Service, commit, commits

MEGABYTE = 1024 * 1024
COMMITS = 2048
START = b"POST /push/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
SIGNED = START + b"X-Hub-Signature-256: sha256=00\r\n"
# What the machine may add when others use it too.
SLACK_SECONDS = 4.0


@pytest.fixture(scope="module")
def small(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """With room for few connections, and for one large body."""
    settings = {
        "MAX_CONNECTIONS": "12",
        "HEAD_SECONDS": "2",
        "BODY_SECONDS": "6",
        "MAX_BYTES": str(MEGABYTE),
        "MAX_MEMORY": str(MEGABYTE),
    }
    home = tmp_path_factory.mktemp("small")
    with Service(home, server.prefect.environment, **settings) as service:
        yield service


def large(size: int, repository: str) -> dict[str, Any]:
    """A push of as many commits as GitHub tells of."""
    files = ["x" * (size // COMMITS - 400)]
    return payload(
        "github-push",
        after=commit(),
        before=commit(),
        repository={"clone_url": repository},
        commits=[
            {"id": commit(), "message": '\u00e4 "b" %2B + &', "added": files, "author": {}}
            for _ in range(COMMITS)
        ],
    )


def delivered(service: Service, body: bytes, kind: str = "application/json") -> int:
    given = {**headers("github-push"), **signed(Host.GITHUB, body), "content-type": kind}
    answer = service.send(Host.GITHUB, body, given)
    return answer.status_code


def peak(service: Service) -> int:
    """Of its memory, in bytes."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_a_push_of_two_thousand_commits(server: Server, receiver: Service, repository: str) -> None:
    """Of 24 MB, as JSON and, of 15 MB, as a form."""
    deployment = server.deploy("large", repository, "push:branch=main")
    before = peak(receiver)
    as_json = large(24 * MEGABYTE, repository)
    body = encoded(as_json)
    assert 23 * MEGABYTE < len(body) < 25 * MEGABYTE
    assert delivered(receiver, body) == 202
    as_form = large(15 * MEGABYTE, repository)
    body = urlencode({"payload": encoded(as_form)}).encode()
    assert delivered(receiver, body, "application/x-www-form-urlencoded") == 202
    assert commits(server.runs(deployment)) == [as_json["after"], as_form["after"]]
    assert peak(receiver) - before < 250 * MEGABYTE


def test_several_large_ones_wait_for_each_other(
    server: Server, small: Service, repository: str
) -> None:
    deployment = server.deploy("waits", repository, "push:branch=main")
    body = encoded(large(MEGABYTE * 9 // 10, repository))
    head = SIGNED + f"Content-Length: {len(body)}\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(3):
            # Each has begun, and would take all the room.
            stack.enter_context(connected(small)).sendall(head + body[: MEGABYTE // 4])
        # They come too slowly, and give it back.
        assert delivered(small, body) == 202
    assert len(server.runs(deployment)) == 1


def connected(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=20)


def read(connection: socket.socket) -> bytes:
    """To the end."""
    answer = b""
    try:
        while part := connection.recv(65536):
            answer += part
    except ConnectionResetError:
        pass
    return answer


@pytest.mark.parametrize("path", [b"github", b"gitlab", b"gitea", b"bitbucket", b"ci"])
def test_without_a_signature_the_body_is_not_read(small: Service, path: bytes) -> None:
    """It is refused although not a byte of the body comes."""
    begin = time.monotonic()
    with connected(small) as connection:
        request = START.replace(b"github", path) + b"Content-Length: 1000000\r\n"
        connection.sendall(request + b"Expect: 100-continue\r\n\r\n")
        answer = read(connection)
    assert answer.startswith(b"HTTP/1.1 401"), answer
    assert b"connection: close" in answer.lower()
    assert time.monotonic() - begin < SLACK_SECONDS


def answered(service: Service) -> None:
    begin = time.monotonic()
    assert delivered(service, b"{") == 400
    assert time.monotonic() - begin < SLACK_SECONDS


@pytest.mark.parametrize(
    "begun", [b"", b"POST /push", SIGNED, SIGNED + b"Content-Length: 9\r\n\r\n{"]
)
def test_those_who_say_nothing_do_not_keep_others_out(small: Service, begun: bytes) -> None:
    """Far more of them than there may be connections: silent, or silent within head or body."""
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(connected(small)).sendall(begun)
        answered(small)


def test_a_connection_without_a_request_is_closed(small: Service) -> None:
    for begun in (b"", b"POST /push/github HT"):
        begin = time.monotonic()
        with connected(small) as connection:
            connection.sendall(begun)
            assert read(connection) == b""
        assert 1.5 < time.monotonic() - begin < 2 + SLACK_SECONDS


def test_a_second_request_of_a_connection_has_no_more_time(small: Service) -> None:
    with connected(small) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /hea")
        begin = time.monotonic()
        assert read(connection).startswith(b"HTTP/1.1 200")
        assert time.monotonic() - begin < 2 + SLACK_SECONDS


def test_a_body_that_trickles_is_not_waited_for(small: Service) -> None:
    with connected(small) as connection:
        connection.sendall(SIGNED + b"Content-Length: 1000\r\n\r\n")
        begin = time.monotonic()
        try:
            while time.monotonic() < begin + 30:
                connection.sendall(b"x")
                time.sleep(0.2)
        except OSError:
            pass
    assert time.monotonic() - begin < 6 + SLACK_SECONDS


def test_a_large_body_that_trickles_gives_its_room_back(small: Service) -> None:
    body = b"x" * (MEGABYTE // 2)
    head = SIGNED + f"Content-Length: {MEGABYTE}\r\n\r\n".encode()
    with connected(small) as slow:
        slow.sendall(head + body)
        begin = time.monotonic()
        assert read(slow).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - begin < 2 + SLACK_SECONDS
