"""Looks at what a configuration names: which parameters and secrets there are, and their versions.
Never a value: nothing here needs the right to read one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from spotkiln.aws.errors import aws_errors, is_not_found
from spotkiln.aws.session import Aws, client_of
from spotkiln.bake.configuration import Configuration, Known, Stored
from spotkiln.errors import InfrastructureError, InputError, PermissionDenied

CURRENT = "AWSCURRENT"


def _described(aws: Aws, path: str, option: str) -> list[dict[str, Any]]:
    """Source: SSM DescribeParameters, all pages."""
    wanted = [{"Key": "Path", "Option": option, "Values": [path.rstrip("/")]}]
    with aws_errors(f"parameters below {path}"):
        pages = client_of(aws, "ssm").get_paginator("describe_parameters")
        return [
            one for page in pages.paginate(ParameterFilters=wanted) for one in page["Parameters"]
        ]


def _in_utc(moment: datetime | None) -> str:
    """botocore tells moments in the time zone of this machine; workers may be in several."""
    return str(moment.astimezone(UTC)) if moment else ""


def parameters(aws: Aws, path: str) -> list[Stored]:
    """Those directly below a path.

    Raises:
        InputError: there is none.
    """
    # A parameter that was deleted and made anew begins with version 1 again.
    found = [
        Stored(
            name=str(one["Name"]).rpartition("/")[2],
            version=f"{one.get('Version', 0)} of {_in_utc(one.get('LastModifiedDate'))}",
        )
        for one in _described(aws, path, "OneLevel")
    ]
    if found:
        return sorted(found, key=lambda one: one.name)
    deeper = sorted(str(one["Name"]) for one in _described(aws, path, "Recursive"))
    hint = (
        f"; only what is directly below counts, and there is {deeper[0]}: name its own path"
        if deeper
        else "; put them there, or name another path"
    )
    raise InputError(f"no parameter is below {path} in {aws.region}{hint}")


def secret(aws: Aws, name: str) -> Stored:
    """Source: Secrets Manager DescribeSecret.

    Raises:
        InputError: it is not there, has no value, or is about to be deleted.
    """
    try:
        found = client_of(aws, "secretsmanager").describe_secret(SecretId=name)
    except ClientError as error:
        if is_not_found(error):
            raise InputError(
                f"no secret {name} in {aws.region}: create it, or name another"
            ) from error
        with aws_errors(f"secret {name}"):
            raise
    if found.get("DeletedDate"):
        raise InputError(
            f"secret {name} is scheduled to be deleted: `aws secretsmanager restore-secret "
            f"--secret-id {name}`, or name another"
        )
    stages = found.get("VersionIdsToStages") or {}
    current = next((version for version, names in stages.items() if CURRENT in names), "")
    if not current:
        raise InputError(f"secret {name} has no value yet: put one in, or name another")
    return Stored(name=name, version=f"{current} of {found.get('ARN', '')}")


def find_configuration(aws: Aws, sources: Configuration) -> Known:
    """All that is there of it.

    Raises:
        InputError: with everything that is not there.
        PermissionDenied: we may not look.
    """
    wrong: list[str] = []
    below: list[Stored] = []
    secrets: list[Stored] = []
    for path in sources.parameters:
        with _gathered(wrong):
            below += parameters(aws, path)
    for name in sources.secrets:
        with _gathered(wrong):
            secrets.append(secret(aws, name))
    if wrong:
        raise InputError("the configuration is not there: " + "; ".join(wrong))
    return Known(sources=sources, parameters=tuple(below), secrets=tuple(secrets))


@contextmanager
def _gathered(wrong: list[str]) -> Iterator[None]:
    """What is wrong with one is told together with the others."""
    try:
        yield
    except PermissionDenied:
        raise
    except InputError as error:
        wrong.append(str(error))


def find_if_possible(aws: Aws, sources: Configuration, say: Callable[[str], None]) -> Known:
    """The same for a rollback: that does not wait until somebody may look.

    Raises:
        InputError: something is not there, so no server could start.
    """
    try:
        return find_configuration(aws, sources)
    except (PermissionDenied, InfrastructureError) as error:
        say(
            f"the configuration could not be looked at: {error}; nobody will know what these "
            "servers have read, so the next release launches new servers, even if nothing has "
            "changed"
        )
        return Known(sources=sources, unknown=True)
