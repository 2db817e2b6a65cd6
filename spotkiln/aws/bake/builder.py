"""What a builder needs beside itself: a security group that lets us in, and a key pair's name.

Packer could make both, but 1.6.6 cannot tag them: after a kill nobody would know whose they are.
So the group is ours, tagged from its first moment, and the key pair's name is chosen before.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.bake.way_in import way_in
from spotkiln.aws.errors import aws_errors, code_of, is_not_found
from spotkiln.aws.session import Aws
from spotkiln.bake.builder import Access, Builder
from spotkiln.bake.own import builder_name
from spotkiln.errors import InfrastructureError
from spotkiln.poll import Clock, Done, Waiting, poll
from spotkiln.release.ledger import GROUP, KEY_PAIR, REQUESTED

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SecurityGroupTypeDef

DELETE_SECONDS = 180
SSH = 22


class _Group(NamedTuple):
    """`ranges`: from which it lets SSH in already. `run` made it."""

    id: str
    ranges: frozenset[str]
    run: str


def _find_group(aws: Aws, name: str, vpc: str) -> _Group | None:
    with aws_errors(f"security group {name}"):
        found = aws.ec2.describe_security_groups(
            Filters=[{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [vpc]}]
        )["SecurityGroups"]
    if not found:
        return None
    one = found[0]
    run = t.from_aws(one.get("Tags")).get(t.RUN, "")
    return _Group(one["GroupId"], _ranges_in(one), run)


def _ranges_in(group: "SecurityGroupTypeDef") -> frozenset[str]:
    rules = [one for one in group.get("IpPermissions", []) if one.get("FromPort") == SSH]
    return frozenset(
        [x.get("CidrIp", "") for one in rules for x in one.get("IpRanges", [])]
        + [x.get("CidrIpv6", "") for one in rules for x in one.get("Ipv6Ranges", [])]
    )


class Taken(InfrastructureError):
    """Somebody else has what only one can have."""


def open_group(
    aws: Aws,
    release: str,
    vpc: str,
    cidrs: Sequence[str],
    tags: Mapping[str, str],
    *,
    alone: bool = False,
) -> str:
    """Find, else create; open to SSH from `cidrs` as well: whoever goes on after a failure may have
    another address. Its id. With `alone` nobody else has made it: of several who try, EC2 lets one.

    Raises:
        Taken: `alone`, and it is there.
    """
    name = builder_name(release)
    found = _find_group(aws, name, vpc)
    if found and alone:
        raise Taken(f"security group {name} is there already")
    group = found.id if found else None
    specifications: Any = [{"ResourceType": "security-group", "Tags": t.to_aws(tags)}]
    if group is None:
        try:
            group = aws.ec2.create_security_group(
                GroupName=name,
                Description="SSH into a Spotkiln builder, for as long as it runs",
                VpcId=vpc,
                TagSpecifications=specifications,
            )["GroupId"]
        except ClientError as error:
            # A repeated call whose first answer was lost: it is there after all.
            duplicate = "Duplicate" in code_of(error)
            found = _find_group(aws, name, vpc) if duplicate else None
            if alone and duplicate and (found is None or found.run != tags[t.RUN]):
                raise Taken(f"security group {name} is there already") from error
            if found is None:
                with aws_errors(f"security group {name}"):
                    raise
            group = found.id
    REQUESTED.note(release, GROUP, group)
    _let_in(aws, group, [one for one in cidrs if not found or one not in found.ranges])
    return group


def _let_in(aws: Aws, group: str, cidrs: Sequence[str]) -> None:
    """Letting in already is no error."""
    for cidr in cidrs:
        named = {"Description": "SSH from Spotkiln"}
        permission: Any = {"IpProtocol": "tcp", "FromPort": SSH, "ToPort": SSH}
        if ":" in cidr:
            permission["Ipv6Ranges"] = [{"CidrIpv6": cidr, **named}]
        else:
            permission["IpRanges"] = [{"CidrIp": cidr, **named}]
        try:
            aws.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
        except ClientError as error:
            if code_of(error) != "InvalidPermission.Duplicate":
                with aws_errors(f"opening security group {group}"):
                    raise


def delete_group(aws: Aws, group: str, clock: Clock) -> None:
    """Wait until no machine uses it any more; gone already is no error."""

    def deleted() -> Done[None] | Waiting:
        try:
            aws.ec2.delete_security_group(GroupId=group)
        except ClientError as error:
            if code_of(error) == "DependencyViolation":
                return Waiting("a machine still uses it")
            if not is_not_found(error):
                with aws_errors(f"deleting security group {group}"):
                    raise
        return Done(None)

    poll(
        deleted,
        what=f"security group {group} to be deleted",
        deadline_seconds=DELETE_SECONDS,
        clock=clock,
    )


def delete_key_pair(aws: Aws, name: str) -> None:
    """Gone already is no error, as EC2 has it too."""
    with aws_errors(f"key pair {name}"):
        aws.ec2.delete_key_pair(KeyName=name)


def open_access(
    aws: Aws, release: str, vpc: str, builder: Builder, tags: Mapping[str, str], second: str = ""
) -> Access:
    """The way into all machines that Packer launches for a release. Packer makes and removes the
    key pair; the security group stays until no machine needs it any more. `second`: as
    `builder_name`'s."""
    name = builder_name(release, second)
    group = open_group(aws, release, vpc, way_in(aws, builder, vpc), tags)
    REQUESTED.note(release, KEY_PAIR, name)
    return Access(security_group=group, key_pair=name)


def remove_access(aws: Aws, release: str, vpc: str, clock: Clock, second: str = "") -> None:
    """Key pair and security group of a release's builders. Repeatable. `second`: the architecture
    of its second image, if it has one."""
    for name in dict.fromkeys([builder_name(release), builder_name(release, second)]):
        delete_key_pair(aws, name)
    found = _find_group(aws, builder_name(release), vpc)
    if found:
        delete_group(aws, found.id, clock)
