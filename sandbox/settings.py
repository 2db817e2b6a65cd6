"""Parameters and secrets of a running sandbox: shown and set by a person."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.client import Sandbox, SandboxError

HIDDEN = "(not shown)"


def aws(box: Sandbox, service: str) -> Any:
    """boto3's client of the sandbox."""
    environment = box.environment
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        # The sandbox is on this machine: no proxy leads to it.
        config=Config(proxies={}),
    )


class Settings:
    def __init__(self, box: Sandbox) -> None:
        self._ssm, self._vault = aws(box, "ssm"), aws(box, "secretsmanager")

    def parameters(self, path: str, *, values: bool) -> list[tuple[str, str, str, str]]:
        """Name, type, version and value of those below `path`, by name. A secure one's value is
        shown only if `values`."""
        pages = self._ssm.get_paginator("get_parameters_by_path").paginate(
            Path=path, Recursive=True, WithDecryption=True
        )
        return sorted(
            (one["Name"], one["Type"], str(one["Version"]), _value(one, values=values))
            for page in pages
            for one in page["Parameters"]
        )

    def set_parameter(self, name: str, value: str, *, secure: bool) -> int:
        """Its new version. Raises SandboxError if the Parameter Store refuses it."""
        kind = "SecureString" if secure else "String"
        try:
            made = self._ssm.put_parameter(Name=name, Value=value, Type=kind, Overwrite=True)
        except ClientError as error:
            raise _refused(f"parameter {name}", error) from error
        return int(made["Version"])

    def secrets(self) -> list[tuple[str, str]]:
        """Name and keys of each, by name."""
        pages = self._vault.get_paginator("list_secrets").paginate()
        names = sorted(one["Name"] for page in pages for one in page["SecretList"])
        return [(name, ", ".join(sorted(self._values(name))) or "no JSON object") for name in names]

    def set_secret(self, name: str, key: str, value: str) -> None:
        """Set one key of a secret that holds a JSON object; makes the secret if there is none.
        Raises SandboxError if it holds something else."""
        if name not in (one for one, _ in self.secrets()):
            text = json.dumps({key: value})
            try:
                self._vault.create_secret(Name=name, SecretString=text)
            except ClientError as error:
                raise _refused(f"secret {name}", error) from error
            return
        values = self._values(name)
        if not values and self._text(name).strip() != "{}":
            raise SandboxError(
                f"secret {name}: expected a JSON object, whose keys become variables; it holds "
                "something else. Take another name"
            )
        text = json.dumps({**values, key: value})
        self._vault.put_secret_value(SecretId=name, SecretString=text)

    def _values(self, name: str) -> dict[str, Any]:
        try:
            found = json.loads(self._text(name))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def _text(self, name: str) -> str:
        return str(self._vault.get_secret_value(SecretId=name).get("SecretString", ""))


def _value(parameter: dict[str, Any], *, values: bool) -> str:
    return HIDDEN if parameter["Type"] == "SecureString" and not values else parameter["Value"]


def _refused(what: str, error: ClientError) -> SandboxError:
    return SandboxError(f"{what}: {error.response['Error']['Message']}")


def table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Lines, in columns as wide as their longest text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
