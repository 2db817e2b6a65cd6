"""The rights that a worker needs, whatever launches its servers, by task.

Each is as narrow as IAM lets it be: by the resource's ARN, by the release's tag on what is there
(`aws:ResourceTag`) or on what is made (`aws:RequestTag`), and by the service that a role is handed
on to (`iam:PassedToService`). What EC2 only describes cannot be narrowed.
"""

from spotkiln import tags as t
from spotkiln.bake.own import BUILDER_PREFIX
from spotkiln.keep.preview import GROUP
from spotkiln.statement import (
    EC2,
    GROUPS,
    IMAGES,
    INSTANCES,
    KEYS,
    NEW,
    OURS,
    SNAPSHOTS,
    SUBNETS,
    VOLUMES,
    Statement,
    new_by,
)

BALANCING = "arn:{partition}:elasticloadbalancing:{region}:{account}"
TARGET_GROUPS = f"{BALANCING}:targetgroup/{{target_groups}}/*"
PREVIEW_GROUPS = f"{BALANCING}:targetgroup/{GROUP}*/*"
LISTENERS, RULES = f"{BALANCING}:listener/app/*/*/*", f"{BALANCING}:listener-rule/app/*/*/*/*"
BUILDER_KEYS = f"{EC2}:key-pair/{BUILDER_PREFIX}*"

# Parts that may be left out.
PREVIEWS, SECRETS, CONFIGURATION = "previews", "build secrets", "configuration"
TRAFFIC, SIGNALS = "traffic", "signals"
ATTRIBUTES, OWN_TEMPLATE = "attributes", "own launch template"
KEYS_OF_DISKS = "keys of disks"
MOUNTS, PRICES, QUOTAS = "file systems", "prices", "quotas"
LOGS, SESSIONS, DOCTOR = "logs", "session manager", "doctor"

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
        resources=(IMAGES, SUBNETS, GROUPS, KEYS, f"{EC2}:network-interface/*"),
    ),
    Statement(
        sid="TagNew",
        task="bake, test, migrate, smoke test, run",
        why="tags come with the creation, and every one of them has the release's",
        actions=("ec2:CreateTags",),
        resources=(INSTANCES, VOLUMES, GROUPS),
        condition=new_by("RunInstances", "CreateSecurityGroup"),
    ),
    Statement(
        sid="PassServerRoles",
        task="bake, test, migrate, smoke test, run, request fleet",
        why="machines get the role in their instance profile, from EC2 alone",
        actions=("iam:PassRole",),
        resources=("{server_roles}",),
        condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
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
        why="Packer's key pairs cannot be tagged; a release chooses their names",
        actions=("ec2:CreateKeyPair", "ec2:DeleteKeyPair"),
        resources=(BUILDER_KEYS,),
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

PARTS = (
    Statement(
        sid="Previews",
        task="previews",
        why="a branch's target group, by the beginning of its name",
        actions=(
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:CreateTargetGroup",
            "elasticloadbalancing:DeleteTargetGroup",
            "elasticloadbalancing:DeregisterTargets",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
            "elasticloadbalancing:RemoveTags",
        ),
        resources=(PREVIEW_GROUPS,),
        part=PREVIEWS,
    ),
    Statement(
        sid="PreviewRules",
        task="previews",
        why="a rule for the branch's host name, at the load balancer's listener",
        actions=("elasticloadbalancing:CreateRule",),
        resources=(LISTENERS,),
        part=PREVIEWS,
    ),
    Statement(
        sid="TagPreviewRules",
        task="previews",
        why="the rule says whose it is",
        actions=("elasticloadbalancing:AddTags",),
        resources=(RULES,),
        condition={"StringEquals": {"elasticloadbalancing:CreateAction": "CreateRule"}},
        part=PREVIEWS,
    ),
    Statement(
        sid="EndPreviewRules",
        task="previews",
        why="the rule goes with its branch",
        actions=("elasticloadbalancing:DeleteRule",),
        resources=(RULES,),
        condition=OURS,
        part=PREVIEWS,
    ),
    Statement(
        sid="SecondGroup",
        task="traffic in steps",
        why="a second target group, made like the first",
        actions=(
            "elasticloadbalancing:CreateTargetGroup",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
        ),
        resources=(TARGET_GROUPS,),
        part=TRAFFIC,
    ),
    Statement(
        sid="ShareTraffic",
        task="traffic in steps",
        why="a rule, or a listener's own, says how many requests each target group gets",
        actions=("elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyRule"),
        resources=(LISTENERS, RULES),
        part=TRAFFIC,
    ),
    Statement(
        sid="LookAtSignals",
        task="traffic in steps or batches",
        why="alarms, and what target groups answer",
        actions=("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData"),
        part=SIGNALS,
    ),
    Statement(
        sid="BuildParameters",
        task="bake, with build.secrets",
        why="their values, while an image is made",
        actions=("ssm:GetParameter",),
        resources=("{build_parameters}",),
        part=SECRETS,
    ),
    Statement(
        sid="BuildSecrets",
        task="bake, with build.secrets",
        why="their values, while an image is made",
        actions=("secretsmanager:GetSecretValue",),
        resources=("{build_secrets}",),
        part=SECRETS,
    ),
    Statement(
        sid="LookAtParameters",
        task="look up a configuration",
        why="names and versions, never a value",
        actions=("ssm:DescribeParameters",),
        part=CONFIGURATION,
    ),
    Statement(
        sid="LookAtSecrets",
        task="look up a configuration",
        why="versions, never a value",
        actions=("secretsmanager:DescribeSecret",),
        resources=("arn:{partition}:secretsmanager:{region}:{account}:secret:*",),
        part=CONFIGURATION,
    ),
    Statement(
        sid="LookAtFileSystems",
        task="look up file systems",
        why="those that a deployment names in infra.mounts",
        actions=("elasticfilesystem:DescribeFileSystems",),
        part=MOUNTS,
    ),
    Statement(
        sid="LookAtMountTargets",
        task="look up file systems",
        why="whether servers reach them",
        actions=(
            "elasticfilesystem:DescribeMountTargetSecurityGroups",
            "elasticfilesystem:DescribeMountTargets",
        ),
        resources=("arn:{partition}:elasticfilesystem:{region}:{account}:file-system/*",),
        part=MOUNTS,
    ),
    Statement(
        sid="LookAtOwnTemplate",
        task="look up infrastructure, with infra.launch_template",
        why="what of it servers get",
        actions=("ec2:DescribeLaunchTemplateVersions",),
        part=OWN_TEMPLATE,
    ),
    Statement(
        sid="DefaultKey",
        task="look up infrastructure, with disks that are encrypted",
        why="the account's default key of disks",
        actions=("ec2:GetEbsDefaultKmsKeyId",),
        part=KEYS_OF_DISKS,
    ),
    Statement(
        sid="LookAtKeys",
        task="look up infrastructure, with disks that are encrypted",
        why="whether servers may be launched with a key; without it that is not checked",
        actions=("kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListGrants"),
        resources=("arn:{partition}:kms:{region}:{account}:key/*",),
        part=KEYS_OF_DISKS,
    ),
    Statement(
        sid="FindTypes",
        task="look up infrastructure, with fleet.attributes",
        why="which types have what servers must have",
        actions=("ec2:GetInstanceTypesFromInstanceRequirements",),
        part=ATTRIBUTES,
    ),
    Statement(
        sid="Prices",
        task="look up prices",
        why="without it a price is “unknown”, and nothing else changes",
        actions=("ec2:DescribeSpotPriceHistory", "pricing:GetProducts"),
        part=PRICES,
    ),
    Statement(
        sid="Quotas",
        task="check quotas",
        why="without it they are not checked, and the log says so",
        actions=("servicequotas:GetAWSDefaultServiceQuota", "servicequotas:GetServiceQuota"),
        part=QUOTAS,
    ),
    Statement(
        sid="ReadLogs",
        task="`spotkiln logs NAME`",
        why="what servers have written, those that are gone as well",
        actions=("logs:DescribeLogStreams", "logs:FilterLogEvents"),
        resources=("arn:{partition}:logs:{region}:{account}:log-group:*",),
        part=LOGS,
    ),
    Statement(
        sid="Sessions",
        task="`spotkiln ssh NAME` with Session Manager",
        why="a shell on a server of ours",
        actions=("ssm:StartSession",),
        resources=(INSTANCES,),
        condition={"StringLike": {f"ssm:resourceTag/{t.RELEASE}": "?*"}},
        part=SESSIONS,
    ),
    Statement(
        sid="SessionDocuments",
        task="`spotkiln ssh NAME` with Session Manager",
        why="how the shell is reached",
        actions=("ssm:StartSession",),
        resources=("arn:{partition}:ssm:{region}::document/AWS-StartSSHSession",),
        part=SESSIONS,
    ),
    Statement(
        sid="Doctor",
        task="`spotkiln doctor`: rights",
        why="without it they are not simulated, and it says so",
        actions=("iam:GetRole", "iam:SimulatePrincipalPolicy"),
        resources=("{workers}",),
        part=DOCTOR,
    ),
)

WORKER = (*LOOK, *TARGETS, *LAUNCH, *BAKE, *CHANGE, *PARTS)

# What the servers' own role needs; the names in braces are its deployment's.
SERVER = (
    Statement(
        sid="Leave",
        task="a Spot interruption",
        why="a server leaves its target group before EC2 takes it back",
        actions=("elasticloadbalancing:DeregisterTargets",),
        resources=(TARGET_GROUPS,),
    ),
    Statement(
        sid="LookAtTargets",
        task="a Spot interruption, what runs on one server only",
        why="whether the load balancer has let go, and which server is the first",
        actions=("elasticloadbalancing:DescribeTargetHealth",),
    ),
    Statement(
        sid="ReadParameters",
        task="start",
        why="the deployment's configuration, and no other's",
        actions=("ssm:GetParametersByPath",),
        resources=("{parameters}",),
        part=CONFIGURATION,
    ),
    Statement(
        sid="ReadSecrets",
        task="start",
        why="the deployment's secrets, and no other's",
        actions=("secretsmanager:GetSecretValue",),
        resources=("{secrets}",),
        part=CONFIGURATION,
    ),
    Statement(
        sid="WriteLogs",
        task="logs",
        why="the servers' journal, to be there when they are gone",
        actions=(
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "logs:PutRetentionPolicy",
        ),
        resources=("{log_groups}",),
        part=LOGS,
    ),
)
