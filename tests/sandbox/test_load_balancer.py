"""The load balancer in front of real servers on loopback, well-behaved and not."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from sandbox.balancing.headers import end_to_end
from sandbox.balancing.load_balancer import LoadBalancer, pick
from sandbox.balancing.routes import (
    FixedResponse,
    Rule,
    Share,
    TargetRoute,
    TargetStateName,
    rule_for,
    share_for,
)

Answer = Callable[["Handler"], None]


def route(name: str, state: TargetStateName, port: int = 1) -> TargetRoute:
    return TargetRoute(name, 3000, state, ("127.0.0.1", port))


class Handler(BaseHTTPRequestHandler):
    """Answers with what it was sent; some paths misbehave."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer
    server: "Target"

    def do_GET(self) -> None:
        self.server.requests += 1
        if self.path == "/slow":
            self.server.entered.set()
            self.server.release.wait(10)
        if self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"x" * 100_000)
            self.close_connection = True
            return
        if self.path == "/stream":
            self._stream()
            return
        if self.path == "/nothing":
            self.send_response(204)
            self.end_headers()
            return
        length = int(self.headers.get("Content-Length") or 0)
        body = {
            "target": self.server.name,
            "method": self.command,
            "path": self.path,
            "headers": dict(self.headers.items()),
            "body": self.rfile.read(length).decode() if length else self._chunks(),
        }
        text = json.dumps(body).encode()
        self.send_response(int(self.path[8:]) if self.path.startswith("/status/") else 200)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.send_header("Keep-Alive", "timeout=5")
        self.end_headers()
        if self.command != "HEAD" and self.path != "/status/304":
            self.wfile.write(text)

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 - as http.server calls them

    def _chunks(self) -> str:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return ""
        parts = b""
        while size := int(self.rfile.readline(), 16):
            parts += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return parts.decode()

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        self.wfile.flush()
        self.server.release.wait(10)
        self.wfile.write(b"6\r\nsecond\r\n0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in http.server
        pass


class Target(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.name = name
        self.requests = 0
        self.entered, self.release = threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def end(self) -> None:
        self.release.set()
        self.shutdown()
        self.server_close()


def behind(routes: list[TargetRoute]) -> list[Rule]:
    """A listener that sends everything to one target group."""
    return [Rule((Share("website", tuple(routes)),))]


class Balanced:
    """A load balancer whose rules the test sets."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.balancer = LoadBalancer(lambda: list(self.rules), connect_seconds=1, idle_seconds=1)
        self.balancer.start()
        self.client = httpx.Client(base_url=self.balancer.address, timeout=15)

    def set(self, *routes: TargetRoute) -> None:
        self.rules[:] = behind(list(routes))
        time.sleep(0.12)  # older than the load balancer's own copy


@pytest.fixture
def balanced() -> Iterator[Balanced]:
    made = Balanced()
    yield made
    made.client.close()
    made.balancer.stop()


@pytest.fixture
def targets() -> Iterator[list[Target]]:
    made = [Target(name) for name in ("i-a", "i-b", "i-c")]
    yield made
    for target in made:
        target.end()


def raw_server(serve: Callable[[socket.socket], None]) -> tuple[socket.socket, int]:
    """A server whose connections are handled by `serve`, each in a thread."""
    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listening, listening.getsockname()[1]


# Deciding


def test_healthy_targets_take_turns() -> None:
    routes = [route("a", "healthy"), route("b", "unhealthy"), route("c", "healthy")]
    picked = [pick(routes, turn) for turn in range(4)]
    assert [found.instance_id for found in picked if found] == ["a", "c", "a", "c"]


def test_without_a_healthy_one_all_registered_ones_get_requests() -> None:
    routes = [route("a", "initial"), route("b", "unhealthy"), route("c", "draining")]
    picked = {found.instance_id for turn in range(6) if (found := pick(routes, turn))}
    assert picked == {"a", "b"}


@pytest.mark.parametrize("state", ["draining", "unused"])
def test_leaving_targets_get_nothing(state: TargetStateName) -> None:
    assert pick([route("a", state)], 0) is None


def test_a_target_without_an_address_is_passed_over() -> None:
    assert pick([TargetRoute("a", 3000, "healthy", None)], 0) is None


def to(name: str) -> tuple[Share, ...]:
    return (Share(name, ()),)


@pytest.mark.parametrize(
    ("host", "path", "group"),
    [
        ("a.preview.example.com", "/", "a"),
        ("A.Preview.Example.com:8080", "/x", "a"),
        ("b.preview.example.com", "/", "wild"),
        ("preview.example.com", "/", "rest"),
        ("example.com", "/api/x", "api"),
        ("x[1].example.com", "/", "odd"),
        ("x1.example.com", "/", "rest"),
        ("", "/", "rest"),
    ],
)
def test_the_first_rule_that_fits_decides(host: str, path: str, group: str) -> None:
    rules = [
        Rule(to("a"), hosts=("a.preview.example.com",)),
        Rule(to("api"), hosts=("example.com",), paths=("/api/*",)),
        Rule(to("wild"), hosts=("*.preview.example.com",)),
        Rule(to("odd"), hosts=("x[1].example.com",)),
        Rule(to("rest")),
    ]
    found = rule_for(rules, host, path)
    assert found is not None
    assert found.shares[0].group == group


def test_requests_are_shared_out_by_weight() -> None:
    shares = (Share("old", (), 90), Share("new", (), 10), Share("none", (), 0))
    taken = [found.group for turn in range(100) if (found := share_for(shares, turn))]
    assert (taken.count("new"), taken.count("none")) == (10, 0)
    assert "new" in taken[:20]
    assert share_for((Share("none", (), 0),), 3) is None


def test_a_rule_may_answer_by_itself(balanced: Balanced) -> None:
    nobody = FixedResponse(404, "text/html", "<p>no such preview</p>")
    balanced.rules[:] = [
        Rule(hosts=("*.preview.example.com",), answer=nobody),
        Rule((Share("website", ()),)),
    ]
    time.sleep(0.12)
    answer = balanced.client.get("/", headers={"Host": "gone.preview.example.com"})
    assert (answer.status_code, answer.text) == (404, nobody.body)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert balanced.client.get("/").status_code == 503


def test_headers_of_one_connection_stay_there() -> None:
    headers = {"Connection": "close, X-Mine", "X-Mine": "1", "TE": "trailers", "Accept": "*/*"}
    assert dict(end_to_end(headers)) == {"Accept": "*/*"}


# Carrying


def test_requests_go_round_and_are_counted(balanced: Balanced, targets: list[Target]) -> None:
    balanced.set(*(route(t.name, "healthy", t.port) for t in targets))
    seen = [balanced.client.get("/").json()["target"] for _ in range(9)]
    assert sorted(seen) == ["i-a"] * 3 + ["i-b"] * 3 + ["i-c"] * 3
    counters = balanced.balancer.counters()
    assert counters["requests"] == 9
    assert counters["codes"] == {"200": 9}
    assert counters["targets"]["i-a"] == {"requests": 3, "codes": {"200": 3}}


def test_the_target_sees_the_request_as_it_was_sent(
    balanced: Balanced, targets: list[Target]
) -> None:
    balanced.set(route("i-a", "healthy", targets[0].port))
    answer = balanced.client.put(
        "/a%2Fb//c?x=%20y&x=z", content=b"hello", headers={"Host": "example.test", "X-A": "1"}
    )
    seen = answer.json()
    assert (seen["method"], seen["path"], seen["body"]) == ("PUT", "/a%2Fb//c?x=%20y&x=z", "hello")
    assert seen["headers"]["Host"] == "example.test"
    assert seen["headers"]["X-A"] == "1"
    assert seen["headers"]["X-Forwarded-For"] == "127.0.0.1"
    assert seen["headers"]["X-Forwarded-Proto"] == "http"
    assert seen["headers"]["X-Forwarded-Port"] == str(balanced.balancer.port)
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert "keep-alive" not in answer.headers


def test_an_earlier_proxys_client_stays_named(balanced: Balanced, targets: list[Target]) -> None:
    balanced.set(route("i-a", "healthy", targets[0].port))
    answer = balanced.client.get("/", headers={"X-Forwarded-For": "192.0.2.7"})
    assert answer.json()["headers"]["X-Forwarded-For"] == "192.0.2.7, 127.0.0.1"


def test_bodies_stream_both_ways(balanced: Balanced, targets: list[Target]) -> None:
    target = targets[0]
    balanced.set(route("i-a", "healthy", target.port))
    answer = balanced.client.post("/", content=iter([b"one", b"two"]))
    assert answer.json()["body"] == "onetwo"
    with balanced.client.stream("GET", "/stream") as streamed:
        parts = streamed.iter_raw()
        assert next(parts) == b"first"  # before the target has ended its answer
        target.release.set()
        assert b"".join(parts) == b"second"


@pytest.mark.parametrize("code", [200, 304, 404, 500])
def test_status_codes_pass(balanced: Balanced, targets: list[Target], code: int) -> None:
    balanced.set(route("i-a", "healthy", targets[0].port))
    assert balanced.client.get(f"/status/{code}").status_code == code


def test_answers_without_a_body_pass(balanced: Balanced, targets: list[Target]) -> None:
    balanced.set(route("i-a", "healthy", targets[0].port))
    head = balanced.client.head("/")
    assert head.status_code == 200
    assert int(head.headers["content-length"]) > 0
    assert balanced.client.get("/nothing").status_code == 204
    assert balanced.client.get("/").status_code == 200  # the connection is still in step


def test_a_request_under_way_outlives_its_targets_draining(
    balanced: Balanced, targets: list[Target]
) -> None:
    draining, serving = targets[:2]
    balanced.set(route("i-a", "healthy", draining.port))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(balanced.client.get, "/slow")
        assert draining.entered.wait(5)
        balanced.set(route("i-a", "draining", draining.port), route("i-b", "healthy", serving.port))
        seen = {httpx.get(f"{balanced.balancer.address}/").json()["target"] for _ in range(4)}
        draining.release.set()
        assert slow.result(10).json()["target"] == "i-a"
    assert seen == {"i-b"}


# Failing


def test_no_target_is_503(balanced: Balanced) -> None:
    answer = balanced.client.get("/")
    assert answer.status_code == 503
    assert answer.headers["server"] == "awselb/2.0"
    assert balanced.balancer.counters()["generated"] == {"503": 1}


def test_a_target_that_refuses_is_502(balanced: Balanced, targets: list[Target]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    balanced.set(route("i-a", "healthy", port))
    assert balanced.client.get("/").status_code == 502
    assert balanced.balancer.counters()["targets"] == {"i-a": {"requests": 1, "codes": {"502": 1}}}


def test_a_target_that_resets_is_502_after_one_more_try(balanced: Balanced) -> None:
    tries = []

    def reset(connection: socket.socket) -> None:
        tries.append(connection.recv(4096))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        connection.close()

    listening, port = raw_server(reset)
    with listening:
        balanced.set(route("i-a", "healthy", port))
        assert balanced.client.get("/").status_code == 502
        assert len(tries) == 2
        assert balanced.client.post("/", content=b"x").status_code == 502
        assert len(tries) == 3  # what can't be repeated is not


def test_a_target_that_stays_silent_is_504(balanced: Balanced) -> None:
    listening, port = raw_server(lambda connection: time.sleep(5))
    with listening:
        balanced.set(route("i-a", "healthy", port))
        assert balanced.client.get("/").status_code == 504


def test_half_an_answer_is_not_taken_for_a_whole_one(
    balanced: Balanced, targets: list[Target]
) -> None:
    balanced.set(route("i-a", "healthy", targets[0].port))
    with pytest.raises(httpx.RemoteProtocolError):
        balanced.client.get("/cut")
    assert balanced.balancer.counters()["cut"] == 1


def test_idle_connections_that_the_target_closes_fail_no_request(balanced: Balanced) -> None:
    """The target closes each connection when its second request arrives: the worst moment."""
    answered = []

    def once(connection: socket.socket) -> None:
        with connection:
            connection.recv(4096)
            answered.append(1)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            connection.recv(4096)

    listening, port = raw_server(once)
    with listening:
        balanced.set(route("i-a", "healthy", port))
        with ThreadPoolExecutor(4) as pool:
            codes = [a.status_code for a in pool.map(balanced.client.get, ["/"] * 40)]
        codes += [balanced.client.post("/", content=b"x").status_code for _ in range(5)]
    assert codes == [200] * 45
    assert len(answered) == 45


def until(look: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_stopped_target_costs_no_request_once_it_is_drained(
    balanced: Balanced, targets: list[Target]
) -> None:
    """A steady load while one target drains, stops, and its port goes dead."""
    first, second = targets[:2]
    balanced.set(route("i-a", "healthy", first.port), route("i-b", "healthy", second.port))
    codes: list[int] = []
    ended = threading.Event()

    def load() -> None:
        with httpx.Client(base_url=balanced.balancer.address) as client:
            while not ended.is_set():
                codes.append(client.get("/").status_code)

    with ThreadPoolExecutor(2) as pool:
        loads = [pool.submit(load) for _ in range(2)]
        try:
            until(lambda: len(codes) > 25)
            balanced.set(route("i-a", "draining", first.port), route("i-b", "healthy", second.port))
            first.end()
            before = len(codes)
            until(lambda: len(codes) > before + 25)
        finally:
            ended.set()
        for one in loads:
            one.result(10)
    assert set(codes) == {200}


def test_stopping_frees_the_port_and_can_be_repeated(targets: list[Target]) -> None:
    balancer = LoadBalancer(lambda: behind([route("i-a", "healthy", targets[0].port)]))
    balancer.start()
    assert httpx.get(balancer.address).status_code == 200
    balancer.stop()
    balancer.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(balancer.address)


def test_a_port_in_use_is_an_error_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        balancer = LoadBalancer(list, "127.0.0.1", taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            balancer.start()
