"""Whether an Auto Scaling group could be launched, asked before anything costs money."""

from spotkiln.aws.dryrun import dry_run
from spotkiln.aws.serve import launch_template as templates
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.bake.own import TEMPLATE_PREFIX
from spotkiln.statement import (
    ADOPTED,
    ADOPTING,
    ADOPTION,
    INSTANCES,
    OURS,
    TEMPLATES,
    Statement,
)

OTHERS = "arn:{partition}:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/*"
GROUPS = OTHERS.replace("Name/*", f"Name/{TEMPLATE_PREFIX}*")
STATEMENTS = (
    *templates.RIGHTS,
    Statement(
        sid="LookAtActivities",
        task="health gate",
        why="what hinders a group",
        actions=("autoscaling:DescribeScalingActivities",),
    ),
    Statement(
        sid="ScalingGroups",
        task="request fleet, promote, retire, cancel, reconcile",
        why="groups of ours, by the beginning of their names",
        actions=(
            "autoscaling:CreateAutoScalingGroup",
            "autoscaling:CreateOrUpdateTags",
            "autoscaling:DeleteAutoScalingGroup",
            "autoscaling:PutScalingPolicy",
            "autoscaling:PutScheduledUpdateGroupAction",
            "autoscaling:ResumeProcesses",
            "autoscaling:SetDesiredCapacity",
            "autoscaling:SuspendProcesses",
            "autoscaling:UpdateAutoScalingGroup",
        ),
        resources=(GROUPS,),
    ),
    Statement(
        sid="LaunchByTemplate",
        task="request fleet",
        why="Auto Scaling asks for whoever makes a group: by a template of ours",
        actions=("ec2:RunInstances",),
        resources=(TEMPLATES,),
        condition=OURS,
    ),
    Statement(
        sid="AdoptGroups",
        task="retire, with infra.adopt",
        why="groups that others made: each gets a tag that says so first",
        actions=("autoscaling:CreateOrUpdateTags",),
        resources=(OTHERS,),
        condition=ADOPTING,
        part=ADOPTION,
    ),
    Statement(
        sid="EndAdoptedGroups",
        task="retire, with infra.adopt",
        why="what carries that tag replaces nothing any more, and goes with its servers",
        actions=("autoscaling:DeleteAutoScalingGroup", "autoscaling:SuspendProcesses"),
        resources=(OTHERS,),
        condition=ADOPTED,
        part=ADOPTION,
    ),
    Statement(
        sid="EndServersOfAdopted",
        task="retire, with infra.adopt",
        why="a group goes without servers; they carry AWS's mark of a group",
        actions=("ec2:TerminateInstances",),
        resources=(INSTANCES,),
        condition={"StringLike": {"aws:ResourceTag/aws:autoscaling:groupName": "?*"}},
        part=ADOPTION,
    ),
)


def check(aws: Aws, infra: Infra) -> None:
    """A dry run of the launch template. Auto Scaling itself has none: RunInstances, which it needs
    as well, is asked for with every launcher.

    Raises:
        PermissionDenied: it would not be allowed; the message names the action.
    """
    dry_run(lambda: templates.try_to_create(aws, infra))
