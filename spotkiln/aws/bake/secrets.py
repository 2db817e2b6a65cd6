"""Reads the secrets of a build from where the deployment says that they are."""

import json
from collections.abc import Mapping

from spotkiln.aws.errors import AwsMissing, aws_errors
from spotkiln.aws.session import Aws, client_of
from spotkiln.bake.secrets import Kind, Place, require_usable
from spotkiln.errors import InputError, PermissionDenied


def _parameter(aws: Aws, place: Place) -> str:
    with aws_errors(f"parameter {place.name}"):
        answer = client_of(aws, "ssm").get_parameter(Name=place.name, WithDecryption=True)
    return str(answer["Parameter"]["Value"])


def _secret(aws: Aws, place: Place) -> str:
    with aws_errors(f"secret {place.name}"):
        answer = client_of(aws, "secretsmanager").get_secret_value(SecretId=place.name)
    text = answer.get("SecretString", "")
    if not place.key:
        return str(text)
    try:
        found = json.loads(text)[place.key]
    except (ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, str | int):
        # Raised outside of the handler: a traceback must not show what was read.
        raise InputError(
            f"expected JSON with the key {place.key} in the secret {place.name}, and text there"
        )
    return str(found)


def read_secrets(
    aws: Aws, places: Mapping[str, str], environment: Mapping[str, str]
) -> dict[str, str]:
    """The values by variable. `environment` is the worker's own.

    Raises:
        InputError: one is not there, or may not be read; the message names it and its place.
    """
    values = {}
    for name, written in places.items():
        place = Place.of(written)
        try:
            if place.kind is Kind.VARIABLE:
                value = environment.get(place.name, "")
            elif place.kind is Kind.PARAMETER:
                value = _parameter(aws, place)
            else:
                value = _secret(aws, place)
        except PermissionDenied:
            raise
        except (AwsMissing, InputError) as error:
            raise InputError(
                f"build.secrets: expected the value of {name} at {place}: {error}. Put it there, "
                "or name where it is"
            ) from error
        require_usable(name, place, value)
        values[name] = value
    return values
