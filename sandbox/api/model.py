"""AWS's own model, as botocore has it: which operations there are, and what they say of
themselves."""

import html
import re
from functools import lru_cache
from typing import Any

from botocore.model import OperationModel
from moto.core.utils import get_service_model

# The names that calls are signed with, where botocore has another.
_NAMES = {
    "elasticloadbalancing": "elbv2",
    "monitoring": "cloudwatch",
    "email": "ses",
    "elasticfilesystem": "efs",
    "tagging": "resourcegroupstaggingapi",
}
_LISTED = re.compile(r"<li>\s*<p>\s*<code>([^<]+)</code>")


@lru_cache(maxsize=200)
def service(signed: str) -> Any:
    """By the name that its calls are signed with; None if there is no such service."""
    try:
        return get_service_model(_NAMES.get(signed, signed))
    except Exception:  # noqa: BLE001 - botocore and moto raise what they like for an unknown name
        return None


@lru_cache(maxsize=1000)
def operation(signed: str, name: str) -> OperationModel | None:
    model = service(signed)
    known = model is not None and name in model.operation_names
    return model.operation_model(name) if known else None


def listed(documentation: str) -> set[str]:
    """The names that a list in a documentation begins its points with."""
    return {html.unescape(one).strip() for one in _LISTED.findall(documentation)}
