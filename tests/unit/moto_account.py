"""An account of moto's, in this process, and what makes it cheap: most of what moto and botocore do
for a new one is to read the same files again."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

from botocore.loaders import JSONFileLoader
from moto import mock_aws
from moto.core.base_backend import BackendDict
from moto.core.config import DefaultConfig
from moto.core.models import DEFAULT_ACCOUNT_ID

SETTINGS = {
    # A thousand images of Amazon's: no test looks for any.
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    # Or moto looks in all partitions for whose key it is, and makes IAM of each for it.
    "MOTO_ACCOUNT_ID": DEFAULT_ACCOUNT_ID,
}

# Each session of botocore reads what services look like for itself: EC2's are megabytes.
_load = JSONFileLoader.load_file


@cache
def _kept(path: str) -> Any:
    return _load(JSONFileLoader(), path)


@contextmanager
def moto_account(config: DefaultConfig | None = None) -> Iterator[None]:
    """It is gone afterwards."""
    mock = mock_aws(config=config)
    with (
        patch.dict("os.environ", SETTINGS),
        patch.object(JSONFileLoader, "load_file", lambda _, path: _kept(path)),
    ):
        mock.start(reset=False)
        try:
            yield
        finally:
            mock.stop(remove_data=False)
            # Its own way to forget makes all anew first.
            made: list[dict[str, Any]] = BackendDict._instances  # type: ignore[misc, assignment]
            for service in made:
                service.clear()
            made.clear()
