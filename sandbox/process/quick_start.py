"""Makes moto start faster.

Half of its import is botocore, which reads its endpoints again and again into ordered
dictionaries.
"""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.loaders import JSONFileLoader

_endpoints: dict[str, Any] = {}


def _load_file(_loader: JSONFileLoader, path: str, open_method: Callable[..., Any]) -> Any:
    """As botocore's own method, but with plain dictionaries, which keep their order too. The
    list of all endpoints never changes and is read once."""
    if path in _endpoints:
        return _endpoints[path]
    if not Path(path).is_file():
        return None
    with open_method(path, "rb") as file:
        content = json.loads(file.read())
    if path.endswith("/endpoints.json"):
        _endpoints[path] = content
    return content


def apply() -> None:
    """Call this before moto is imported."""
    JSONFileLoader._load_file = _load_file  # type: ignore[attr-defined]


def share_one_key() -> None:
    """For machines without a login: all new key pairs share one key, which is made once."""
    from moto.ec2.models import key_pairs
    from moto.ec2.utils import random_rsa_key_pair

    made = functools.cache(random_rsa_key_pair)
    key_pairs.random_rsa_key_pair = made  # type: ignore[attr-defined]
