"""Which of AWS's actions a release, a rollback, reconcile and previews need, and on what.

What may be missing without harm (prices, quotas, the ledger) is not here, nor what is asked for as
a dry run before each release. What launching needs its launcher says (`Launcher.actions`).
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from spotkiln.noun import Noun
from spotkiln.serve.spec import LauncherKind


class Names(Noun):
    """What a deployment names that rights can be narrowed to."""

    fleet_role: str
    target_group: str
    launcher: LauncherKind = LauncherKind.FLEET
    previews: bool = False


class Granted(NamedTuple):
    """IAM's answer for one action. `conditional`: it depends on a condition that a simulation
    cannot know."""

    action: str
    allowed: bool
    conditional: bool


# Each as wide as it can be narrowed: `{region}` and the others are filled in.
_EC2 = "arn:aws:ec2:{region}:{account}"
NEEDED: Mapping[str, tuple[str, ...]] = {
    "*": (
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeTargetHealth",
        "elasticloadbalancing:DescribeTags",
        "ec2:DescribeImages",
        "ec2:DescribeInstances",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeInstanceStatus",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeKeyPairs",
        "ec2:DescribeSnapshots",
        "ec2:DescribeSubnets",
        "ec2:DescribeTags",
        "ec2:DescribeVolumes",
        "ec2:DescribeVpcs",
        "iam:GetInstanceProfile",
    ),
    "{target_group}": (
        "elasticloadbalancing:AddTags",
        "elasticloadbalancing:RemoveTags",
        "elasticloadbalancing:DeregisterTargets",
    ),
    _EC2 + ":instance/*": (
        "ec2:StopInstances",
        "ec2:TerminateInstances",
        "ec2:CreateImage",
        "ec2:CreateTags",
        "ec2:GetConsoleOutput",
    ),
    "arn:aws:ec2:{region}::image/*": (
        "ec2:ModifyImageAttribute",
        "ec2:DeregisterImage",
        "ec2:DeleteTags",
    ),
    "arn:aws:ec2:{region}::snapshot/*": ("ec2:DeleteSnapshot",),
    _EC2 + ":key-pair/*": ("ec2:CreateKeyPair", "ec2:DeleteKeyPair"),
    _EC2 + ":security-group/*": (
        "ec2:CreateSecurityGroup",
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:DeleteSecurityGroup",
    ),
}
# What previews need beside that. Rules are made at the load balancer's listeners.
_ELB = "arn:aws:elasticloadbalancing:{region}:{account}"
PREVIEWS: Mapping[str, tuple[str, ...]] = {
    "*": ("elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeRules"),
    _ELB + ":targetgroup/preview-*/*": (
        "elasticloadbalancing:CreateTargetGroup",
        "elasticloadbalancing:ModifyTargetGroupAttributes",
        "elasticloadbalancing:DeleteTargetGroup",
        "elasticloadbalancing:AddTags",
        "elasticloadbalancing:RemoveTags",
        "elasticloadbalancing:DeregisterTargets",
    ),
    _ELB + ":listener/*": ("elasticloadbalancing:CreateRule",),
    _ELB + ":listener-rule/*": ("elasticloadbalancing:DeleteRule",),
}


def together(*needed: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """All of these, by resource, each once: two launchers may need the same."""
    found: dict[str, dict[str, None]] = {}
    for one in needed:
        for resource, actions in one.items():
            found.setdefault(resource, {}).update(dict.fromkeys(actions))
    return {resource: list(actions) for resource, actions in found.items()}


def missing(granted: Iterable[Granted]) -> list[str]:
    """Those that are not allowed, whatever the circumstances."""
    return sorted({one.action for one in granted if not (one.allowed or one.conditional)})
