"""Calls as an instance makes them, with its role."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.sandbox.account import Account


class Machine:
    """Calls AWS as an instance does, with the credentials of its role."""

    def __init__(self, account: Account, profile: str = "website") -> None:
        self.box = account.box
        self.id = account.run(IamInstanceProfile={"Name": profile})
        self._key = self.box.role_credentials(self.id)

    def client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            region_name="eu-west-1",
            endpoint_url=self.box.environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=self._key["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self._key["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=self._key["AWS_SESSION_TOKEN"],
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )


def refused(call: Callable[..., object], **given: Any) -> tuple[str, str]:
    """Code and message."""
    with pytest.raises(ClientError) as caught:
        call(**given)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]
