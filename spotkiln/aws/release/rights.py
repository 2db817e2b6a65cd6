"""Asks IAM whether the one who asks may do what a release does."""

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

from spotkiln.aws.bake import infra as aws_infra
from spotkiln.aws.errors import aws_errors
from spotkiln.aws.serve.launchers import LAUNCHERS, launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.infra_names import InfraNames
from spotkiln.errors import SpotkilnError
from spotkiln.release.optional_statements import LOGS
from spotkiln.release.parts import build_secrets
from spotkiln.release.questions import Question, questions
from spotkiln.release.rights import Granted, Names, missing, together
from spotkiln.release.server_statements import SERVER
from spotkiln.release.statements import WORKER
from spotkiln.statement import Fill, Statement

# A group that somebody else has made is written without these.
OF_A_NEW_GROUP = ("logs:CreateLogGroup", "logs:PutRetentionPolicy")
# Questions that IAM is asked side by side.
AT_ONCE = 8
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


def every() -> list[Statement]:
    """All rights of a worker, whatever it launches with, with all that may be left out."""
    return together(WORKER, *(one.statements for one in LAUNCHERS))


def needed(aws: Aws, names: Names) -> list[Statement]:
    """Of the launchers that are not asked for only what looks: others' fleets may serve."""
    launching = (
        one.statements if one.kind is names.launcher else [x for x in one.statements if x.looks]
        for one in launchers(aws).each
    )
    parts = {"", *names.parts}
    return [one for one in together(WORKER, *launching) if one.part in parts]


def _fill(aws: Aws, names: Names) -> Fill:
    found = aws_infra.target_group(aws, names.target_group)
    launcher = next(one for one in launchers(aws).each if one.kind is names.launcher)
    role = launcher.role(InfraNames(fleet_role=names.fleet_role))
    partition = found.arn.split(":")[1]
    return {
        **build_secrets(names.build_secrets, partition, aws.region, found.account),
        "partition": (partition,),
        "region": (aws.region,),
        "account": (found.account,),
        "target_groups": names.target_groups,
        "disk_keys": names.disk_keys,
        "log_groups": (_log_group(partition, aws.region, found.account, names.log_group),)
        if names.log_group
        else (),
        "fleet_role": (role,) if role else (),
        "server_roles": _roles_in(aws, names.instance_profile),
    }


def _log_group(partition: str, region: str, account: str, name: str) -> str:
    """A stream of it, by which IAM judges what is written."""
    return f"arn:{partition}:logs:{region}:{account}:log-group:{name}:log-stream:any"


def _roles_in(aws: Aws, profile: str) -> tuple[str, ...]:
    if not profile:
        return ()
    with aws_errors(f"instance profile {profile}"):
        found = aws.iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]
    return tuple(role["Arn"] for role in found["Roles"])


def _asked(
    aws: Aws, principal: str, statements: Iterable[Statement], fill: Fill
) -> Iterator[Granted]:
    """Some at a time: there are about a hundred."""
    ask = partial(_ask, aws, principal)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for answers in pool.map(ask, questions(statements, fill)):
            yield from answers


@cache
def _ask(aws: Aws, principal: str, question: Question) -> tuple[Granted, ...]:
    """Source: IAM SimulatePrincipalPolicy. Deployments of one account ask much of it again."""
    told: Any = [
        {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": kind}
        for key, value, kind in question.told
    ]
    with aws_errors("rights"):
        pages = aws.iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=principal,
            ActionNames=[question.action],
            ResourceArns=question.resources,
            ContextEntries=told,
        )
        return tuple(
            Granted(
                action=one["EvalActionName"],
                allowed=one["EvalDecision"] == "allowed",
                conditional=bool(one.get("MissingContextValues")),
            )
            for page in pages
            for one in page["EvaluationResults"]
        )


def simulate(aws: Aws, names: Names, whose: str = "") -> tuple[list[str], str]:
    """The actions that are not allowed to whoever asks, or to the role `whose` (ARN); or the reason
    why that could not be asked: the right to ask is none that a release needs."""
    try:
        principal = whose or _principal(aws, who(aws))
        if not principal:
            return [], "not simulated: these are the credentials of the account's root"
        fill = _fill(aws, names)
        others = [role for one in names.other_profiles for role in _roles_in(aws, one)]
        handed_on = tuple(dict.fromkeys([*fill["server_roles"], *others]))
        fill = {**fill, "server_roles": handed_on}
        return missing(_asked(aws, principal, needed(aws, names), fill)), ""
    except SpotkilnError as error:
        return [], f"not simulated: {error}"


def simulate_servers(aws: Aws, names: Names) -> tuple[list[str], str]:
    """The same of the role in the servers' instance profile: what every server needs, in each
    target group that it is in, and to write its log group, if there is one."""
    parts = {"", LOGS} if names.log_group else {""}
    needs = [one for one in SERVER if one.part in parts]
    try:
        fill = _fill(aws, names)
        asked = [_asked(aws, role, needs, fill) for role in fill["server_roles"]]
        lacking = missing(one for each in asked for one in each)
        return [one for one in lacking if one not in OF_A_NEW_GROUP], ""
    except SpotkilnError as error:
        return [], f"not simulated: {error}"


def simulate_role(aws: Aws, names: Names) -> tuple[list[str], str]:
    """The same of the role that the launcher launches with, if it is one that needs a role."""
    try:
        launcher = next(one for one in launchers(aws).each if one.kind is names.launcher)
        if not launcher.role_statements:
            return [], f"none: {launcher.name} has its own"
        fill = _fill(aws, names)
        (role,) = fill["fleet_role"]
        return missing(_asked(aws, role, launcher.role_statements, fill)), ""
    except SpotkilnError as error:
        return [], f"not simulated: {error}"
