"""Where the worker reads a build's secrets from, and what it says when one is not there."""

import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from spotkiln.aws.bake import secrets
from spotkiln.aws.bake.secrets import read_secrets
from spotkiln.aws.session import Aws, connect
from spotkiln.errors import InfrastructureError, InputError, PermissionDenied
from tests.unit.moto_account import moto_account

VALUE = "npm_0123456789abcdef"


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.delenv("AWS_PROFILE", raising=False)
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        connect.cache_clear()
        with moto_account():
            aws = connect("eu-west-1")
            aws.session.client("ssm").put_parameter(
                Name="/shop/build/npm", Type="SecureString", Value=VALUE
            )
            manager = aws.session.client("secretsmanager")
            manager.create_secret(Name="shop/plain", SecretString=VALUE)
            manager.create_secret(Name="shop/short", SecretString="x")
            manager.create_secret(
                Name="shop/build",
                SecretString=json.dumps({"npm": VALUE, "empty": "", "deep": {"npm": VALUE}}),
            )
            yield aws
        connect.cache_clear()


@pytest.mark.parametrize(
    "place", ["ssm:/shop/build/npm", "secret:shop/plain", "secret:shop/build#npm", "env:SHOP_NPM"]
)
def test_a_value_is_read_from_where_it_is(aws: Aws, place: str) -> None:
    assert read_secrets(aws, {"NPM_TOKEN": place}, {"SHOP_NPM": VALUE}) == {"NPM_TOKEN": VALUE}


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("ssm:/shop/build/none", "GetParameter did not find it"),
        ("secret:shop/none", "GetSecretValue did not find it"),
        ("secret:shop/build#none", "expected JSON with the key none in the secret shop/build"),
        ("secret:shop/plain#npm", "expected JSON with the key npm in the secret shop/plain"),
        ("secret:shop/build#deep", "expected JSON with the key deep in the secret shop/build"),
        ("secret:shop/build#empty", "got none"),
        ("secret:shop/short", "got a shorter one"),
        ("env:SHOP_NPM", "got none"),
        ("env:SHOP_BYTES", "expected text in UTF-8"),
    ],
)
def test_one_that_is_missing_is_refused_by_name_and_place(aws: Aws, place: str, why: str) -> None:
    with pytest.raises(InputError) as refused:
        read_secrets(aws, {"NPM_TOKEN": place}, {"SHOP_BYTES": f"{VALUE}\udcff"})
    said = str(refused.value)
    assert why in said
    assert "NPM_TOKEN" in said
    assert place in said
    assert VALUE not in said
    assert not isinstance(refused.value, InfrastructureError)


def test_a_missing_right_names_the_action(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    class Denying:
        def get_parameter(self, **_: object) -> None:
            answer = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}
            raise ClientError(answer, "GetParameter")  # type: ignore[arg-type]

    monkeypatch.setattr(secrets, "client_of", lambda *_: Denying())
    with pytest.raises(PermissionDenied, match="GetParameter"):
        read_secrets(aws, {"NPM_TOKEN": "ssm:/shop/build/npm"}, {})
