"""The rights for parts of the product that may be left out, by part; see statements.py."""

from spotkiln import tags as t
from spotkiln.keep.preview import GROUP
from spotkiln.release.key_statements import LOOK_AT_KEYS, USE_KEYS
from spotkiln.statement import (
    BALANCING,
    IMAGES,
    INSTANCES,
    NEW,
    OURS,
    SNAPSHOTS,
    TARGET_GROUPS,
    Statement,
)

PREVIEW_GROUPS = f"{BALANCING}:targetgroup/{GROUP}*/*"
LISTENERS, RULES = f"{BALANCING}:listener/app/*/*/*", f"{BALANCING}:listener-rule/app/*/*/*/*"

# By their ids: of a copy that is still to be made AWS judges `image/*` and `snapshot/*` by name.
ORIGINALS = (
    "arn:{partition}:ec2:*::image/ami-*",
    "arn:{partition}:ec2:*::snapshot/snap-*",
)

# Parts that may be left out.
PREVIEWS, SECRETS, CONFIGURATION = "previews", "build secrets", "configuration"
TRAFFIC, SIGNALS = "traffic", "signals"
ATTRIBUTES, OWN_TEMPLATE = "attributes", "own launch template"
MOUNTS, PRICES, QUOTAS = "file systems", "prices", "quotas"
DEPRECATION, SHARING, COPIES = "deprecation", "sharing", "copies"
LOGS, SESSIONS, DOCTOR = "logs", "session manager", "doctor"

OPTIONAL = (
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
        sid="DateImages",
        task="promote, prune; with images.deprecate_after_days",
        why="when an image that serves no longer is deprecated; one that serves again is not",
        actions=("ec2:DisableImageDeprecation", "ec2:EnableImageDeprecation"),
        resources=(IMAGES,),
        condition=OURS,
        part=DEPRECATION,
    ),
    Statement(
        sid="ShareSnapshots",
        task="promote, prune; with images.share_with",
        why="another account may use an image only with its snapshots",
        actions=("ec2:ModifySnapshotAttribute",),
        resources=(SNAPSHOTS,),
        condition=OURS,
        part=SHARING,
    ),
    Statement(
        sid="CopyFrom",
        task="copy image; with images.take_from",
        why="the original, of another region or account; what is made of it has no id yet",
        actions=("ec2:CopyImage",),
        resources=ORIGINALS,
        part=COPIES,
    ),
    Statement(
        sid="CopyImages",
        task="copy image; with images.take_from",
        why="what was released elsewhere; the copy carries the release's tag from the start",
        actions=("ec2:CopyImage",),
        resources=(IMAGES, SNAPSHOTS),
        condition=NEW,
        part=COPIES,
    ),
    *LOOK_AT_KEYS,
    *USE_KEYS,
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
        task="`spotkiln ssh NAME` and builders with Session Manager",
        why="a shell on a server of ours, and Packer's way to its builder",
        actions=("ssm:StartSession",),
        resources=(INSTANCES,),
        condition={"StringLike": {f"ssm:resourceTag/{t.RELEASE}": "?*"}},
        part=SESSIONS,
    ),
    Statement(
        sid="EndSessions",
        task="builders with Session Manager",
        why="Packer ends its session when it is done: its own, by the mark that AWS gives it",
        actions=("ssm:TerminateSession",),
        resources=("arn:{partition}:ssm:{region}:{account}:session/*",),
        condition={
            "StringLike": {"ssm:resourceTag/aws:ssmmessages:session-id": "${aws:userid}"},
        },
        part=SESSIONS,
    ),
    Statement(
        sid="SessionDocuments",
        task="`spotkiln ssh NAME` and builders with Session Manager",
        why="how they are reached: SSH, and the port that Packer forwards",
        actions=("ssm:StartSession",),
        resources=(
            "arn:{partition}:ssm:{region}::document/AWS-StartSSHSession",
            "arn:{partition}:ssm:{region}::document/AWS-StartPortForwardingSession",
        ),
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
    Statement(
        sid="SimulateOthers",
        task="doctor",
        why="what fleets and servers may do with their roles",
        actions=("iam:SimulatePrincipalPolicy",),
        resources=("{fleet_role}", "{server_roles}"),
        part=DOCTOR,
    ),
)
