"""EC2 instances: looking them up, tagging them, ending them, reading their consoles."""

import base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.errors import aws_errors, code_of, is_not_found
from spotkiln.aws.session import Aws
from spotkiln.bake.own import builder_names, is_builder, untagged_builder
from spotkiln.target import End, Instance

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeDef


# State reasons that say who is to blame. Those that begin with `Server.` are EC2's own doing.
ENDS = {
    "Server.SpotInstanceTermination": End.RECLAIMED,
    "Server.SpotInstanceShutdown": End.RECLAIMED,
    "Client.InstanceInitiatedShutdown": End.FROM_INSIDE,
    "Client.InternalError": End.KEY_REFUSED,
    "Client.InvalidKMSKey.InvalidState": End.KEY_REFUSED,
    "Client.VolumeLimitExceeded": End.VOLUME_QUOTA,
    "Client.InvalidSnapshot.NotFound": End.SNAPSHOT_GONE,
}


def end_of(code: str) -> End | None:
    """What a state reason's code means; None for no code."""
    if not code:
        return None
    return ENDS.get(code, End.BY_EC2 if code.startswith("Server.") else End.BY_OTHERS)


def ended_by(code: str, message: str) -> str:
    """The code of a state reason; or the code with which its message begins, if that says more.
    If a KMS key stops a launch, `Server.InternalError` comes with `Client.InternalError: …`."""
    said, colon, _ = message.partition(":")
    return said if colon and said.startswith("Client.") else code


def from_aws(instance: "InstanceTypeDef", requester: str = "") -> Instance:
    """Source: EC2 DescribeInstances. `requester` is its reservation's. Which fleet's it is only
    its launcher can tell."""
    tags = t.from_aws(instance.get("Tags"))
    state = instance["State"]["Name"]
    reason = instance.get("StateReason", {})
    code, message = reason.get("Code", ""), reason.get("Message", "")
    lost_by = ended_by(code, message) if state not in {"pending", "running"} else ""
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
        end=end_of(lost_by),
        lost_by=lost_by,
        key=instance.get("KeyName", ""),
        requester=requester,
        volumes=tuple(disks),
        own_volumes=tuple(name for name, ends in disks.items() if ends),
        tags=tags,
    )


# What EC2 tells of a thousand instances takes 25 MiB for as long as it is read: of so many it is
# read at a time.
AT_ONCE = 500


def described(aws: Aws, filters: "Sequence[FilterTypeDef]", what: str) -> list[Instance]:
    """Those that the filters let through."""
    return [one for page in pages(aws, filters, what) for one in page]


def pages(aws: Aws, filters: "Sequence[FilterTypeDef]", what: str) -> Iterator[list[Instance]]:
    """The same, page by page: there may be many, and whoever reads them need not keep them."""
    following: dict[str, str] = {}
    while True:
        with aws_errors(what):
            page = aws.ec2.describe_instances(
                Filters=filters,
                MaxResults=AT_ONCE,
                **following,  # type: ignore[arg-type]
            )
        found = [
            from_aws(instance, reservation.get("RequesterId", ""))
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
        ]
        following = {"NextToken": page.get("NextToken", "")}
        # A paginator keeps it until the next one is there.
        del page
        yield found
        if not following["NextToken"]:
            return


def with_tag(aws: Aws, key: str, value: str) -> list[Instance]:
    """All with this tag, in whatever state."""
    return described(aws, [{"Name": f"tag:{key}", "Values": [value]}], f"instances of {value}")


def members(
    aws: Aws, key: str, fleet: str, enough: int | None, told: Callable[[str], list[str]]
) -> list[Instance]:
    """Those with a launcher's own tag. Unless so many of them live, those as well that the fleet
    tells of itself: `told` gives their ids."""
    found = with_tag(aws, key, fleet)
    if enough is None or sum(one.live for one in found) < enough:
        known = {one.id for one in found}
        found += by_id(aws, [one for one in told(fleet) if one not in known])
    return [one.of(fleet) for one in found]


def by_id(aws: Aws, ids: Iterable[str]) -> list[Instance]:
    """Of these instances those that EC2 still tells of."""
    wanted = sorted(ids)
    # With a filter an unknown id is no error. It takes 200 values.
    return [
        one
        for start in range(0, len(wanted), 200)
        for one in described(
            aws,
            [{"Name": "instance-id", "Values": wanted[start : start + 200]}],
            f"instances {', '.join(wanted[start : start + 200])}",
        )
    ]


def builders_of(aws: Aws, release: str) -> list[Instance]:
    """A release's builders and testers, in whatever state: those with its key pair, whether they
    are tagged already or not."""
    named: list[FilterTypeDef] = [{"Name": "key-name", "Values": builder_names(release)}]
    found = described(aws, named, f"builders of {release}")
    return [one for one in found if is_builder(one) or untagged_builder(one, release)]


def tagged(aws: Aws) -> Iterator[list[Instance]]:
    """All instances that carry a release's tag, whoever launched them, page by page."""
    return pages(aws, [{"Name": "tag-key", "Values": [t.RELEASE]}], "instances with our tags")


def tag(aws: Aws, ids: Sequence[str], tags: t.Tags) -> None:
    """Add or replace tags."""
    if ids:
        with aws_errors(f"tagging {', '.join(ids)}"):
            aws.ec2.create_tags(Resources=list(ids), Tags=t.to_aws(tags))


def untag(aws: Aws, ids: Sequence[str], key: str) -> None:
    """Remove a tag."""
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
        # One unknown id fails the whole call, so they are ended one by one.
        if len(wanted) > 1:
            for one in wanted:
                terminate(aws, [one])


# EC2's errors for instance types whose consoles it reads only at boot.
ONLY_AT_BOOT = {"UnsupportedOperation", "InvalidParameterCombination", "InvalidParameterValue"}


def console(aws: Aws, instance: str) -> str:
    """The console as it is now, at most 64 KiB. If EC2 cannot read it now, the console as it was
    after the boot; empty if there is none."""
    return _console(aws, instance, latest=True) or _console(aws, instance, latest=False)


def _console(aws: Aws, instance: str, *, latest: bool) -> str:
    try:
        # Without `Latest` it is minutes old, and has no line of the application.
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
