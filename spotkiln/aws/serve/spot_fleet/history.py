"""The history of a Spot Fleet request: what happened to it, and what that means."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from spotkiln.aws.errors import aws_errors
from spotkiln.aws.serve.refusal import EC2, SPOT_QUOTA, Refusal, refusal_in
from spotkiln.aws.session import Aws
from spotkiln.moment import utc
from spotkiln.serve.gate import Cause
from spotkiln.serve.problem import Problem, Reach

# AWS keeps it for 48 hours; StartTime is required.
KEPT = timedelta(hours=48)
# AWS tells of an event up to this much later.
LATE_SECONDS = 30.0

# Events that are no errors to Spot Fleet, and say nevertheless why something is missing.
TELLING = {
    "launchSpecUnusable",
    "launchSpecTemporarilyBlacklisted",
    "registerWithLoadBalancersFailed",
}
# An event that only follows from others.
FOLLOWS = {"fleetProgressHalted"}
# Every pool (a launch specification to Spot Fleet) is given up for some minutes.
EVERY_POOL = "allLaunchSpecsTemporarily"

# What only Spot Fleet says, and what EC2 says through it. The first that fits is taken.
REFUSALS = (
    Refusal(
        codes=("spotInstanceCountLimitExceeded",),
        reach=Reach.ALL,
        cause=Cause.CAPACITY,
        advice=SPOT_QUOTA,
    ),
    *EC2,
    Refusal(
        codes=("iamFleetRoleInvalid",),
        reach=Reach.ALL,
        cause=Cause.MISCONFIGURED,
        advice="Mend the fleet's role: `spotkiln docs aws` says what it must trust and hold.",
    ),
    # Last: this envelope holds all of the above as well.
    Refusal(
        codes=("spotFleetRequestConfigurationInvalid",),
        reach=Reach.ALL,
        cause=Cause.MISCONFIGURED,
        advice="EC2 does not take what was asked for: see the fleet's history in the evidence.",
    ),
)


class Row(NamedTuple):
    """One event. `kind` is its type, `what` its sub type."""

    when: datetime
    kind: str
    what: str
    text: str

    def __str__(self) -> str:
        return f"{utc(self.when)} {self.kind} {self.what} {self.text}".rstrip()


def read(aws: Aws, fleet: str) -> list[Row]:
    """Oldest first. Source: EC2 DescribeSpotFleetRequestHistory, which has no paginator."""
    rows: list[Row] = []
    token = ""
    with aws_errors(f"history of fleet {fleet}"):
        while True:
            more: dict[str, Any] = {"NextToken": token} if token else {}
            answer = aws.ec2.describe_spot_fleet_request_history(
                SpotFleetRequestId=fleet, StartTime=aws.now() - KEPT, **more
            )
            for record in answer.get("HistoryRecords", []):
                information = record.get("EventInformation", {})
                rows.append(
                    Row(
                        when=record.get("Timestamp", datetime.fromtimestamp(0, UTC)),
                        kind=record.get("EventType", ""),
                        what=information.get("EventSubType", ""),
                        text=information.get("EventDescription")
                        or information.get("InstanceId", ""),
                    )
                )
            token = answer.get("NextToken", "")
            if not token:
                # By time alone: what happened in the same moment stays in AWS's order.
                return sorted(rows, key=lambda row: row.when)


def problem_of(text: str) -> Problem:
    """What an event's sub type and text mean."""
    return Problem(
        text=text,
        meaning=refusal_in(text, REFUSALS),
        every_pool=text.startswith(EVERY_POOL),
    )


def problems(rows: Sequence[Row]) -> list[Problem]:
    """What went wrong since the last launch, each once, oldest first: what came before a launch did
    not hinder it."""
    seen: dict[str, None] = {}
    launched = max((row.when for row in rows if row.what == "launched"), default=None)
    for row in rows:
        if launched and row.when < launched:
            continue
        if (row.kind == "error" or row.what in TELLING) and row.what not in FOLLOWS:
            seen[f"{row.what}: {row.text}" if row.text else row.what] = None
    return [problem_of(text) for text in seen]
