"""The role that an account is entered by: assumed with the worker's own credentials, renewed, and
handed on to Packer without a secret in a file."""

import configparser
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import botocore.credentials
import pytest
from botocore.credentials import AssumeRoleCredentialFetcher

from spotkiln.aws import role
from spotkiln.aws.role import EXTERNAL_ID, KEPT, Role, wanted
from spotkiln.aws.session import connect
from spotkiln.bake.packer import _with
from spotkiln.errors import InputError
from spotkiln.start.deployment import ROLE_ARN as ARN
from tests.unit.moto_account import moto_account

PRODUCTION = "arn:aws:iam::210987654321:role/spotkiln-worker"
OWN = {"AWS_ACCESS_KEY_ID": "AKIAWORKER", "AWS_SECRET_ACCESS_KEY": "worker's secret"}


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (*role.OWN, "AWS_ENDPOINT_URL", ARN, EXTERNAL_ID):
        monkeypatch.delenv(name, raising=False)
    connect.cache_clear()
    with moto_account():
        # Whose key it is tells the account here.
        monkeypatch.delenv("MOTO_ACCOUNT_ID")
        for name, value in OWN.items():
            monkeypatch.setenv(name, value)
        yield
    connect.cache_clear()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each client that is made is told to sign with; AssumeRole's parameters."""
    found: list[dict[str, Any]] = []
    made: Any = AssumeRoleCredentialFetcher

    class Fetcher(made):  # type: ignore[misc]
        def __init__(self, create: Any, source: Any, arn: str, **more: Any) -> None:
            found.append({"arn": arn, "signed by": source.access_key, **more["extra_args"]})
            super().__init__(create, source, arn, **more)

    monkeypatch.setattr(role, "AssumeRoleCredentialFetcher", Fetcher)
    return found


def test_without_a_role_the_credentials_are_the_workers_own() -> None:
    assert wanted({}) == Role()
    found = connect("eu-west-1").session.get_credentials()
    assert found is not None
    assert found.access_key == OWN["AWS_ACCESS_KEY_ID"]


def test_clients_have_the_roles_credentials(
    monkeypatch: pytest.MonkeyPatch, asked: list[dict[str, Any]]
) -> None:
    monkeypatch.setenv(ARN, PRODUCTION)
    monkeypatch.setenv(EXTERNAL_ID, "of acme")
    with pytest.raises(InputError, match=EXTERNAL_ID):
        connect("eu-west-1")
    monkeypatch.setenv(EXTERNAL_ID, "acme-7")
    aws = connect("eu-west-1")
    assert aws.sts.get_caller_identity()["Arn"].startswith(
        "arn:aws:sts::210987654321:assumed-role/spotkiln-worker/spotkiln"
    )
    assert asked == [
        {
            "arn": PRODUCTION,
            "signed by": OWN["AWS_ACCESS_KEY_ID"],
            "RoleSessionName": "spotkiln",
            "DurationSeconds": 3600,
            "ExternalId": "acme-7",
        }
    ]


def test_they_are_renewed_before_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ARN, PRODUCTION)
    credentials: Any = connect("eu-west-1").session.get_credentials()
    first = credentials.get_frozen_credentials().access_key
    assert credentials.get_frozen_credentials().access_key == first
    later = datetime.now(UTC) + timedelta(minutes=50)
    monkeypatch.setattr(botocore.credentials, "_local_now", lambda: later)
    credentials._time_fetcher = lambda: later
    assert credentials.get_frozen_credentials().access_key != first


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({ARN: "spotkiln-worker"}, "expected the ARN of a role"),
        ({ARN: "arn:aws:iam::210987654321:user/ann"}, "expected the ARN of a role"),
        ({EXTERNAL_ID: "acme-7"}, "set both, or none"),
        ({ARN: PRODUCTION, EXTERNAL_ID: "x"}, "2 to 1224 letters"),
    ],
)
def test_what_is_no_role_is_refused(variables: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        wanted(variables)


def test_without_credentials_to_assume_it_with(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OWN:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv(ARN, PRODUCTION)
    with pytest.raises(InputError, match=f"no AWS credentials found for role {PRODUCTION}"):
        connect("eu-west-1")


def test_packer_is_told_where_to_ask_and_has_no_key(tmp_path: Path) -> None:
    """A key that stood in a variable would come before the role."""
    entered = role.environment(Role(arn=PRODUCTION, external_id="acme 7"), "eu-west-1", tmp_path)
    variables = _with(entered)
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} & set(variables)
    config = configparser.ConfigParser(interpolation=None)
    config.read(variables["AWS_CONFIG_FILE"])
    profile = config[f"profile {variables['AWS_PROFILE']}"]
    assert profile["region"] == "eu-west-1"
    assert PRODUCTION in profile["credential_process"]
    assert profile["credential_process"].endswith("'acme 7'")
    assert OWN["AWS_SECRET_ACCESS_KEY"] not in Path(variables["AWS_CONFIG_FILE"]).read_text()
    # What asks for the credentials has them again.
    before = role.source(variables)
    assert {name: before[name] for name in OWN} == OWN
    assert not [name for name in before if name.startswith(KEPT) or name == "AWS_PROFILE"]


def test_packer_takes_no_web_identity_before_the_role(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pod of EKS has one. The SDK of Packer 1.6.6 takes it before a profile's."""
    given = {
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/secrets/token",
        "AWS_ROLE_ARN": "arn:aws:iam::111111111111:role/worker",
        "AWS_ROLE_SESSION_NAME": "worker",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    variables = _with(role.environment(Role(arn=PRODUCTION), "eu-west-1", tmp_path))
    assert not set(given) & set(variables)
    before = role.source(variables)
    assert {name: before[name] for name in given} == given


def test_without_a_role_packer_has_what_the_worker_has(tmp_path: Path) -> None:
    assert role.environment(Role(), "eu-west-1", tmp_path) == {}
    assert list(tmp_path.iterdir()) == []
    assert _with({})["AWS_ACCESS_KEY_ID"] == OWN["AWS_ACCESS_KEY_ID"]


def test_what_it_asks_answers_as_awss_sdks_expect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from spotkiln.aws import credentials

    for name in OWN:
        monkeypatch.setenv(name, "")
        monkeypatch.setenv(KEPT + name, OWN[name])
    monkeypatch.setenv("AWS_PROFILE", role.PROFILE)
    credentials.main(PRODUCTION, "eu-west-1")
    told = json.loads(capsys.readouterr().out)
    assert told["Version"] == 1
    assert told["AccessKeyId"].startswith("ASIA")
    assert told["SecretAccessKey"]
    assert told["SessionToken"]
    left = datetime.fromisoformat(told["Expiration"]) - datetime.now(UTC)
    assert timedelta(minutes=55) < left <= timedelta(hours=1)
    assert boto3.session.Session().get_credentials() is not None
