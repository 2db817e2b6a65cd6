"""The parameters and secrets that the account has at the start. Each start makes new secrets."""

import json
import secrets
from typing import Any

from moto.secretsmanager.models import secretsmanager_backends
from moto.ssm.models import ssm_backends

from sandbox.state.records import ACCOUNT_ID

APP = "demo-web-app"
ENVIRONMENTS = ("production", "staging", "test")


def create_settings(region: str) -> None:
    for environment in ENVIRONMENTS:
        path = f"/{APP}/{environment}"
        _parameter(region, f"{path}/GREETING", "String", f"Hello from {environment}")
        _parameter(region, f"{path}/SECRET_KEY_BASE", "SecureString", secrets.token_hex(64))
        _secret(region, f"{APP}/{environment}", {"MAIL_PASSWORD": secrets.token_urlsafe(24)})


def _parameter(region: str, name: str, kind: str, value: str) -> None:
    ssm: Any = ssm_backends[ACCOUNT_ID][region]
    ssm.put_parameter(
        name=name,
        description=None,
        value=value,
        parameter_type=kind,
        allowed_pattern=None,
        keyid="alias/aws/ssm" if kind == "SecureString" else None,
        overwrite=False,
        tags=[],
        data_type="text",
        tier=None,
        policies=None,
    )


def _secret(region: str, name: str, values: dict[str, str]) -> None:
    secretsmanager_backends[ACCOUNT_ID][region].create_secret(
        name=name,
        secret_string=json.dumps(values),
        secret_binary=None,
        description="",
        tags=[],
        kms_key_id=None,
        client_request_token=None,
        replica_regions=[],
        force_overwrite=False,
    )
