"""Finds a launch template of the user's own, by name and version."""

from botocore.exceptions import ClientError

from spotkiln.aws.errors import aws_errors, code_of
from spotkiln.aws.session import Aws
from spotkiln.bake.own_template import OwnTemplate, require_usable
from spotkiln.errors import InputError
from spotkiln.serve.role import server_user_data

SETTING = "infra.launch_template"


def find_own(aws: Aws, asked: str) -> OwnTemplate | None:
    """`asked` is NAME or NAME:VERSION, where a version may be $Latest or $Default; None for an
    empty one. The version is a number from here on: whatever becomes the default later, this
    release launches by what it has looked at.

    Raises:
        InputError: there is no such template, or no such version of it, or it cannot be used; says
            what there is.
    """
    if not asked:
        return None
    name, _, version = asked.partition(":")
    try:
        answer = aws.ec2.describe_launch_template_versions(
            LaunchTemplateName=name, Versions=[version or "$Default"]
        )
    except ClientError as error:
        if "NotFound" not in code_of(error):
            with aws_errors(f"launch template {asked}"):
                raise
        found = []
    else:
        found = answer["LaunchTemplateVersions"]
    if not found:
        raise InputError(_missing(aws, name, version))
    one = found[0]
    own = OwnTemplate.model_validate(
        {
            "id": one["LaunchTemplateId"],
            "name": name,
            "version": one["VersionNumber"],
            "data": one["LaunchTemplateData"],
        }
    )
    require_usable(own, server_user_data())
    return own


def _missing(aws: Aws, name: str, version: str) -> str:
    with aws_errors("launch templates"):
        pages = aws.ec2.get_paginator("describe_launch_templates").paginate()
        there = {x["LaunchTemplateName"]: x for page in pages for x in page["LaunchTemplates"]}
    if name in there:
        newest = there[name].get("LatestVersionNumber", 0)
        return (
            f"launch template {name!r} has no version {version}: its newest is {newest}; let "
            f"{SETTING} say {name}:{newest}, or {name} for its default"
        )
    others = ", ".join(sorted(one for one in there if not one.startswith("spotkiln-"))[:20])
    return (
        f"no launch template {name!r} in {aws.region}; there are: {others or 'none'}. Create it or "
        f"name another in {SETTING}"
    )
