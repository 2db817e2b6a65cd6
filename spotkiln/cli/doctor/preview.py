"""Checks of a deployment that makes previews: what they are made like, and whether there is a place
for one."""

from pydantic import ValidationError

from spotkiln.aws.keep import preview as previews
from spotkiln.aws.keep import preview_place as place
from spotkiln.aws.session import Aws
from spotkiln.cli.doctor import account
from spotkiln.cli.doctor.check import Check, check
from spotkiln.errors import InputError
from spotkiln.keep.preview import Template
from spotkiln.release.release import ReleaseSpec
from spotkiln.start.deployment import Deployment

# What a branch may be called, to try with.
BRANCH = "feature/example"


def examine(deployment: Deployment, aws: Aws, spec: ReleaseSpec) -> list[Check]:
    about = deployment.name
    named = account.named(about, aws, spec)
    return [
        *named,
        check(about, "rights", lambda: account.rights(aws, spec, previews=True)),
        check(about, "a place for a preview", lambda: room(deployment, aws, spec)),
    ]


def template(deployment: Deployment) -> Template:
    """
    Raises:
        InputError: it is none.
    """
    try:
        return Template.model_validate(deployment.parameters.get("preview") or {})
    except ValidationError as error:
        raise InputError(
            f"not a template of previews: {error}; `spotkiln docs previews` says what "
            "`preview` takes"
        ) from error


def room(deployment: Deployment, aws: Aws, spec: ReleaseSpec) -> str:
    """What a preview would be called, and how many there are.

    Raises:
        InputError: the load balancer has no place for one.
    """
    asked = template(deployment)
    told = place.look(aws, spec.app.name, spec.infra.target_group, asked, BRANCH)
    there = sum(one.app == spec.app.name for one in previews.listing(aws))
    return f"{told}; {there} of {asked.most} are there"
