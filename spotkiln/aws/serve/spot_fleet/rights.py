"""Whether a Spot Fleet could be launched, asked before anything costs money."""

import json
from collections.abc import Mapping
from urllib.parse import unquote

from botocore.exceptions import ClientError

from spotkiln.aws.dryrun import dry_run
from spotkiln.aws.errors import aws_errors, is_not_found
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.errors import InputError
from spotkiln.serve.spec import FleetSpec

SPOT_FLEET = "spotfleet.amazonaws.com"
# What dry runs ask for before each launch is not here.
ACTIONS: Mapping[str, tuple[str, ...]] = {
    "*": (
        "ec2:DescribeSpotFleetRequests",
        "ec2:DescribeSpotFleetRequestHistory",
        "ec2:DescribeSpotFleetInstances",
        "ec2:DescribeLaunchTemplates",
    ),
    "{fleet_role}": ("iam:GetRole", "iam:PassRole"),
    "arn:aws:ec2:{region}:{account}:spot-fleet-request/*": ("ec2:CancelSpotFleetRequests",),
    "arn:aws:ec2:{region}:{account}:launch-template/*": ("ec2:DeleteLaunchTemplate",),
}


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
    """Dry runs of the calls of a launch.

    Raises:
        PermissionDenied: one would not be allowed; the message names the action.
    """
    overrides = [{"InstanceType": spec.instance_types[0], "SubnetId": infra.subnets[0]}]
    template = {"LaunchTemplateName": "spotkiln-dry-run", "Version": "1"}
    config = {
        "IamFleetRole": infra.fleet_role,
        "TargetCapacity": 1,
        "LaunchTemplateConfigs": [
            {"LaunchTemplateSpecification": template, "Overrides": overrides}
        ],
    }
    dry_run(
        lambda: aws.ec2.create_launch_template(
            DryRun=True,
            LaunchTemplateName="spotkiln-dry-run",
            LaunchTemplateData={"ImageId": infra.trial_image},
        ),
        lambda: aws.ec2.request_spot_fleet(DryRun=True, SpotFleetRequestConfig=config),  # type: ignore[arg-type]
    )
