"""How long the credentials last: those of a variable are never renewed."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from spotkiln.aws.session import Aws
from spotkiln.errors import InputError

# As botocore, and whoever hands out credentials for a while, have it.
VARIABLE, KEY = "AWS_CREDENTIAL_EXPIRATION", "AWS_ACCESS_KEY_ID"
# What no release is quicker than, and what hardly one is slower than.
LEAST, AMPLE = timedelta(minutes=10), timedelta(hours=2)
INSTEAD = "use a role, a profile or SSO, which are renewed, or get new ones first"


def require_lasting(aws: Aws, say: Callable[[str], None]) -> None:
    """Of a role, a profile or an instance they are renewed in time. Those that stand in variables
    end when their own variable says, if it is set. So does a role that is assumed with them: once
    they have ended it cannot be renewed.

    Raises:
        InputError: they end before a release could.
    """
    end = _end(os.environ)
    if end is None:
        return
    left = end - aws.now()
    minutes = max(int(left.total_seconds() // 60), 0)
    told = f"the AWS credentials end at {end:%H:%M} UTC, in {minutes} minutes ({VARIABLE})"
    if left < LEAST:
        raise InputError(f"{told}, in the middle of the release: {INSTEAD}")
    if left < AMPLE:
        say(f"{told}: a release that takes longer fails then; {INSTEAD}")


def _end(variables: Mapping[str, str]) -> datetime | None:
    """UTC; None if it is not known, or does not matter. botocore takes a key that stands in a
    variable before anything else, to call AWS with and to assume a role with."""
    text = variables.get(VARIABLE, "")
    if not text or not variables.get(KEY):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"expected an ISO 8601 time in {VARIABLE}, got {text!r}") from error
    if found.tzinfo is None:
        raise InputError(f"expected a time with its zone in {VARIABLE}, got {text!r}")
    return found.astimezone(UTC)
