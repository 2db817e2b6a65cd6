"""The sandbox listens on loopback, where web pages and other users of the machine can call it. Only
who holds the access key of this start may."""

import json
import re
import stat
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.client import Sandbox
from tests import plain
from tests.sandbox.account import Account

pytestmark = pytest.mark.sandbox


@pytest.fixture
def browser(box: Sandbox) -> Iterator[httpx.Client]:
    """What a web page, or anybody without the key, can send."""
    with plain.visitor(base_url=box.environment["AWS_ENDPOINT_URL"]) as client:
        yield client


def signed(box: Sandbox, service: str = "ec2") -> dict[str, str]:
    scope = f"{box.environment['AWS_ACCESS_KEY_ID']}/20260101/eu-west-1/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, Signature=0"}


def client_with(box: Sandbox, service: str, key: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        region_name="eu-west-1",
        endpoint_url=box.environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=key,
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


def terminate(instance_id: str) -> dict[str, str]:
    return {"Action": "TerminateInstances", "InstanceId.1": instance_id, "Version": "2016-11-15"}


def test_a_web_page_changes_nothing(account: Account, box: Sandbox, browser: httpx.Client) -> None:
    instance = account.run()
    account.until(instance, "running")
    box.clear_calls()
    form = terminate(instance)
    # A form of another site, and an image's address: browsers send both without asking.
    posted = browser.post("/", data=form, headers={"Origin": "https://evil.example"})
    got = browser.get("/", params=form)
    assert posted.status_code == got.status_code == 403
    assert "MissingAuthenticationToken" in got.text
    assert account.state(instance) == "running"
    assert "TerminateInstances" not in [call["operation"] for call in box.calls()]


def test_a_foreign_origin_is_refused_even_with_the_key(box: Sandbox, browser: httpx.Client) -> None:
    form = {"Action": "DescribeVpcs", "Version": "2016-11-15"}
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        refused = browser.post("/", data=form, headers={**signed(box), "Origin": origin})
        assert (refused.status_code, "Origin" in refused.text) == (403, True), origin
    assert browser.post("/", data=form, headers=signed(box)).status_code == 200


def test_a_name_that_leads_to_loopback_is_refused(box: Sandbox, browser: httpx.Client) -> None:
    """A page whose own name resolves to 127.0.0.1 is no other site to the browser."""
    port = httpx.URL(box.environment["AWS_ENDPOINT_URL"]).port
    host = f"evil.example:{port}"
    for path in ("/", "/_sandbox/status"):
        answer = browser.get(path, headers={**signed(box), "Host": host})
        assert answer.status_code == 403
        assert "Host" in answer.text
        assert box.environment["AWS_ACCESS_KEY_ID"] not in answer.text
    form = {"Action": "DescribeVpcs", "Version": "2016-11-15"}
    local = {**signed(box), "Host": f"localhost:{port}"}
    assert browser.post("/", data=form, headers=local).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/status"), ("POST", "/reset"), ("POST", "/forget"), ("GET", "/calls")],
)
def test_nobody_controls_the_sandbox_without_its_key(
    browser: httpx.Client, box: Sandbox, method: str, path: str
) -> None:
    for headers in ({}, {"Authorization": "Bearer sandbox"}):
        refused = browser.request(method, f"/_sandbox{path}", headers=headers)
        assert refused.status_code == 403
        assert "sandbox.json" in refused.text
        assert box.environment["AWS_ACCESS_KEY_ID"] not in refused.text


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("ec2", "describe_instances", "AuthFailure"),
        ("elbv2", "describe_load_balancers", "InvalidClientTokenId"),
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("pricing", "describe_services", "UnrecognizedClientException"),
    ],
)
def test_another_key_is_refused_as_aws_refuses_it(
    box: Sandbox, service: str, call: str, code: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(client_with(box, service, "AKIAIOSFODNN7EXAMPLE"), call)()
    error = caught.value.response["Error"]
    assert error["Code"] == code
    assert "sandbox.json" in error["Message"]


def test_keys_that_the_account_hands_out_are_taken(account: Account, box: Sandbox) -> None:
    """And judged by the policies of whom they belong to."""
    account.iam.create_user(UserName="tester")
    key = account.iam.create_access_key(UserName="tester")["AccessKey"]["AccessKeyId"]
    role = account.client("sts").assume_role(RoleArn=account.fleet_role, RoleSessionName="test")
    session = role["Credentials"]["AccessKeyId"]
    for one in (key, session):
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            client_with(box, "ec2", one).describe_vpcs()
    look = {"Effect": "Allow", "Action": "ec2:DescribeVpcs", "Resource": "*"}
    policy = {
        "PolicyName": "look",
        "PolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [look]}),
    }
    account.iam.put_user_policy(UserName="tester", **policy)
    assert client_with(box, "ec2", key).describe_vpcs()["Vpcs"]
    account.iam.put_role_policy(RoleName=account.fleet_role.rpartition("/")[2], **policy)
    assert client_with(box, "ec2", session).describe_vpcs()["Vpcs"]
    account.iam.delete_role_policy(
        RoleName=account.fleet_role.rpartition("/")[2], PolicyName="look"
    )
    account.iam.delete_access_key(UserName="tester", AccessKeyId=key)
    with pytest.raises(ClientError, match="AuthFailure"):
        client_with(box, "ec2", key).describe_vpcs()


def test_only_who_starts_it_reads_its_key(box: Sandbox) -> None:
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", box.environment["AWS_ACCESS_KEY_ID"])
    assert len(box.environment["AWS_SECRET_ACCESS_KEY"]) == 40
    mode = (box.directory / "sandbox.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
