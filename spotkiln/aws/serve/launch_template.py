"""Launch templates: what all servers of a fleet have in common. Whatever launches by a template
uses these; nothing else needs to know of them."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.dryrun import trial_tags
from spotkiln.aws.errors import aws_errors, code_of, is_not_found
from spotkiln.aws.session import Aws
from spotkiln.bake.disk import with_root
from spotkiln.bake.image import Image
from spotkiln.bake.infra import Infra
from spotkiln.bake.own import SERVER, template_is_ours
from spotkiln.bake.own_template import based_on
from spotkiln.serve.launcher import Note, Part
from spotkiln.serve.order import Order
from spotkiln.serve.role import server_user_data
from spotkiln.statement import NEW, OURS, TEMPLATES, Statement, new_by

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef

# EC2's name for the kind.
KIND = "launch-template"
# Of a dry run: never made.
TRIAL = "spotkiln-dry-run"
# For launchers that launch by templates.
RIGHTS = (
    Statement(
        sid="LookAtTemplates",
        task="request fleet, reconcile",
        why="finds a template by its name or its tags",
        actions=("ec2:DescribeLaunchTemplates",),
    ),
    Statement(
        sid="MakeTemplates",
        task="request fleet; dry runs",
        why="what all servers of a fleet have in common",
        actions=("ec2:CreateLaunchTemplate",),
        resources=(TEMPLATES,),
        condition=NEW,
    ),
    Statement(
        sid="TagNewTemplates",
        task="request fleet; dry runs",
        why="the template's tags come with its creation",
        actions=("ec2:CreateTags",),
        resources=(TEMPLATES,),
        condition=new_by("CreateLaunchTemplate"),
    ),
    Statement(
        sid="EndTemplates",
        task="retire, cancel, reconcile",
        why="a template goes with its fleet",
        actions=("ec2:DeleteLaunchTemplate",),
        resources=(TEMPLATES,),
        condition=OURS,
    ),
)


def template_name(release: str, digest: str, second: str = "") -> str:
    """A launch template's name, chosen before it is made: 3 to 128 characters. `digest` stands
    for what is asked for: another request of the same release has a template of its own, and so has
    the `second` architecture."""
    name = f"spotkiln-{release}-{digest[:8]}"
    return f"{name}-{second}" if second else name


def launch_template_request(order: Order, of: Image | None = None) -> dict[str, Any]:
    """CreateLaunchTemplate's parameters: everything but type and subnet, which are overrides. A
    template of the user's own is the base of it. `of` is the order's image, or its twin.

    Metadata version 2 only: a launch specification could not say so. An instance reads its tags
    there, to know what it must leave before it ends (systemd/watch-interruption.sh).
    """
    image, infra, tags = of or order.image, order.infra, order.part_tags
    second = "" if image.id == order.image.id else image.architecture
    leaving = t.leaving(one.arn for one in infra.groups)
    if order.wanted.capacity_rebalance:
        leaving[t.REBALANCE] = "on"
    own = {**tags, t.ROLE: SERVER}
    marks = {"instance": {**own, **leaving}, "volume": own}
    ours: dict[str, Any] = {
        "ImageId": image.id,
        "UserData": server_user_data(infra.configuration.sources, infra.mounts, infra.logs),
        "SecurityGroupIds": list(infra.security_groups),
        "MetadataOptions": {
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
            "InstanceMetadataTags": "enabled",
        },
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": t.to_aws(mine)} for kind, mine in marks.items()
        ],
    }
    if infra.instance_profile:
        ours["IamInstanceProfile"] = {"Arn": infra.instance_profile}
    if infra.key_pair:
        ours["KeyName"] = infra.key_pair
    spec = order.wanted
    if spec.monitoring:
        ours["Monitoring"] = {"Enabled": True}
    if spec.credits:
        ours["CreditSpecification"] = {"CpuCredits": str(spec.credits)}
    theirs = infra.template.mappings if infra.template else []
    if disks := with_root(theirs, image.root_device, spec.disk):
        ours["BlockDeviceMappings"] = disks
    return {
        "LaunchTemplateName": template_name(order.release, order.digest, second),
        "LaunchTemplateData": based_on(infra.template, ours),
        "TagSpecifications": [{"ResourceType": "launch-template", "Tags": t.to_aws(tags)}],
    }


def find(aws: Aws, name: str) -> str | None:
    """Its id, by its name; None if there is none."""
    try:
        answer = aws.ec2.describe_launch_templates(LaunchTemplateNames=[name])
    except ClientError as error:
        if is_not_found(error) or "NotFound" in code_of(error):
            return None
        with aws_errors(f"launch template {name}"):
            raise
    found = answer["LaunchTemplates"]
    return found[0]["LaunchTemplateId"] if found else None


def create(aws: Aws, wanted: dict[str, Any]) -> str:
    """Create, or find by the name what an earlier call made; the id."""
    name = wanted["LaunchTemplateName"]
    try:
        answer = aws.ec2.create_launch_template(**wanted)
    except ClientError as error:
        found = find(aws, name) if "AlreadyExists" in code_of(error) else None
        if found:
            return found
        with aws_errors(f"launch template {name}"):
            raise
    return answer["LaunchTemplate"]["LaunchTemplateId"]


def create_for(aws: Aws, order: Order, note: Note) -> list[str]:
    """One for each of the order's variants, in their order; the ids."""
    made = []
    for one in order.variants:
        made.append(create(aws, launch_template_request(order, one.image)))
        note(KIND, made[-1])
    return made


def try_to_create(aws: Aws, infra: Infra) -> None:
    """A dry run, with the tags and the profile of a real one."""
    data: Any = {
        "ImageId": infra.trial_image,
        "TagSpecifications": trial_tags("instance", "volume", own=infra.tags),
    }
    if infra.instance_profile:
        data["IamInstanceProfile"] = {"Arn": infra.instance_profile}
    aws.ec2.create_launch_template(
        DryRun=True,
        LaunchTemplateName=TRIAL,
        LaunchTemplateData=data,
        TagSpecifications=trial_tags(KIND, own=infra.tags),
    )


def parts(aws: Aws, release: str = "") -> list[Part]:
    """What carries the tag of this release, or of any; `ours` if a release chose the name."""
    filters: list[FilterTypeDef] = [{"Name": "tag-key", "Values": [t.RELEASE]}]
    if release:
        filters = [{"Name": f"tag:{t.RELEASE}", "Values": [release]}]
    with aws_errors(f"launch templates of {release}" if release else "our launch templates"):
        pages = aws.ec2.get_paginator("describe_launch_templates").paginate(Filters=filters)
        everything = [one for page in pages for one in page["LaunchTemplates"]]
    found = []
    for one in everything:
        name, tags = one.get("LaunchTemplateName", ""), t.from_aws(one.get("Tags"))
        ours = template_is_ours(name, tags)
        found.append(Part(kind=KIND, id=one["LaunchTemplateId"], name=name, ours=ours, tags=tags))
    return found


def exists(aws: Aws, template: str) -> bool:
    """By id."""
    try:
        found = aws.ec2.describe_launch_templates(LaunchTemplateIds=[template])
    except ClientError as error:
        if "NotFound" in code_of(error):
            return False
        with aws_errors(f"launch template {template}"):
            raise
    return bool(found["LaunchTemplates"])


def delete(aws: Aws, template: str) -> None:
    """By id; gone already is no error."""
    try:
        aws.ec2.delete_launch_template(LaunchTemplateId=template)
    except ClientError as error:
        if not is_not_found(error) and "NotFound" not in code_of(error):
            with aws_errors(f"deleting launch template {template}"):
                raise


class WithTemplates:
    """What a launcher promises of its parts, where these are launch templates."""

    part = KIND

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def parts(self, release: str = "") -> list[Part]:
        return parts(self._aws, release)

    def has_part(self, part: str) -> bool:
        return exists(self._aws, part)

    def remove_part(self, part: str) -> None:
        delete(self._aws, part)
