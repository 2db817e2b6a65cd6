"""Looks up how a machine is reached, and opens sessions of Session Manager."""

from typing import Any

from spotkiln.aws.errors import aws_errors
from spotkiln.aws.session import Aws
from spotkiln.errors import InputError


def address(aws: Aws, instance: str, *, private: bool) -> str:
    """Its public address, unless it has none or the private one is wanted. Source: EC2
    DescribeInstances.

    Raises:
        InputError: it has none: it starts, or ends.
    """
    with aws_errors(f"instance {instance}"):
        answer = aws.ec2.describe_instances(Filters=[{"Name": "instance-id", "Values": [instance]}])
    for reservation in answer["Reservations"]:
        for one in reservation["Instances"]:
            inside = one.get("PrivateIpAddress", "")
            if found := inside if private else one.get("PublicIpAddress", "") or inside:
                return found
    raise InputError(f"{instance} has no address: it starts or ends; name another")


def open_session(aws: Aws, request: dict[str, Any]) -> dict[str, Any]:
    """What AWS's plugin needs to connect: an address and a token, which nobody else may see.
    Source: SSM StartSession."""
    client = aws.session.client("ssm", region_name=aws.region)
    with aws_errors(f"a session on {request['Target']}"):
        answer = client.start_session(**request)
    return {name: answer[name] for name in ("SessionId", "TokenValue", "StreamUrl")}


def endpoint(aws: Aws) -> str:
    """Where the plugin asks."""
    return str(aws.session.client("ssm", region_name=aws.region).meta.endpoint_url)
