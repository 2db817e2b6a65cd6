"""Asks IAM whether the one who asks may do what a release does."""

import re
from collections.abc import Iterator

from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.errors import aws_errors
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.errors import SpotkilnError
from spotkiln.release.rights import NEEDED, PREVIEWS, Granted, Names, missing, together

# What concerns no single resource, and the launcher's role, as the tables name them.
ANY, ROLE = "*", "{fleet_role}"
_ASSUMED = re.compile(r"arn:(aws[\w-]*):sts::(\d+):assumed-role/([^/]+)/")


def who(aws: Aws) -> str:
    """The ARN of whoever asks."""
    with aws_errors("who is asking"):
        return aws.sts.get_caller_identity()["Arn"]


def _principal(aws: Aws, arn: str) -> str:
    """Whose policies are asked about: of a session its role, whose path the session's ARN does not
    tell. Empty for the account's root, whom no policy concerns."""
    if arn.endswith(":root"):
        return ""
    assumed = _ASSUMED.match(arn)
    if assumed is None:
        return arn.replace(":sts:", ":iam:")
    with aws_errors(f"role {assumed[3]}"):
        return aws.iam.get_role(RoleName=assumed[3])["Role"]["Arn"]


def _resources(aws: Aws, names: Names) -> dict[str, str]:
    found = aws_infra.target_group(aws, names.target_group)
    return {"region": aws.region, "account": found.account, "target_group": found.arn}


def needed(aws: Aws, names: Names) -> dict[str, list[str]]:
    """Of the launchers that are not asked for only what looks: others' fleets may serve."""
    return together(
        NEEDED,
        PREVIEWS if names.previews else {},
        *(
            one.actions if one.kind is names.launcher else {ANY: one.actions[ANY]}
            for one in launchers(aws).each
        ),
    )


def _role(aws: Aws, name: str) -> str:
    with aws_errors(f"role {name}"):
        return aws.iam.get_role(RoleName=name)["Role"]["Arn"]


def _asked(aws: Aws, principal: str, names: Names) -> Iterator[Granted]:
    """Source: IAM SimulatePrincipalPolicy."""
    resources, every = _resources(aws, names), needed(aws, names)
    if ROLE in every:
        resources["fleet_role"] = _role(aws, names.fleet_role)
    for resource, wanted in every.items():
        with aws_errors("rights"):
            pages = aws.iam.get_paginator("simulate_principal_policy").paginate(
                PolicySourceArn=principal,
                ActionNames=wanted,
                ResourceArns=[resource.format(**resources)],
            )
            for page in pages:
                for one in page["EvaluationResults"]:
                    yield Granted(
                        action=one["EvalActionName"],
                        allowed=one["EvalDecision"] == "allowed",
                        conditional=bool(one.get("MissingContextValues")),
                    )


def simulate(aws: Aws, names: Names) -> tuple[list[str], str]:
    """The actions that are not allowed; or the reason why that could not be asked: the right to ask
    is none that a release needs."""
    try:
        principal = _principal(aws, who(aws))
        if not principal:
            return [], "not simulated: these are the credentials of the account's root"
        return missing(_asked(aws, principal, names)), ""
    except SpotkilnError as error:
        return [], f"not simulated: {error}"
