"""The rights that a worker needs, whatever launches its servers, by task.

Each is as narrow as IAM lets it be: by the resource's ARN, by the release's tag on what is there
(`aws:ResourceTag`) or on what is made (`aws:RequestTag`), and by the service that a role is handed
on to (`iam:PassedToService`). What EC2 only describes cannot be narrowed.
"""

from spotkiln.bake.own import BUILDER_PREFIX
from spotkiln.release.optional_statements import OPTIONAL
from spotkiln.release.spot_statements import SPOT
from spotkiln.statement import (
    EC2,
    GROUPS,
    IMAGES,
    INSTANCES,
    INTERFACES,
    KEYS,
    NEW,
    OURS,
    SNAPSHOTS,
    SUBNETS,
    TARGET_GROUPS,
    VOLUMES,
    Statement,
    handed_to,
    new_by,
)

BUILDER_KEYS = f"{EC2}:key-pair/{BUILDER_PREFIX}*"

LOOK = (
    Statement(
        sid="Look",
        task="all",
        why="finds what is named, and what is ours by its tags; AWS narrows none of it",
        actions=(
            "autoscaling:DescribeAutoScalingGroups",
            "ec2:DescribeImages",
            "ec2:DescribeInstanceTypes",
            "ec2:DescribeInstances",
            "ec2:DescribeKeyPairs",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSnapshots",
            "ec2:DescribeSubnets",
            "ec2:DescribeVolumes",
            "ec2:DescribeVpcs",
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeRules",
            "elasticloadbalancing:DescribeTags",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
        ),
    ),
    Statement(
        sid="PackerLooks",
        task="bake, test, migrate, smoke test, run",
        why="Packer asks whether the region is there; others than 1.6.6 may ask how a builder is",
        actions=("ec2:DescribeInstanceStatus", "ec2:DescribeRegions", "ec2:DescribeTags"),
    ),
    Statement(
        sid="LookAtRoles",
        task="look up infrastructure",
        why="the instance profiles that it names, and the roles in them",
        actions=("iam:GetInstanceProfile",),
        resources=("arn:{partition}:iam::{account}:instance-profile/*",),
    ),
)

TARGETS = (
    Statement(
        sid="Lease",
        task="wait for the turn, take down",
        why="a lease, a takedown, or what weights were before is a tag on the target group",
        actions=("elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"),
        resources=(TARGET_GROUPS,),
    ),
    Statement(
        sid="Drain",
        task="retire, cancel",
        why="old servers finish their requests before they end",
        actions=("elasticloadbalancing:DeregisterTargets",),
        resources=(TARGET_GROUPS,),
    ),
)

LAUNCH = (
    Statement(
        sid="Launch",
        task="bake, test, migrate, smoke test, run; dry runs",
        why="a machine of ours, with its disk, carries its release's tag from the start",
        actions=("ec2:RunInstances",),
        resources=(INSTANCES, VOLUMES),
        condition=NEW,
    ),
    Statement(
        sid="LaunchWith",
        task="bake, test, migrate, smoke test, run; dry runs",
        why="what a machine is launched from and into",
        actions=("ec2:RunInstances",),
        resources=(IMAGES, SUBNETS, GROUPS, KEYS, INTERFACES),
    ),
    Statement(
        sid="TagNew",
        task="bake, test, migrate, smoke test, run",
        why="tags come with the creation, and every one of them has the release's; a newer Packer "
        "than 1.6.6 tags network interfaces, too",
        actions=("ec2:CreateTags",),
        resources=(INSTANCES, VOLUMES, GROUPS, INTERFACES),
        condition=new_by("RunInstances", "CreateSecurityGroup"),
    ),
    Statement(
        sid="PassServerRoles",
        task="bake, test, migrate, smoke test, run, request fleet",
        why="machines get the role in their instance profile, from EC2 alone",
        actions=("iam:PassRole",),
        resources=("{server_roles}",),
        condition=handed_to("ec2"),
    ),
)

BAKE = (
    Statement(
        sid="TagImages",
        task="bake",
        why="EC2 makes an image without tags; Packer then gives it the release's",
        actions=("ec2:CreateTags",),
        resources=(IMAGES, SNAPSHOTS),
        condition=NEW,
    ),
    Statement(
        sid="OpenBuilder",
        task="bake",
        why="a security group of its own for each release's builders",
        actions=("ec2:CreateSecurityGroup",),
        resources=(GROUPS,),
        condition=NEW,
    ),
    Statement(
        sid="OpenBuilderIn",
        task="bake",
        why="the network that it is made in",
        actions=("ec2:CreateSecurityGroup",),
        resources=(f"{EC2}:vpc/*",),
    ),
    Statement(
        sid="BuilderKeys",
        task="bake",
        why="Packer 1.6.6 does not tag its key pairs; a release chooses their names",
        actions=("ec2:CreateKeyPair", "ec2:DeleteKeyPair"),
        resources=(BUILDER_KEYS,),
    ),
    Statement(
        sid="TagBuilderKeys",
        task="bake",
        why="a newer Packer tags them when it makes them",
        actions=("ec2:CreateTags",),
        resources=(BUILDER_KEYS,),
        condition=new_by("CreateKeyPair"),
    ),
    Statement(
        sid="MakeImage",
        task="bake",
        why="the image and its snapshot: they have no tags yet",
        actions=("ec2:CreateImage",),
        resources=(IMAGES, SNAPSHOTS),
    ),
)

CHANGE = (
    Statement(
        sid="Ours",
        task="bake, retire, cancel, reconcile",
        why="what carries a release's tag is ours to end",
        actions=(
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:CreateImage",
            "ec2:DeleteSecurityGroup",
            "ec2:DeleteSnapshot",
            "ec2:DeregisterImage",
            "ec2:GetConsoleOutput",
            "ec2:ModifyImageAttribute",
            "ec2:StopInstances",
            "ec2:TerminateInstances",
        ),
        resources=(f"{EC2}:*/*", IMAGES, SNAPSHOTS),
        condition=OURS,
    ),
    Statement(
        sid="TagOurs",
        task="promote, prune, reconcile",
        why="the phase of a fleet, what an image has served, since when a server is unhealthy",
        actions=("ec2:CreateTags", "ec2:DeleteTags"),
        resources=(f"{EC2}:*/*", IMAGES, SNAPSHOTS),
        condition=OURS,
    ),
)

WORKER = (*LOOK, *TARGETS, *LAUNCH, *BAKE, *SPOT, *CHANGE, *OPTIONAL)
