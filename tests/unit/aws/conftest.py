"""An account of moto's own, in this process."""

from collections.abc import Iterator

import pytest

from spotkiln.aws.session import Aws, connect
from tests.unit.moto_account import moto_account

REGION = "eu-west-1"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    connect.cache_clear()
    with moto_account():
        yield connect(REGION)
    connect.cache_clear()
