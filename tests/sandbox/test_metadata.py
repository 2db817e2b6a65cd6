"""The metadata service on loopback; machines are told apart by the address they ask from."""

import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from sandbox.machines.protocol import MachineSpec, MetadataOptions, RoleKey
from sandbox.metadata.server import TOKEN_HEADER, TOKEN_TTL_HEADER, MetadataServer
from sandbox.metadata.tree import InstanceAction, MetadataInstance, look_up, values
from tests import plain

SPEC = MachineSpec(
    instance_id="i-0123456789abcdef0",
    image_id="ami-0123456789abcdef0",
    image_name="demo 1",
    instance_type="t3.micro",
    memory_mib=1024,
    region="eu-west-1",
    zone="eu-west-1b",
    zone_id="euw1-az2",
    account_id="123456789012",
    vpc_id="vpc-1",
    subnet_id="subnet-1",
    spot=True,
    private_ip="127.0.0.2",
    public_ip=None,
    key_name="demo",
    public_key="ssh-rsa AAAA demo\n",
    security_groups=("default", "Rails App"),
    instance_profile_arn="arn:aws:iam::123456789012:instance-profile/website",
    role_key=RoleKey("website-role", "ASIAKEY", "secret", "token"),
    user_data=b"#!/bin/sh\necho \xff\n",
    tags={"Name": "demo"},
)
INSTANCE = MetadataInstance(SPEC, "127.0.0.2")
OTHER = MetadataInstance(replace(SPEC, instance_id="i-other", user_data=b""), "127.0.0.3")


class Caller:
    """A machine's own client: its requests come from its address."""

    def __init__(self, port: int, address: str) -> None:
        transport = httpx.HTTPTransport(local_address=address, verify=plain.NOBODY)
        self.http = plain.visitor(base_url=f"http://127.0.0.1:{port}", transport=transport)

    def token(self, seconds: int = 60) -> str:
        answer = self.http.put("/latest/api/token", headers={TOKEN_TTL_HEADER: str(seconds)})
        assert answer.status_code == 200, answer.text
        assert answer.headers[TOKEN_TTL_HEADER] == str(seconds)
        return answer.text

    def get(self, path: str, token: str | None = None) -> httpx.Response:
        return self.http.get(path, headers={TOKEN_HEADER: token or self.token()})


@pytest.fixture
def server() -> Iterator[tuple[MetadataServer, int]]:
    bound = socket.create_server(("127.0.0.1", 0))
    made = MetadataServer(bound)
    made.put(INSTANCE)
    made.put(OTHER)
    yield made, bound.getsockname()[1]
    made.close()


@pytest.fixture
def caller(server: tuple[MetadataServer, int]) -> Caller:
    return Caller(server[1], "127.0.0.2")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("instance-id", "i-0123456789abcdef0"),
        ("ami-id", "ami-0123456789abcdef0"),
        ("instance-type", "t3.micro"),
        ("instance-life-cycle", "spot"),
        ("local-ipv4", "127.0.0.2"),
        ("public-ipv4", "127.0.0.2"),
        ("local-hostname", "ip-127-0-0-2.eu-west-1.compute.internal"),
        ("hostname", "ip-127-0-0-2.eu-west-1.compute.internal"),
        ("placement/region", "eu-west-1"),
        ("placement/availability-zone", "eu-west-1b"),
        ("placement/availability-zone-id", "euw1-az2"),
        ("placement/", "availability-zone\navailability-zone-id\nregion"),
        ("placement", "availability-zone\navailability-zone-id\nregion"),
        ("public-keys/", "0=demo"),
        ("public-keys/0/", "openssh-key"),
        ("public-keys/0/openssh-key", "ssh-rsa AAAA demo"),
        ("security-groups", "default\nRails App"),
        ("iam/", "info\nsecurity-credentials/"),
        ("iam/security-credentials/", "website-role"),
    ],
)
def test_values(caller: Caller, path: str, expected: str) -> None:
    answer = caller.get(f"/latest/meta-data/{path}")
    assert (answer.status_code, answer.text) == (200, expected)


@pytest.mark.parametrize(
    "path",
    [
        "/latest/meta-data/spot/instance-action",
        "/latest/meta-data/spot/termination-time",
        "/latest/meta-data/tags/instance/Name",
        "/latest/meta-data/nothing",
        "/latest/nothing",
        "/newest/meta-data/instance-id",
    ],
)
def test_what_there_is_not(caller: Caller, path: str) -> None:
    assert caller.get(path).status_code == 404


def test_listings_lead_from_the_top_to_every_value(caller: Caller) -> None:
    token = caller.token()

    def walk(path: str) -> Iterator[str]:
        for name in caller.get(path, token).text.split("\n"):
            if name.endswith("/") and "public-keys" not in name:
                yield from walk(f"{path}{name}")
            else:
                yield f"{path}{name}"

    found = set(walk("/latest/meta-data/"))
    expected = {f"/latest/{path}" for path in values(INSTANCE) if path.startswith("meta-data/")}
    listed = {path for path in expected if "public-keys" not in path}
    assert found == {*listed, "/latest/meta-data/public-keys/"}


def test_documents(caller: Caller) -> None:
    document = caller.get("/latest/dynamic/instance-identity/document").json()
    assert document["region"] == "eu-west-1"
    assert document["imageId"] == SPEC.image_id
    assert document["privateIp"] == "127.0.0.2"
    credentials = caller.get("/latest/meta-data/iam/security-credentials/website-role").json()
    assert credentials["Code"] == "Success"
    signs_with = [credentials[name] for name in ("AccessKeyId", "SecretAccessKey", "Token")]
    assert signs_with == ["ASIAKEY", "secret", "token"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", credentials["Expiration"])
    info = caller.get("/latest/meta-data/iam/info").json()
    assert info["InstanceProfileArn"] == SPEC.instance_profile_arn


def test_user_data_comes_as_it_was_given(server: tuple[MetadataServer, int]) -> None:
    assert Caller(server[1], "127.0.0.2").get("/latest/user-data").content == SPEC.user_data
    assert Caller(server[1], "127.0.0.3").get("/latest/user-data").status_code == 404


def test_version_1_is_refused(caller: Caller) -> None:
    assert caller.http.get("/latest/meta-data/instance-id").status_code == 401


def test_a_made_up_token_is_refused(caller: Caller) -> None:
    assert caller.get("/latest/meta-data/instance-id", "made-up").status_code == 401


def test_a_token_is_another_machines_no_use(server: tuple[MetadataServer, int]) -> None:
    mine, other = Caller(server[1], "127.0.0.2"), Caller(server[1], "127.0.0.3")
    token = mine.token()
    assert other.get("/latest/meta-data/instance-id", token).status_code == 401
    assert other.get("/latest/meta-data/instance-id").text == "i-other"


def test_a_token_ends(caller: Caller) -> None:
    token = caller.token(1)
    assert caller.get("/latest/meta-data/instance-id", token).status_code == 200
    time.sleep(1.05)
    assert caller.get("/latest/meta-data/instance-id", token).status_code == 401


@pytest.mark.parametrize("ttl", ["0", "21601", "-1", "1.5", "x", "", "9" * 500])
def test_a_tokens_time_is_checked(caller: Caller, ttl: str) -> None:
    answer = caller.http.put("/latest/api/token", headers={TOKEN_TTL_HEADER: ttl})
    assert answer.status_code == 400


def test_a_token_needs_its_header_and_no_proxy(caller: Caller) -> None:
    assert caller.http.put("/latest/api/token").status_code == 400
    headers = {TOKEN_TTL_HEADER: "60", "X-Forwarded-For": "192.0.2.1"}
    assert caller.http.put("/latest/api/token", headers=headers).status_code == 403
    assert caller.http.get("/latest/api/token").status_code == 401


def test_a_stranger_gets_nothing(server: tuple[MetadataServer, int]) -> None:
    stranger = Caller(server[1], "127.0.0.9")
    answer = stranger.http.put("/latest/api/token", headers={TOKEN_TTL_HEADER: "60"})
    assert answer.status_code == 404


def test_an_interruption_is_announced(server: tuple[MetadataServer, int], caller: Caller) -> None:
    notice = InstanceAction("terminate", "2026-01-31T12:02:00Z")
    server[0].put(replace(INSTANCE, notice=notice))
    action = caller.get("/latest/meta-data/spot/instance-action").text
    assert json.loads(action) == {"action": "terminate", "time": "2026-01-31T12:02:00Z"}
    end = caller.get("/latest/meta-data/spot/termination-time").text
    assert end == "2026-01-31T12:02:00Z"


def test_a_machine_that_is_removed_is_a_stranger(
    server: tuple[MetadataServer, int], caller: Caller
) -> None:
    token = caller.token()
    server[0].remove("127.0.0.2")
    assert caller.get("/latest/meta-data/instance-id", token).status_code == 404


def test_an_on_demand_machine_without_key_and_role() -> None:
    spec = replace(SPEC, spot=False, public_key=None, key_name=None, instance_profile_arn=None)
    tree = values(replace(INSTANCE, spec=spec))
    assert tree["meta-data/instance-life-cycle"] == "on-demand"
    assert look_up(tree, "meta-data/public-keys/") is None
    assert look_up(tree, "meta-data/iam/") is None


def test_an_instance_profile_without_a_role_hands_out_no_credentials() -> None:
    tree = values(replace(INSTANCE, spec=replace(SPEC, role_key=None)))
    assert look_up(tree, "meta-data/iam/") == "info"


def test_version_1_where_tokens_are_optional(
    server: tuple[MetadataServer, int], caller: Caller
) -> None:
    spec = replace(SPEC, metadata=MetadataOptions(tokens_required=False))
    server[0].put(replace(INSTANCE, spec=spec))
    path = "/latest/meta-data/instance-id"
    assert caller.http.get(path).text == SPEC.instance_id
    assert caller.get(path).text == SPEC.instance_id
    assert caller.get(path, "made-up").status_code == 401


def test_nothing_where_it_is_switched_off(
    server: tuple[MetadataServer, int], caller: Caller
) -> None:
    token = caller.token()
    server[0].put(replace(INSTANCE, spec=replace(SPEC, metadata=MetadataOptions(endpoint=False))))
    assert caller.get("/latest/meta-data/instance-id", token).status_code == 403
    headers = {TOKEN_TTL_HEADER: "60"}
    assert caller.http.put("/latest/api/token", headers=headers).status_code == 403


def test_tags_where_they_are_enabled() -> None:
    tree = values(replace(INSTANCE, spec=replace(SPEC, metadata=MetadataOptions(tags=True))))
    assert look_up(tree, "meta-data/tags/instance/") == "Name"
    assert look_up(tree, "meta-data/tags/instance/Name") == "demo"


def test_a_recommendation_to_rebalance() -> None:
    path = "meta-data/events/recommendations/rebalance"
    assert look_up(values(INSTANCE), path) is None
    tree = values(replace(INSTANCE, rebalance="2026-01-31T12:00:00Z"))
    assert json.loads(look_up(tree, path) or "") == {"noticeTime": "2026-01-31T12:00:00Z"}
