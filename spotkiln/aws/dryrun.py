"""Dry runs: whether AWS would allow a call, asked without carrying it out."""

from collections.abc import Callable
from contextlib import suppress

from spotkiln.aws.errors import AwsMissing, AwsRefused, aws_errors


def dry_run(*calls: Callable[[], object]) -> None:
    """Make calls that say `DryRun=True`.

    AWS answers DryRunOperation if it would allow one. Other refusals are about what the call names,
    which may be made up.

    Raises:
        PermissionDenied: one would not be allowed; the message names the action.
    """
    for call in calls:
        with suppress(AwsRefused, AwsMissing), aws_errors("asked as a dry run"):
            call()
