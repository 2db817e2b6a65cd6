"""The resources that a call is about, as IAM policies name them."""

from collections.abc import Callable
from typing import Any

# What a call is about that concerns no single resource.
ANY = "*"

Arn = Callable[[str, str], str]  # of a service and what follows the account in it


def resources(
    service: str, operation: str, parameters: dict[str, Any], arn: Arn, secret: Callable[[str], str]
) -> list[str]:
    """ARNs; all of them have to be allowed. `secret`: the ARN of a secret by its name or ARN."""
    if service == "ssm":
        return _parameters(parameters, arn)
    if service == "secretsmanager":
        named = parameters.get("SecretId") or parameters.get("Name")
        return [secret(str(named))] if named else [ANY]
    if service == "logs":
        return [_log(parameters, arn)]
    if service == "elasticloadbalancing" and not operation.startswith("Describe"):
        found = [v for k, v in parameters.items() if k.endswith("Arn") and isinstance(v, str)]
        return [*found, *(parameters.get("ResourceArns") or [])] or [ANY]
    return [ANY]


def _parameters(parameters: dict[str, Any], arn: Arn) -> list[str]:
    """A path counts as it was written, with or without a slash at its end."""
    named = [parameters.get("Name"), parameters.get("Path"), *(parameters.get("Names") or [])]
    found = [str(one) for one in named if one]
    return [_parameter(one, arn) for one in found] or [arn("ssm", "*")]


def _parameter(name: str, arn: Arn) -> str:
    if name.startswith("arn:"):
        return name
    # Behind the name may stand a version or a label.
    return arn("ssm", f"parameter/{name.lstrip('/').split(':')[0]}")


def _log(parameters: dict[str, Any], arn: Arn) -> str:
    group = parameters.get("logGroupName") or parameters.get("logGroupIdentifier") or ""
    if str(group).startswith("arn:"):
        return str(group)
    return arn("logs", f"log-group:{group}:log-stream:{parameters.get('logStreamName') or ''}")
