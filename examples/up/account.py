"""Account: an AWS account that `make up` is to work with: who asks, and what is there."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from spotkiln.aws.bake import infra as look
from spotkiln.aws.bake.starts import base_image
from spotkiln.aws.errors import aws_errors
from spotkiln.aws.session import Aws, connect, resolve_region
from spotkiln.bake.infra_names import InfraNames
from spotkiln.errors import InputError, SpotkilnError

DEFAULTS = InfraNames()


def require_account(given: Mapping[str, str] = os.environ) -> str:
    """Who asks, in words; before anything is started.

    Raises:
        InputError: it is no account, or there are no credentials that it takes.
    """
    if endpoint := given.get("AWS_ENDPOINT_URL"):
        raise InputError(f"AWS_ENDPOINT_URL is {endpoint}, which is no account: unset it")
    try:
        aws = connect(resolve_region())
        number = look.account(aws)
    except SpotkilnError as error:
        raise InputError(
            f"no account answers, so nothing was started: {error}. `aws configure`, `aws sso "
            "login` or AWS_PROFILE and AWS_REGION give this terminal credentials and a region"
        ) from error
    return f"AWS account {number}, region {aws.region}"


def _there(aws: Aws) -> set[str]:
    """Names of target groups."""
    with aws_errors("target groups"):
        pages = aws.elbv2.get_paginator("describe_target_groups").paginate()
        return {group["TargetGroupName"] for page in pages for group in page["TargetGroups"]}


def _has_base(aws: Aws, pattern: str) -> bool:
    try:
        return bool(base_image(aws, pattern).id)
    except InputError:
        return False


def suggest(deployments: Iterable[tuple[str, str]], groups: set[str], *, base: bool) -> list[str]:
    """Commands that can work. `deployments` are names with their target groups, `groups` those that
    are there, `base`: whether there is a base image."""
    can = [name for name, group in deployments if group in groups]
    first = ["spotkiln doctor"]
    if not can:
        return first
    return [*first, *([] if base else ["spotkiln base rails-base"]), f"spotkiln release {can[0]}"]


def suggestions(deployed: Iterable[dict[str, Any]]) -> list[str]:
    """For the deployments of `release`, as Prefect tells them. Without the rights to look, nothing
    is suggested that needs them."""
    named = [
        (one["name"], one["parameters"].get("infra", {}).get("target_group", DEFAULTS.target_group))
        for one in deployed
    ]
    try:
        aws = connect(resolve_region())
        return suggest(named, _there(aws), base=_has_base(aws, DEFAULTS.base_image))
    except SpotkilnError:
        return suggest(named, set(), base=False)
