"""The stacks that the account has at the start, one a target group, made by the template that
`spotkiln account template` prints. The sandbox does not import the product: a test compares the
two."""

from functools import cache
from pathlib import Path
from typing import Any

from moto.cloudformation.models import cloudformation_backends

from sandbox.engine.account_settings import GroupSettings
from sandbox.engine.initial_settings import APP
from sandbox.state.account import Account
from sandbox.state.records import ACCOUNT_ID

TEMPLATE = Path(__file__).parent / "account.template.yaml"
# What the first stack is asked for: the account has these roles once, and the settings of the demo.
_FIRST = {
    # Tests take the worker's role as the account's owner: there is no machine that has it.
    "WorkerTrust": f"arn:aws:iam::{ACCOUNT_ID}:root",
    "SpotRole": "yes",
    "SpotFleetRole": "yes",
    "Ec2FleetRole": "yes",
    "ScalingRole": "yes",
    "ParameterPath": f"/{APP}/production",
    "SecretPath": f"{APP}/production",
}
_FURTHER = {"Worker": "no"}


def make_stack(
    account: Account, settings: GroupSettings, subnets: list[str], *, first: bool
) -> None:
    """Of one target group, whose name is in the stack's. The caller holds the account's lock."""
    backend: Any = cloudformation_backends[ACCOUNT_ID][account.region]
    asked = {
        "Name": settings.name,
        "Port": str(settings.port),
        "HealthPath": settings.path,
        "HealthPort": str(settings.health_port or "traffic-port"),
        "Vpc": account.ec2.default_vpc.id,
        "Subnets": ",".join(subnets),
        **(_FIRST if first else _FURTHER),
        **settings.stack,
    }
    backend.create_stack(name=f"sandbox-{settings.name}", template=_text(), parameters=asked)


@cache
def _text() -> str:
    return TEMPLATE.read_text()
