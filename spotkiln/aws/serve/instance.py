"""EC2 instances: those of a fleet, and those that a release made in any way."""

import base64
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.errors import aws_errors, code_of, is_not_found
from spotkiln.aws.session import Aws
from spotkiln.bake.own import is_builder
from spotkiln.target import Instance

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeDef


def ended_by(code: str, message: str) -> str:
    """A state reason's code, or the one that its message begins with, if that says more: where a
    KMS key stops a launch, "Server.InternalError" comes with "Client.InternalError: …"."""
    said, colon, _ = message.partition(":")
    return said if colon and said.startswith("Client.") else code


def from_aws(instance: "InstanceTypeDef", requester: str = "") -> Instance:
    """Source: EC2 DescribeInstances. `requester` is its reservation's."""
    tags = t.from_aws(instance.get("Tags"))  # type: ignore[arg-type]
    state = instance["State"]["Name"]
    reason = instance.get("StateReason", {})
    code, message = reason.get("Code", ""), reason.get("Message", "")
    mappings = [one.get("Ebs", {}) for one in instance.get("BlockDeviceMappings", [])]
    disks = {x.get("VolumeId", ""): x.get("DeleteOnTermination", False) for x in mappings}
    return Instance(
        id=instance["InstanceId"],
        state=state,
        type=instance.get("InstanceType", ""),
        zone=instance.get("Placement", {}).get("AvailabilityZone", ""),
        address=instance.get("PrivateIpAddress", ""),
        image=instance.get("ImageId", ""),
        spot=instance.get("InstanceLifecycle") == "spot",
        launched=instance["LaunchTime"],
        lost_by=ended_by(code, message) if state not in {"pending", "running"} else "",
        fleet=tags.get(t.FLEET_REQUEST, ""),
        key=instance.get("KeyName", ""),
        requester=requester,
        volumes=tuple(disks),
        own_volumes=tuple(name for name, ends in disks.items() if ends),
        tags=tags,
    )


def _describe(aws: Aws, filters: "Sequence[FilterTypeDef]", what: str) -> list[Instance]:
    with aws_errors(what):
        pages = aws.ec2.get_paginator("describe_instances").paginate(Filters=filters)
        return [
            from_aws(instance, reservation.get("RequesterId", ""))
            for page in pages
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
        ]


def members(aws: Aws, fleet: str) -> list[str]:
    """Ids of the running instances of a fleet as it tells them itself, late at times."""
    try:
        pages = aws.ec2.get_paginator("describe_spot_fleet_instances").paginate(
            SpotFleetRequestId=fleet
        )
        return [one.get("InstanceId", "") for page in pages for one in page["ActiveInstances"]]
    except ClientError as error:
        # A fleet that has just been asked for, or that ended two days ago.
        if is_not_found(error) or code_of(error).startswith("InvalidSpotFleetRequestId"):
            return []
        with aws_errors(f"members of fleet {fleet}"):
            raise


def of_fleet(aws: Aws, fleet: str, enough: int | None = None) -> list[Instance]:
    """All that a fleet launched and EC2 still tells of, the terminated of the last hour too.

    By AWS's own tag, and as its members: what a fleet tells can be out of date, and On-Demand
    members may be without the tag. Once the tag shows so many living ones that it is `enough`,
    the fleet is not asked.
    """
    tagged = _describe(
        aws,
        [{"Name": f"tag:{t.FLEET_REQUEST}", "Values": [fleet]}],
        f"instances of fleet {fleet}",
    )
    if enough is not None and sum(one.live for one in tagged) >= enough:
        return tagged
    known = {one.id for one in tagged}
    more = [name for name in members(aws, fleet) if name not in known]
    return tagged + [one.of(fleet) for one in by_id(aws, more)]


def by_id(aws: Aws, ids: Iterable[str]) -> list[Instance]:
    """Those of these that EC2 still tells of."""
    wanted = sorted(ids)
    # By a filter: an unknown id is no error then, and 200 are allowed.
    return [
        one
        for start in range(0, len(wanted), 200)
        for one in _describe(
            aws,
            [{"Name": "instance-id", "Values": wanted[start : start + 200]}],
            f"instances {', '.join(wanted[start : start + 200])}",
        )
    ]


def builders_of(aws: Aws, release: str) -> list[Instance]:
    """A release's builders and testers, in whatever state."""
    tagged = _describe(
        aws, [{"Name": f"tag:{t.RELEASE}", "Values": [release]}], f"builders of {release}"
    )
    return [one for one in tagged if is_builder(one)]


def tagged(aws: Aws) -> list[Instance]:
    """All instances that carry a release's tag, whoever launched them."""
    return _describe(aws, [{"Name": "tag-key", "Values": [t.RELEASE]}], "instances with our tags")


def tag(aws: Aws, ids: Sequence[str], tags: t.Tags) -> None:
    """Add or replace tags."""
    if ids:
        with aws_errors(f"tagging {', '.join(ids)}"):
            aws.ec2.create_tags(Resources=list(ids), Tags=t.to_aws(tags))  # type: ignore[arg-type]


def untag(aws: Aws, ids: Sequence[str], key: str) -> None:
    if ids:
        with aws_errors(f"untagging {', '.join(ids)}"):
            aws.ec2.delete_tags(Resources=list(ids), Tags=[{"Key": key}])


def terminate(aws: Aws, ids: Iterable[str]) -> None:
    """Terminate by id; instances that are gone already are no error."""
    wanted = sorted(ids)
    if not wanted:
        return
    try:
        aws.ec2.terminate_instances(InstanceIds=wanted)
    except ClientError as error:
        if not is_not_found(error):
            with aws_errors(f"terminating {', '.join(wanted)}"):
                raise
        # One unknown id fails the whole call: one by one, then.
        if len(wanted) > 1:
            for one in wanted:
                terminate(aws, [one])


# What EC2 says of types whose consoles it reads only at boot.
ONLY_AT_BOOT = {"UnsupportedOperation", "InvalidParameterCombination", "InvalidParameterValue"}


def console(aws: Aws, instance: str) -> str:
    """The console as it is now, at most 64 KiB; where EC2 cannot read it now, as it was shortly
    after the boot; empty when it has none."""
    return _console(aws, instance, latest=True) or _console(aws, instance, latest=False)


def _console(aws: Aws, instance: str, *, latest: bool) -> str:
    try:
        # Without `Latest` it is minutes old, and without a line of the application.
        answer = aws.ec2.get_console_output(InstanceId=instance, Latest=latest)
    except ClientError as error:
        if is_not_found(error) or (latest and code_of(error) in ONLY_AT_BOOT):
            return ""
        with aws_errors(f"console output of {instance}"):
            raise
    text = answer.get("Output", "")
    # botocore decodes the output itself; emulators may leave it encoded.
    if text and not any(c in text for c in " \n"):
        try:
            return base64.b64decode(text, validate=True).decode(errors="replace")
        except ValueError:
            return text
    return text
