"""Dry runs: whether AWS would allow a call, asked without carrying it out.

They say what the real call will say: rights can hang on tags, profile, role and network.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from spotkiln import tags as t
from spotkiln.aws.errors import AwsMissing, AwsRefused, aws_errors

# What a dry run says where a release would name itself.
TRIAL = {t.RELEASE: "dry-run"}


def trial_tags(*kinds: str, own: Mapping[str, str]) -> Any:
    """Tags of each of these types of resource, as a creation takes them; `own` are the company's,
    without which its rules may refuse one."""
    tags = t.to_aws({**own, **TRIAL})
    return [{"ResourceType": kind, "Tags": tags} for kind in kinds]


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
