"""The load balancer in front of real servers on loopback, well-behaved and not."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from sandbox.balancing.load_balancer import LoadBalancer
from sandbox.balancing.routes import (
    FixedResponse,
    Rule,
    Share,
)
from tests import plain
from tests.sandbox.balanced import (
    Balanced,
    Target,
    balanced,
    behind,
    raw_server,
    route,
    targets,
)

__all__ = ["balanced", "targets"]


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
        seen = {plain.get(f"{balanced.balancer.address}/").json()["target"] for _ in range(4)}
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
        with plain.visitor(base_url=balanced.balancer.address) as client:
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
    assert plain.get(balancer.address).status_code == 200
    balancer.stop()
    balancer.stop()
    with pytest.raises(httpx.ConnectError):
        plain.get(balancer.address)


def test_a_port_in_use_is_an_error_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        balancer = LoadBalancer(list, "127.0.0.1", taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            balancer.start()
