"""The worker's role in the sandbox's account, with the rights that it has on an account of one's
own: what a release may not do there it may not do here."""

import json
from collections.abc import Mapping

from rehearsal.account import client
from sandbox.client import Sandbox
from spotkiln.account.parameters import PARAMETERS
from spotkiln.account.roles import FILL
from spotkiln.aws.release.rights import every
from spotkiln.statement import Fill, policies

WORKER = "worker"
ACCOUNT = "123456789012"
# The account's template says so, unless somebody names those that the worker may release to.
EVERY = (PARAMETERS["TargetGroups"]["Default"],)


def _trust(box: Sandbox) -> dict[str, object]:
    return {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{box.account_id}:root"},
    }


def fill(region: str, account: str = ACCOUNT, **more: tuple[str, ...]) -> Fill:
    """What the rights' names stand for in the sandbox's account: as in the account's template, but
    for what has other names here."""
    role = f"arn:aws:iam::{account}:role/"
    words = {"Partition": "aws", "Region": region, "AccountId": account}
    return {
        **{name: tuple(_said(one, words) for one in values) for name, values in FILL.items()},
        "target_groups": ("website", "website-green"),
        "fleet_role": (f"{role}aws-ec2-spot-fleet-tagging-role",),
        "server_roles": tuple(role + x for x in ("website", "website-staging", "image-test")),
        "disk_keys": (f"arn:aws:kms:{region}:{account}:key/*",),
        "workers": (role + WORKER,),
        **more,
    }


def _said(text: str, words: Mapping[str, str]) -> str:
    for name, value in words.items():
        text = text.replace(f"${{AWS::{name}}}", value)
    return text


def as_worker(box: Sandbox, target_groups: tuple[str, ...] = EVERY) -> Mapping[str, str]:
    """The sandbox's variables, with the worker's rights instead of the owner's."""
    return in_role(box, _put_worker(box, target_groups))


def in_role(box: Sandbox, role: str) -> Mapping[str, str]:
    """The sandbox's variables, with the rights of this role (ARN) alone."""
    return box.environment_of(_session(box, role))


def entering(box: Sandbox, external_id: str) -> Mapping[str, str]:
    """The sandbox's variables, and those of a deployment whose account is entered by the worker's
    role, which lets in only who says the external id."""
    arn = _put_worker(box, EVERY)
    says = {"Condition": {"StringEquals": {"sts:ExternalId": external_id}}}
    trust = {"Version": "2012-10-17", "Statement": [{**_trust(box), **says}]}
    client(box, "iam").update_assume_role_policy(RoleName=WORKER, PolicyDocument=json.dumps(trust))
    return {
        **box.environment_of({}),
        "SPOTKILN_ROLE_ARN": arn,
        "SPOTKILN_EXTERNAL_ID": external_id,
    }


def _put_worker(box: Sandbox, target_groups: tuple[str, ...]) -> str:
    """Make the role, or give the one that is there these rights; its ARN."""
    iam = client(box, "iam")
    known = {one["RoleName"]: str(one["Arn"]) for one in iam.list_roles()["Roles"]}
    if WORKER not in known:
        trust = json.dumps({"Version": "2012-10-17", "Statement": [_trust(box)]})
        made = iam.create_role(RoleName=WORKER, AssumeRolePolicyDocument=trust)
        known[WORKER] = str(made["Role"]["Arn"])
    region = box.environment["AWS_DEFAULT_REGION"]
    wanted = policies(every(), fill(region, box.account_id, target_groups=target_groups))
    for number, document in enumerate(wanted, start=1):
        iam.put_role_policy(
            RoleName=WORKER, PolicyName=f"worker-{number}", PolicyDocument=json.dumps(document)
        )
    return known[WORKER]


def _session(box: Sandbox, role: str) -> dict[str, str]:
    """Variables with which a process calls AWS in this role, with its rights alone."""
    sts = client(box, "sts")
    given = sts.assume_role(RoleArn=role, RoleSessionName="worker")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }
