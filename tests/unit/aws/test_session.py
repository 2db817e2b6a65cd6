"""Which region, in which order; the clients."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from spotkiln.aws.session import connect, resolve_region
from spotkiln.errors import InputError


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No region anywhere; the path of the AWS config file."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    config = tmp_path / "config"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return config


class Metadata(BaseHTTPRequestHandler):
    """An instance's metadata service: version 2 only."""

    def do_PUT(self) -> None:
        self.answer(200 if self.path == "/latest/api/token" else 404, b"token")

    def do_GET(self) -> None:
        zone = self.path == "/latest/meta-data/placement/availability-zone/"
        if self.headers.get("x-aws-ec2-metadata-token") != "token":
            self.answer(401, b"")
        else:
            self.answer(200 if zone else 404, b"ap-southeast-2b")

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv(
        "AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{server.server_port}"
    )
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_order(nothing_set: Path, metadata: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each one that is added outdoes those before it."""
    assert resolve_region() == "ap-southeast-2"
    nothing_set.write_text("[default]\nregion = eu-north-1\n")
    assert resolve_region() == "eu-north-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-2")
    assert resolve_region() == "us-east-2"
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert resolve_region() == "us-west-2"
    assert resolve_region("eu-west-1") == "eu-west-1"


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-2")
    assert resolve_region() == "us-east-2"


def test_the_profiles_own_region(nothing_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing_set.write_text("[default]\nregion = eu-north-1\n[profile prod]\nregion = sa-east-1\n")
    monkeypatch.setenv("AWS_PROFILE", "prod")
    assert resolve_region() == "sa-east-1"


def test_there_is_no_silent_default() -> None:
    with pytest.raises(InputError, match=r"no AWS region: none is given, .* set the region"):
        resolve_region()


def test_not_on_an_instance_it_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(InputError, match="no AWS region"):
        resolve_region()


def test_a_profile_that_is_not_there_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobodys")
    with pytest.raises(InputError, match="nobodys"):
        resolve_region()
    with pytest.raises(InputError, match="nobodys"):
        connect("eu-west-3")


def test_a_config_file_that_cannot_be_read_is_bad_input(nothing_set: Path) -> None:
    nothing_set.write_text("region = eu-north-1\n")
    with pytest.raises(InputError, match="Unable to parse config file"):
        resolve_region()


def test_clients_of_one_region() -> None:
    aws = connect("eu-west-1")
    clients = [aws.ec2, aws.elbv2, aws.iam, aws.sts]
    assert [client.meta.service_model.service_name for client in clients] == [
        "ec2",
        "elbv2",
        "iam",
        "sts",
    ]
    assert aws.region == aws.ec2.meta.region_name == aws.elbv2.meta.region_name == "eu-west-1"
    assert connect("eu-west-1") is aws
    assert connect("eu-west-2").ec2.meta.region_name == "eu-west-2"


def test_calls_name_us_and_are_tried_again_by_botocore() -> None:
    config = connect("eu-west-1").ec2.meta.config
    assert "spotkiln/" in config.user_agent_extra  # type: ignore[attr-defined]
    assert config.retries["mode"] == "standard"  # type: ignore[attr-defined]
