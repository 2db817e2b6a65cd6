"""How long the credentials last: those of a variable are never renewed."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from spotkiln.aws.session import Aws
from spotkiln.errors import InputError

# As botocore, and whoever hands out credentials for a while, have it.
VARIABLE = "AWS_CREDENTIAL_EXPIRATION"
# What no release is quicker than, and what hardly one is slower than.
LEAST, AMPLE = timedelta(minutes=10), timedelta(hours=2)
INSTEAD = "use a role, a profile or SSO, which are renewed, or get new ones first"


def require_lasting(aws: Aws, say: Callable[[str], None]) -> None:
    """Of a role, a profile or an instance they are renewed in time. Those that stand in variables
    end when their own variable says, if it is set.

    Raises:
        InputError: they end before a release could.
    """
    end = _end(aws)
    if end is None:
        return
    left = end - aws.now()
    minutes = max(int(left.total_seconds() // 60), 0)
    told = f"the AWS credentials end at {end:%H:%M} UTC, in {minutes} minutes ({VARIABLE})"
    if left < LEAST:
        raise InputError(f"{told}, in the middle of the release: {INSTEAD}")
    if left < AMPLE:
        say(f"{told}: a release that takes longer fails then; {INSTEAD}")


def _end(aws: Aws) -> datetime | None:
    """UTC; None if it is not known, or does not matter."""
    text = os.environ.get(VARIABLE, "")
    credentials = aws.session.get_credentials() if text else None
    if credentials is None or credentials.method != "env":
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"expected an ISO 8601 time in {VARIABLE}, got {text!r}") from error
    if found.tzinfo is None:
        raise InputError(f"expected a time with its zone in {VARIABLE}, got {text!r}")
    return found.astimezone(UTC)
