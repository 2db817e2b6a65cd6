"""Whom a builder's security group lets in, against moto, and this machine's own address."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from spotkiln import tags as t
from spotkiln.aws.bake import way_in as ways
from spotkiln.aws.bake.builder import open_access
from spotkiln.aws.session import Aws
from spotkiln.bake.builder import Builder, SshInterface
from spotkiln.errors import InputError


def let_in(aws: Aws, builder: Builder) -> list[str]:
    """By the group that a machine of it gets, opened once more at each call."""
    vpc = aws.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    access = open_access(aws, "r1", vpc, builder, {t.RUN: "run", t.RELEASE: "r1"})
    (group,) = aws.ec2.describe_security_groups(GroupIds=[access.security_group])["SecurityGroups"]
    rules = group["IpPermissions"]
    assert {(one["FromPort"], one["ToPort"], one["IpProtocol"]) for one in rules} <= {
        (22, 22, "tcp")
    }
    return sorted(
        [x["CidrIp"] for one in rules for x in one.get("IpRanges", [])]
        + [x["CidrIpv6"] for one in rules for x in one.get("Ipv6Ranges", [])]
    )


def test_the_worker_alone_and_whoever_goes_on_with_it(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ways.VARIABLE, "203.0.113.7")
    assert let_in(aws, Builder()) == ["203.0.113.7/32"]
    assert let_in(aws, Builder()) == ["203.0.113.7/32"]
    # Another worker goes on after a failure.
    monkeypatch.setenv(ways.VARIABLE, "2001:db8::7")
    assert let_in(aws, Builder()) == ["2001:db8::7/128", "203.0.113.7/32"]


def test_the_networks_ranges(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ways.VARIABLE, "not asked for")
    vpc = aws.ec2.describe_vpcs()["Vpcs"][0]
    aws.ec2.associate_vpc_cidr_block(VpcId=vpc["VpcId"], CidrBlock="10.9.0.0/16")
    found = let_in(aws, Builder(ssh_interface=SshInterface.PRIVATE_IP))
    assert found == sorted([vpc["CidrBlock"], "10.9.0.0/16"])


def test_nobody_through_session_manager(aws: Aws) -> None:
    builder = Builder(ssh_interface=SshInterface.SESSION_MANAGER, instance_profile="builder")
    assert let_in(aws, builder) == []


@contextmanager
def answering(text: str, status: int = 200) -> Iterator[str]:
    """A server that answers this, as AWS's does; its address."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_own_address_is_what_aws_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ways.VARIABLE, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with answering("203.0.113.7\n") as address:
        monkeypatch.setattr(ways, "WHO_ASKS", address)
        assert ways.own_address() == "203.0.113.7"
    monkeypatch.setenv(ways.VARIABLE, "198.51.100.9")
    assert ways.own_address() == "198.51.100.9"


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("<html>Sign in", 200, "expected an IP address from http://127.0.0.1"),
        ("", 503, "does not say which it is (HTTP Error 503"),
    ],
)
def test_without_it_the_error_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, text: str, status: int, said: str
) -> None:
    monkeypatch.delenv(ways.VARIABLE, raising=False)
    with answering(text, status) as address:
        monkeypatch.setattr(ways, "WHO_ASKS", address)
        with pytest.raises(InputError) as caught:
            ways.own_address()
    told = str(caught.value)
    assert said in told
    for way_out in (ways.VARIABLE, "ssh_source_cidrs", "private_ip", "session_manager"):
        assert way_out in told
    monkeypatch.setenv(ways.VARIABLE, "my-laptop")
    with pytest.raises(InputError, match=f"from the variable {ways.VARIABLE}"):
        ways.own_address()
