"""Whether a Spot Fleet could be launched, asked before anything costs money."""

import json
from urllib.parse import unquote

from botocore.exceptions import ClientError

from spotkiln.aws.dryrun import dry_run, trial_tags
from spotkiln.aws.errors import aws_errors, is_not_found
from spotkiln.aws.serve import launch_template as templates
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.errors import InputError
from spotkiln.serve.spec import FleetSpec
from spotkiln.statement import (
    ADOPTED,
    ADOPTING,
    ADOPTION,
    EC2,
    INSTANCES,
    NEW,
    OURS,
    SCALING,
    SUBNETS,
    TARGET_GROUPS,
    TEMPLATES,
    Statement,
    handed_to,
    new_by,
)

SPOT_FLEET = "spotfleet.amazonaws.com"
SCALES = "ec2.application-autoscaling.amazonaws.com"
SCALABLE = "arn:{partition}:application-autoscaling:{region}:{account}"
CLOUDWATCH = "arn:{partition}:cloudwatch:{region}:{account}"
FLEETS = f"{EC2}:spot-fleet-request/*"
STATEMENTS = (
    *templates.RIGHTS,
    Statement(
        sid="LookAtSpotFleets",
        task="look up infrastructure, health gate, reconcile",
        why="all fleets: others' may serve as well",
        actions=("ec2:DescribeSpotFleetRequests",),
    ),
    Statement(
        sid="LookIntoSpotFleets",
        task="look up infrastructure, health gate, reconcile",
        why="what hinders a fleet, and its members",
        actions=(
            "ec2:DescribeSpotFleetInstances",
            "ec2:DescribeSpotFleetRequestHistory",
        ),
        resources=(FLEETS,),
    ),
    Statement(
        sid="RequestSpotFleet",
        task="request fleet; dry runs",
        why="a fleet carries its release's tag from the start",
        actions=("ec2:RequestSpotFleet",),
        resources=(FLEETS,),
        condition=NEW,
    ),
    Statement(
        sid="RequestSpotFleetBy",
        task="request fleet",
        why="by a template of ours",
        actions=("ec2:RequestSpotFleet",),
        resources=(TEMPLATES,),
        condition=OURS,
    ),
    Statement(
        sid="RequestSpotFleetIn",
        task="request fleet; dry runs",
        why="into the load balancer's subnets",
        actions=("ec2:RequestSpotFleet",),
        resources=(SUBNETS,),
    ),
    Statement(
        sid="TagNewSpotFleets",
        task="request fleet; dry runs",
        why="the fleet's tags come with its request",
        actions=("ec2:CreateTags",),
        resources=(FLEETS,),
        condition=new_by("RequestSpotFleet"),
    ),
    Statement(
        sid="CancelSpotFleets",
        task="retire, cancel, reconcile",
        why="an old fleet replaces nothing any more",
        actions=("ec2:CancelSpotFleetRequests",),
        resources=(FLEETS,),
        condition=OURS,
    ),
    Statement(
        sid="ResizeSpotFleets",
        task="request fleet; scaling of fleets",
        why="what serves was scaled out meanwhile; Application Auto Scaling asks for it, too",
        actions=("ec2:ModifySpotFleetRequest",),
        resources=(FLEETS,),
        condition=OURS,
    ),
    Statement(
        sid="ScaleSpotFleets",
        task="request fleet, retire, cancel, reconcile, with fleet.scaling",
        why="Application Auto Scaling does it, and suspends it while another fleet takes over",
        actions=(
            "application-autoscaling:DeregisterScalableTarget",
            "application-autoscaling:PutScalingPolicy",
            "application-autoscaling:PutScheduledAction",
            "application-autoscaling:RegisterScalableTarget",
        ),
        resources=(f"{SCALABLE}:scalable-target/*",),
        part=SCALING,
    ),
    Statement(
        sid="LookAtScaling",
        task="request fleet, with fleet.scaling",
        why="what of it somebody has suspended stays so",
        actions=("application-autoscaling:DescribeScalableTargets",),
        part=SCALING,
    ),
    Statement(
        sid="AlarmsOfScaling",
        task="request fleet, retire, cancel, with fleet.scaling",
        why="Application Auto Scaling makes the alarms of a policy for whoever asks for it",
        actions=(
            "cloudwatch:DeleteAlarms",
            "cloudwatch:DescribeAlarms",
            "cloudwatch:PutMetricAlarm",
        ),
        resources=(f"{CLOUDWATCH}:alarm:TargetTracking-*",),
        part=SCALING,
    ),
    Statement(
        sid="RoleOfScaling",
        task="request fleet, with fleet.scaling",
        why="AWS makes the role of the service the first time",
        actions=("iam:CreateServiceLinkedRole",),
        resources=(f"arn:{{partition}}:iam::{{account}}:role/aws-service-role/{SCALES}/*",),
        condition={"StringEquals": {"iam:AWSServiceName": SCALES}},
        part=SCALING,
    ),
    Statement(
        sid="LookAtFleetRole",
        task="look up infrastructure",
        why="it must trust Spot Fleet",
        actions=("iam:GetRole",),
        resources=("{fleet_role}",),
    ),
    Statement(
        sid="PassFleetRole",
        task="request fleet; dry runs",
        why="Spot Fleet launches, tags and registers with a role of its own",
        actions=("iam:PassRole",),
        resources=("{fleet_role}",),
        condition=handed_to("spotfleet"),
    ),
    Statement(
        sid="AdoptSpotFleets",
        task="retire, with infra.adopt",
        why="fleets that others asked for: each gets a tag that says so first",
        actions=("ec2:CreateTags",),
        resources=(FLEETS,),
        condition=ADOPTING,
        part=ADOPTION,
    ),
    Statement(
        sid="CancelAdopted",
        task="retire, with infra.adopt",
        why="what carries that tag replaces nothing any more",
        actions=("ec2:CancelSpotFleetRequests",),
        resources=(FLEETS,),
        condition=ADOPTED,
        part=ADOPTION,
    ),
    Statement(
        sid="EndAdopted",
        task="retire, with infra.adopt",
        why="their servers, which carry AWS's mark of a Spot fleet",
        actions=("ec2:TerminateInstances",),
        resources=(INSTANCES,),
        condition={"StringLike": {"aws:ResourceTag/aws:ec2spot:fleet-request-id": "?*"}},
        part=ADOPTION,
    ),
)

# What Spot Fleet does with its role. AWS's own policy AmazonEC2SpotFleetTaggingRole allows it.
ROLE_STATEMENTS = (
    Statement(
        sid="FleetLaunches",
        task="launch",
        why="the servers, with the release's tags",
        actions=("ec2:CreateTags", "ec2:RunInstances", "ec2:TerminateInstances"),
        resources=(INSTANCES,),
    ),
    Statement(
        sid="FleetRegisters",
        task="launch",
        why="without it no request reaches a server",
        actions=("elasticloadbalancing:RegisterTargets",),
        resources=(TARGET_GROUPS,),
    ),
    Statement(
        sid="FleetHandsOn",
        task="launch",
        why="the servers' own role",
        actions=("iam:PassRole",),
        resources=("{server_roles}",),
        condition=handed_to("ec2"),
    ),
)


def role(aws: Aws, name: str) -> str:
    """The role's ARN; it must trust EC2 Spot Fleet."""
    try:
        found = aws.iam.get_role(RoleName=name)["Role"]
    except ClientError as error:
        if is_not_found(error):
            raise InputError(
                f"no IAM role {name!r}: create it with the managed policy "
                f"AmazonEC2SpotFleetTaggingRole and trust {SPOT_FLEET}, or name another"
            ) from error
        with aws_errors(f"role {name}"):
            raise
    policy: object = found.get("AssumeRolePolicyDocument", {})
    text = unquote(policy) if isinstance(policy, str) else json.dumps(policy)
    if SPOT_FLEET not in text:
        raise InputError(
            f"IAM role {name!r} does not trust {SPOT_FLEET}: Spot Fleet could not use it; "
            "mend its trust policy or name another"
        )
    return found["Arn"]


def check(aws: Aws, infra: Infra, spec: FleetSpec) -> None:
    """Dry runs of the calls of a launch, with the tags and the role that it will have.

    Raises:
        PermissionDenied: one would not be allowed; the message names the action.
    """
    overrides = [{**spec.overrides[0], "SubnetId": infra.subnets[0]}]
    template = {"LaunchTemplateName": templates.TRIAL, "Version": "1"}
    config = {
        "IamFleetRole": infra.fleet_role,
        "TargetCapacity": 1,
        "LaunchTemplateConfigs": [
            {"LaunchTemplateSpecification": template, "Overrides": overrides}
        ],
        "TagSpecifications": trial_tags("spot-fleet-request", own=infra.tags),
    }
    dry_run(
        lambda: templates.try_to_create(aws, infra),
        lambda: aws.ec2.request_spot_fleet(DryRun=True, SpotFleetRequestConfig=config),  # type: ignore[arg-type]
    )
