"""The worker's role in the sandbox's account, as the account's template has made it: what a release
may not do on an account of one's own it may not do here."""

from collections.abc import Mapping

from rehearsal.account import client
from sandbox.client import Sandbox
from spotkiln.account.roles import WORKER


def as_worker(box: Sandbox) -> Mapping[str, str]:
    """The sandbox's variables, with the worker's rights instead of the owner's."""
    return in_role(box, _arn(box))


def in_role(box: Sandbox, role: str) -> Mapping[str, str]:
    """The sandbox's variables, with the rights of this role (ARN) alone."""
    return box.environment_of(_session(box, role))


def entering(box: Sandbox, external_id: str) -> Mapping[str, str]:
    """The sandbox's variables, and those of a deployment whose account is entered by the worker's
    role, which lets in only who says the external id: its stack has it (WorkerExternalId)."""
    return {
        **box.environment_of({}),
        "SPOTKILN_ROLE_ARN": _arn(box),
        "SPOTKILN_EXTERNAL_ID": external_id,
    }


def _arn(box: Sandbox) -> str:
    return f"arn:aws:iam::{box.account_id}:role/{WORKER}"


def _session(box: Sandbox, role: str) -> dict[str, str]:
    """Variables with which a process calls AWS in this role, with its rights alone."""
    sts = client(box, "sts")
    given = sts.assume_role(RoleArn=role, RoleSessionName="worker")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }
