"""The activities of an Auto Scaling group: what happened to it, and what that means."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from spotkiln.aws.errors import aws_errors, code_of
from spotkiln.aws.serve.refusal import EC2, Refusal, refusal_in
from spotkiln.aws.session import Aws
from spotkiln.moment import utc
from spotkiln.serve.ending import KMS
from spotkiln.serve.gate import Cause
from spotkiln.serve.problem import Problem, Reach

# A failed launch is told at once.
LATE_SECONDS = 5.0
LAUNCHING = "Launching a new EC2 instance"
# Older ones tell nothing of a gate.
PAGES = 3

# What only Auto Scaling says, and what EC2 says through it. The first that fits is taken.
REFUSALS = (
    Refusal(
        codes=(),
        words=("Client.InternalError",),
        reach=Reach.ALL,
        cause=Cause.MISCONFIGURED,
        advice=KMS,
    ),
    Refusal(
        codes=(),
        words=("attempting to assume role", "AWSServiceRoleForAutoScaling"),
        reach=Reach.ALL,
        cause=Cause.MISCONFIGURED,
        advice="Auto Scaling may not use its service-linked role: aws iam "
        "create-service-linked-role --aws-service-name autoscaling.amazonaws.com",
    ),
    *EC2,
    # Last: behind these words is any of the above as well.
    Refusal(
        codes=(),
        words=("does not exist", "valid fully-formed launch template"),
        reach=Reach.ALL,
        cause=Cause.MISCONFIGURED,
        advice="What the text names was there when the release began and is gone now: make it "
        "anew, or name another.",
    ),
)


class Row(NamedTuple):
    """One activity."""

    when: datetime
    status: str
    what: str
    why: str
    message: str

    def __str__(self) -> str:
        told = [self.status, self.what, self.message if self.message not in self.what else ""]
        return f"{utc(self.when)} {' '.join(filter(None, told))} ({self.why})"

    @property
    def launch(self) -> bool:
        return self.what.startswith(LAUNCHING)


def read(aws: Aws, group: str) -> list[Row]:
    """Oldest first; of a deleted group, too. Source: Auto Scaling DescribeScalingActivities, which
    tells the newest first."""
    found: list[dict[str, Any]] = []
    try:
        pages = aws.scaling.get_paginator("describe_scaling_activities").paginate(
            AutoScalingGroupName=group,
            IncludeDeletedGroups=True,
            PaginationConfig={"MaxItems": PAGES * 100, "PageSize": 100},
        )
        for page in pages:
            found += page["Activities"]
    except ClientError as error:
        if code_of(error) != "ValidationError":
            with aws_errors(f"activities of group {group}"):
                raise
    rows = [
        Row(
            when=one["StartTime"],
            status=one["StatusCode"],
            what=one.get("Description", ""),
            why=one.get("Cause", ""),
            message=one.get("StatusMessage", ""),
        )
        for one in found
    ]
    return rows[::-1]


def problems(rows: Sequence[Row]) -> list[Problem]:
    """What went wrong since the last launch, each once, oldest first: what came before a launch did
    not hinder it."""
    seen: dict[str, None] = {}
    for row in rows:
        if row.launch and row.status == "Failed":
            seen[row.message or row.what] = None
        elif row.launch and row.status == "Successful":
            seen.clear()
    return [Problem(text=text, meaning=refusal_in(text, REFUSALS)) for text in seen]
