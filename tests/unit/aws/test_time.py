"""AWS's time: from its newest answer, whatever this host's clock says."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError

from spotkiln.aws.session import Aws, connect
from spotkiln.aws.time import AwsTime, elapsed
from spotkiln.errors import InfrastructureError, SpotkilnError

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
NOON_TEXT = "Wed, 01 May 2024 12:00:00 GMT"


def never() -> None:
    raise AssertionError("nothing was to be asked")


class Hands:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_time_goes_on_from_the_newest_answer() -> None:
    hands = Hands()
    aws = AwsTime(hands)
    aws.hear(NOON_TEXT)
    hands.at = 30
    assert aws.now(never) == NOON + timedelta(seconds=30)
    aws.hear("Wed, 01 May 2024 12:05:00 GMT")
    hands.at = 31
    assert aws.now(never) == NOON + timedelta(minutes=5, seconds=1)


def test_before_any_answer_it_is_asked_for() -> None:
    aws = AwsTime(Hands())
    asked: list[str] = []

    def ask() -> None:
        asked.append("once")
        aws.hear(NOON_TEXT)

    assert aws.now(ask) == NOON
    assert aws.now(ask) == NOON
    assert asked == ["once"]


@pytest.mark.parametrize("date", ["", "yesterday", "Wed, 01 May 2024 12:00:00", "0"])
def test_what_is_no_date_is_not_heard(date: str) -> None:
    aws = AwsTime(Hands())
    aws.hear(date)
    with pytest.raises(InfrastructureError, match="Date header"):
        aws.now(lambda: None)
    aws.hear(NOON_TEXT)
    aws.hear(date)
    assert aws.now(never) == NOON


def test_it_counts_by_a_clock_that_nobody_sets() -> None:
    before = elapsed()
    time.sleep(0.01)
    assert 0.005 < elapsed() - before < 5


class Amazon(BaseHTTPRequestHandler):
    """Dates its answers as the test says; refuses everything."""

    date = NOON_TEXT
    asked = 0

    def do_POST(self) -> None:
        type(self).asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
        self.send_response_only(403)
        if self.date:
            self.send_header("Date", self.date)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Amazon]]:
    class Mine(Amazon):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Mine)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    connect.cache_clear()
    yield Mine
    connect.cache_clear()
    server.shutdown()
    thread.join()
    server.server_close()


def near(aws: Aws, moment: datetime) -> bool:
    return timedelta() <= aws.now() - moment < timedelta(seconds=30)


def test_every_client_tells_the_time_and_so_does_a_refusal(amazon: type[Amazon]) -> None:
    aws = connect("eu-west-1")
    with pytest.raises(ClientError):
        aws.ec2.describe_instances()
    assert near(aws, NOON)
    amazon.date = "Wed, 01 May 2024 18:00:00 GMT"
    with pytest.raises(ClientError):
        aws.elbv2.describe_load_balancers()
    assert near(aws, NOON + timedelta(hours=6))
    # A client that is made later tells it too.
    amazon.date = "Wed, 01 May 2024 20:00:00 GMT"
    with pytest.raises(ClientError):
        aws.session.client("sns").list_topics()
    assert near(aws, NOON + timedelta(hours=8))
    asked = amazon.asked
    aws.now()
    assert amazon.asked == asked


def test_without_an_answer_it_asks_aws_and_not_the_host(amazon: type[Amazon]) -> None:
    aws = connect("eu-west-1")
    # The refusal itself is our error; the time was in it.
    with pytest.raises(SpotkilnError):
        aws.now()
    assert near(aws, NOON)
