"""A server that answers as Prefect's API does, with what a test tells it to answer."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.prefect_settings import prefect_settings

# Of a request's body: a status and what to answer. Bytes are sent as they are, all else as JSON.
Answer = Callable[[dict[str, Any]], tuple[int, Any]]


class FakeApi:
    """Answers what it was told to by method and path; 404 for all else. `asked` are the bodies of
    the requests that it had, by method and path."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                path = self.path.partition("?")[0].removeprefix("/api")
                size = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(size) or "{}")
                name = f"{self.command} {path}"
                told = fake.answers.get(name)
                code, found = told(body) if told else (404, {"detail": "Not found"})
                if told:
                    fake.asked.append((name, body))
                text = found if isinstance(found, bytes) else json.dumps(found).encode()
                text = b"" if code == 204 else text
                self.send_response(code)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - its names

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/api"

    def bodies(self, name: str) -> list[dict[str, Any]]:
        return [body for asked, body in self.asked if asked == name]


@pytest.fixture
def fake() -> Iterator[FakeApi]:
    found = FakeApi()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    with prefect_settings(
        api={"url": found.url}, ui_url="http://ui.test", client={"max_retries": 0}
    ):
        yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()
