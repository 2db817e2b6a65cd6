"""What has happened to a stack."""

from botocore.exceptions import ClientError

from spotkiln.account.plan import Step, first_failure
from spotkiln.aws.errors import AwsError, aws_errors, code_of
from spotkiln.aws.session import Aws, client_of


def steps(aws: Aws, name: str) -> list[Step]:
    """Oldest first. Source: CloudFormation DescribeStackEvents."""
    try:
        pages = (
            client_of(aws, "cloudformation")
            .get_paginator("describe_stack_events")
            .paginate(StackName=name)
        )
        found = [one for page in pages for one in page["StackEvents"]]
    except ClientError as error:
        if code_of(error) == "ValidationError":
            return []
        with aws_errors(f"stack {name}"):
            raise
    return [
        Step(
            id=one["EventId"],
            name=one.get("LogicalResourceId", ""),
            status=one.get("ResourceStatus", ""),
            reason=one.get("ResourceStatusReason") or "",
        )
        for one in reversed(found)
    ]


def seen(aws: Aws, name: str) -> set[str]:
    """What happened before is told no more."""
    try:
        return {step.id for step in steps(aws, name)}
    except AwsError:
        return set()


def reason(aws: Aws, name: str) -> str:
    """Why the last change of a stack failed, in CloudFormation's words."""
    try:
        return first_failure(steps(aws, name), name)
    except AwsError as error:
        return f"why is not known: {error}"
