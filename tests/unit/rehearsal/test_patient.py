"""How a script asks a Prefect server that is busy."""

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from rehearsal import prefect_client

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"


class Server:
    """Answers each connection's one request with the next of `answers`; nothing: it hangs up."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.asked = 0
        self._bound = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._bound.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._bound.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                self.asked += 1
                connection.sendall(self.answers.pop(0))

    def close(self) -> None:
        self._bound.close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("rehearsal.prefect_client.time.sleep", lambda _: None)
    made = Server()
    yield made
    made.close()


@pytest.mark.parametrize(("method", "path"), [("GET", "/flow_runs/x"), ("POST", "/logs/filter")])
def test_what_only_reads_is_asked_again(server: Server, method: str, path: str) -> None:
    server.answers = [b"", BUSY, b"", ANSWER]
    with prefect_client.client_of(server.address) as client:
        assert client.request(method, path).json() == []
    assert server.asked == 4


def test_what_changes_something_is_not(server: Server) -> None:
    server.answers = [BUSY, b""]
    with (
        prefect_client.client_of(server.address) as client,
        pytest.raises((httpx.NetworkError, httpx.RemoteProtocolError)),
    ):
        client.post("/deployments/x/create_flow_run")
    assert server.asked == 2


def test_it_gives_up(server: Server) -> None:
    server.answers = [b""] * (prefect_client.TRIES + 1)
    with (
        prefect_client.client_of(server.address) as client,
        pytest.raises((httpx.NetworkError, httpx.RemoteProtocolError)),
    ):
        client.get("/flow_runs/x")
    assert server.asked == prefect_client.TRIES + 1
