"""Tries whether servers may be launched, before anything is spent."""

from spotkiln.aws.dryrun import dry_run, trial_tags
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra
from spotkiln.serve.spec import FleetSpec


def check_rights(aws: Aws, infra: Infra, spec: FleetSpec) -> list[str]:
    """Ask AWS, without doing it, whether the calls that cost money would be allowed. What could not
    be tried, in words.

    Raises:
        PermissionDenied: one would not; the message names the action.
    """
    if not infra.trial_image:
        return ["the rights to launch were not tried: there is no image here yet to try them with"]
    profile = {"Arn": infra.instance_profile} if infra.instance_profile else {}
    dry_run(
        lambda: aws.ec2.run_instances(
            DryRun=True,
            ImageId=infra.trial_image,
            InstanceType=spec.of_types(infra.types).instance_types[0],  # type: ignore[arg-type]
            MinCount=1,
            MaxCount=1,
            SubnetId=infra.subnets[0],
            SecurityGroupIds=list(infra.security_groups),
            TagSpecifications=trial_tags("instance", "volume", own=infra.tags),
            **({"IamInstanceProfile": profile} if profile else {}),  # type: ignore[arg-type]
        )
    )
    launchers(aws).for_spec(spec).check(infra, spec)
    return []
