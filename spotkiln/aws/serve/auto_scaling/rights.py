"""Whether an Auto Scaling group could be launched, asked before anything costs money."""

from collections.abc import Mapping

from spotkiln.aws.dryrun import dry_run
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra

GROUPS = "arn:aws:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/spotkiln-*"
# What dry runs ask for before each launch is not here.
ACTIONS: Mapping[str, tuple[str, ...]] = {
    "*": (
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeScalingActivities",
        "ec2:DescribeLaunchTemplates",
    ),
    GROUPS: (
        "autoscaling:CreateAutoScalingGroup",
        "autoscaling:CreateOrUpdateTags",
        "autoscaling:SuspendProcesses",
        "autoscaling:DeleteAutoScalingGroup",
    ),
    "arn:aws:ec2:{region}:{account}:launch-template/*": ("ec2:DeleteLaunchTemplate",),
}


def check(aws: Aws, infra: Infra) -> None:
    """A dry run of the launch template. Auto Scaling itself has none: RunInstances, which it needs
    as well, is asked for with every launcher.

    Raises:
        PermissionDenied: it would not be allowed; the message names the action.
    """
    dry_run(
        lambda: aws.ec2.create_launch_template(
            DryRun=True,
            LaunchTemplateName="spotkiln-dry-run",
            LaunchTemplateData={"ImageId": infra.trial_image},
        )
    )
