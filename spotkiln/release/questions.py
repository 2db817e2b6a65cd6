"""What IAM is asked about a right: one action at a time, on what that action is about.

IAM judges each action on each resource that it is told of. It refuses to judge some actions
together, and an action on another type of resource than its own is never allowed.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from spotkiln.statement import Fill, Statement

_TAGGABLE = (
    *("image", "instance", "key-pair", "launch-template", "network-interface", "security-group"),
    *("snapshot", "spot-instances-request", "volume"),
)
# The types of resources of the actions in statements that name several, as they stand in ARNs.
# Source: AWS's Service Authorization Reference.
TAKES = {
    "ec2:AuthorizeSecurityGroupIngress": ("security-group",),
    "ec2:CreateImage": ("image", "instance", "snapshot"),
    "ec2:CreateTags": _TAGGABLE,
    "ec2:DeleteSecurityGroup": ("security-group",),
    "ec2:DeleteSnapshot": ("snapshot",),
    "ec2:DeleteTags": _TAGGABLE,
    "ec2:DeregisterImage": ("image",),
    "ec2:GetConsoleOutput": ("instance",),
    "ec2:ModifyImageAttribute": ("image",),
    "ec2:StopInstances": ("instance",),
    "ec2:TerminateInstances": ("instance",),
    "elasticloadbalancing:ModifyListener": ("listener",),
    "elasticloadbalancing:ModifyRule": ("listener-rule",),
}
# Behind an account's number: all that EC2 has.
_ALL = ":*/*"


class Told(NamedTuple):
    """Of the request: a key of its conditions, a value, and IAM's word for its type."""

    key: str
    value: str
    type: str


class Question(NamedTuple):
    """Whether one action is allowed on each of these resources (ARNs)."""

    action: str
    resources: tuple[str, ...]
    told: tuple[Told, ...]


def questions(statements: Iterable[Statement], fill: Fill) -> list[Question]:
    """Each once. What has no resource there is not asked about."""
    return list(dict.fromkeys(_questions(statements, fill)))


def _questions(statements: Iterable[Statement], fill: Fill) -> Iterator[Question]:
    for one in statements:
        arns, told = one.filled(fill), asked_of(one, fill)
        for action in one.actions:
            if fitting := about(action, arns):
                yield Question(action, tuple(fitting), told)


def about(action: str, arns: Iterable[str]) -> list[str]:
    """Those that the action is about."""
    takes, found = TAKES.get(action), list[str]()
    if takes is None:
        return list(arns)
    named = [one for one in arns if not one.endswith(_ALL)]
    own = {_type(one) for one in named}
    found = [one for one in named if _type(one) in takes]
    for every in (one for one in arns if one.endswith(_ALL)):
        found += [f"{every.removesuffix('*/*')}{kind}/*" for kind in takes if kind not in own]
    return found


def _type(arn: str) -> str:
    return arn.rpartition(":")[2].partition("/")[0]


def asked_of(statement: Statement, fill: Fill) -> tuple[Told, ...]:
    """What a simulation is told of the request, so that the condition holds. Of what IAM compares
    with the session itself nothing: it then says that it depends on that."""
    found = []
    for operator, keys in statement.filled_condition(fill).items():
        kind = "boolean" if operator == "Bool" else "string"
        for key, wanted in keys.items():
            value = wanted if isinstance(wanted, str) else wanted[0]
            if not value.startswith("${"):
                found.append(Told(key, value.replace("?*", "any"), kind))
    return tuple(found)
