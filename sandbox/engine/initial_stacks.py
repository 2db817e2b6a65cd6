"""The stacks that the account has at the start, one a target group, made by the template that
`spotkiln account template` prints. The sandbox does not import the product: a test compares the
two."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from moto.cloudformation.models import cloudformation_backends

from sandbox.state.account import Account
from sandbox.state.records import ACCOUNT_ID

TEMPLATE = Path(__file__).parent / "account.template.yaml"
FLEET_ROLE = "aws-ec2-spot-fleet-tagging-role"
# Asked for by the first stack alone: an account has them once.
_ONCE = {
    "Worker": "yes",
    # Tests take the worker's role as the account's owner: there is no machine that has it.
    "WorkerTrust": f"arn:aws:iam::{ACCOUNT_ID}:root",
    "FleetRoleName": FLEET_ROLE,
    "NewFleetRole": "yes",
    "SpotRole": "yes",
    "SpotFleetRole": "yes",
    "Ec2FleetRole": "yes",
    "ScalingRole": "yes",
}


def make_stack(account: Account, parameters: Mapping[str, str], *, first: bool) -> None:
    """With the worker's role and the others that an account has once, if it is the first. Its name
    is that of its target group. The caller holds the account's lock.

    Raises:
        RuntimeError: something of the template was not made.
    """
    backend: Any = cloudformation_backends[ACCOUNT_ID][account.region]
    name = parameters["Name"]
    asked = {**(_ONCE if first else {"Worker": "no"}), **parameters}
    stack = backend.create_stack(name=f"sandbox-{name}", template=_text(), parameters=asked)
    if stack.status != "CREATE_COMPLETE":
        raise RuntimeError(f"stack sandbox-{name}: {stack.status}")


@cache
def _text() -> str:
    return TEMPLATE.read_text()
