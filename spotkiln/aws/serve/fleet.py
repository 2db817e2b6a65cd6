"""Spot fleet requests and the launch templates that they are made of.

AWS calls this a legacy API: everything that knows it is here, behind names that an Auto Scaling
group could answer to as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.errors import AwsError, aws_errors, code_of, is_not_found
from spotkiln.aws.session import Aws
from spotkiln.bake.own import template_is_ours
from spotkiln.bake.served import text_of
from spotkiln.serve.fleet import Fleet, Phase

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SpotFleetRequestConfigTypeDef

# History is kept for 48 hours; StartTime is required.
HISTORY = timedelta(hours=48)
ALREADY_CANCELLED = {"fleetRequestNotInCancellableState", "fleetRequestIdDoesNotExist"}


def from_aws(request: "SpotFleetRequestConfigTypeDef") -> Fleet:
    """Source: EC2 DescribeSpotFleetRequests."""
    config = request["SpotFleetRequestConfig"]
    groups = (
        config.get("LoadBalancersConfig", {}).get("TargetGroupsConfig", {}).get("TargetGroups", [])
    )
    classic = (
        config.get("LoadBalancersConfig", {})
        .get("ClassicLoadBalancersConfig", {})
        .get("ClassicLoadBalancers", [])
    )
    pools = [
        *config.get("LaunchSpecifications", []),
        *(x for part in config.get("LaunchTemplateConfigs", []) for x in part.get("Overrides", [])),
    ]
    templates = [
        part.get("LaunchTemplateSpecification", {}).get("LaunchTemplateId", "")
        for part in config.get("LaunchTemplateConfigs", [])
    ]
    return Fleet(
        id=request["SpotFleetRequestId"],
        state=request["SpotFleetRequestState"],
        activity=request.get("ActivityStatus", ""),
        capacity=config["TargetCapacity"],
        created=request["CreateTime"],
        target_groups=tuple(group.get("Arn", "") for group in groups),
        launch_templates=tuple(template for template in templates if template),
        classic_load_balancers=tuple(one.get("Name", "") for one in classic),
        weighted=any(pool.get("WeightedCapacity") not in {None, 1.0} for pool in pools),
        tags=t.from_aws(request.get("Tags")),  # type: ignore[arg-type]
    )


def listing(aws: Aws) -> list[Fleet]:
    """All fleets of the region, the cancelled of the last 48 hours too.

    The call has no filters: choosing is the caller's.
    """
    with aws_errors("listing spot fleets"):
        pages = aws.ec2.get_paginator("describe_spot_fleet_requests").paginate()
        return [from_aws(one) for page in pages for one in page["SpotFleetRequestConfigs"]]


def of_release(aws: Aws, release: str) -> list[Fleet]:
    return [fleet for fleet in listing(aws) if fleet.release == release]


def describe(aws: Aws, fleet: str) -> Fleet | None:
    """One fleet; None while it cannot be seen yet, or no longer."""
    try:
        answer = aws.ec2.describe_spot_fleet_requests(SpotFleetRequestIds=[fleet])
    except ClientError as error:
        if is_not_found(error) or code_of(error).startswith("InvalidSpotFleetRequestId"):
            return None
        with aws_errors(f"fleet {fleet}"):
            raise
    found = answer["SpotFleetRequestConfigs"]
    return from_aws(found[0]) if found else None


def request(aws: Aws, config: dict[str, Any]) -> str:
    """Ask for a fleet; its id. The client token in `config` makes a repeated call one fleet."""
    with aws_errors("requesting a spot fleet"):
        answer = aws.ec2.request_spot_fleet(SpotFleetRequestConfig=config)  # type: ignore[arg-type]
    return answer["SpotFleetRequestId"]


def tag(aws: Aws, fleet: str, tags: Mapping[str, str]) -> None:
    """Add or replace tags of a fleet."""
    with aws_errors(f"tagging {fleet}"):
        aws.ec2.create_tags(Resources=[fleet], Tags=t.to_aws(tags))  # type: ignore[arg-type]


def set_phase(aws: Aws, fleet: str, phase: Phase) -> None:
    """Written before the step that it announces."""
    with aws_errors(f"phase {phase} of fleet {fleet}"):
        aws.ec2.create_tags(Resources=[fleet], Tags=[{"Key": t.PHASE, "Value": str(phase)}])


def promote(aws: Aws, fleet: str, moment: datetime) -> dict[str, str]:
    """From now on it is what serves. One call: who sees the phase sees the time. The tags."""
    marks = {t.PHASE: str(Phase.SERVING), t.PROMOTED: text_of(moment)}
    with aws_errors(f"promotion of fleet {fleet}"):
        aws.ec2.create_tags(Resources=[fleet], Tags=t.to_aws(marks))  # type: ignore[arg-type]
    return marks


def cancel(aws: Aws, fleets: Iterable[str], *, terminate: bool) -> None:
    """Cancel; what is cancelled already is no error.

    Raises:
        AwsError: AWS did not cancel one, with the id and AWS's reason.
    """
    wanted = sorted(fleets)
    for start in range(0, len(wanted), 100):
        batch = wanted[start : start + 100]
        with aws_errors(f"cancelling {', '.join(batch)}"):
            answer = aws.ec2.cancel_spot_fleet_requests(
                SpotFleetRequestIds=batch, TerminateInstances=terminate
            )
        failed = [
            f"{item.get('SpotFleetRequestId')}: {item.get('Error', {}).get('Message')}"
            for item in answer.get("UnsuccessfulFleetRequests", [])
            if item.get("Error", {}).get("Code") not in ALREADY_CANCELLED
        ]
        if failed:
            raise AwsError(f"not cancelled: {'; '.join(failed)}", "UnsuccessfulFleetRequests")


def history(aws: Aws, fleet: str) -> list[tuple[datetime, str, str, str]]:
    """(time, event type, sub type, text), oldest first; up to 30 s late."""
    rows: list[tuple[datetime, str, str, str]] = []
    token = ""
    with aws_errors(f"history of fleet {fleet}"):
        while True:
            more: dict[str, Any] = {"NextToken": token} if token else {}
            answer = aws.ec2.describe_spot_fleet_request_history(
                SpotFleetRequestId=fleet, StartTime=aws.now() - HISTORY, **more
            )
            for record in answer.get("HistoryRecords", []):
                information = record.get("EventInformation", {})
                text = information.get("EventDescription") or information.get("InstanceId", "")
                rows.append(
                    (
                        record.get("Timestamp", datetime.fromtimestamp(0, UTC)),
                        record.get("EventType", ""),
                        information.get("EventSubType", ""),
                        text,
                    )
                )
            token = answer.get("NextToken", "")
            if not token:
                # By time alone: what happened in the same moment stays in AWS's order.
                return sorted(rows, key=lambda row: row[0])


def problems(rows: Sequence[tuple[datetime, str, str, str]]) -> list[str]:
    """What a history says went wrong since the last launch, each once, newest last: what came
    before did not hinder it."""
    seen: dict[str, None] = {}
    launched = max((when for when, _, sub_type, _ in rows if sub_type == "launched"), default=None)
    harmless = {"fleetProgressHalted"}
    telling = {"launchSpecUnusable", "launchSpecTemporarilyBlacklisted"}
    telling |= {"registerWithLoadBalancersFailed"}
    for when, kind, sub_type, text in rows:
        if launched and when < launched:
            continue
        if (kind == "error" or sub_type in telling) and sub_type not in harmless:
            seen[f"{sub_type}: {text}" if text else sub_type] = None
    return list(seen)


def find_template(aws: Aws, name: str) -> str | None:
    """A launch template's id by its name."""
    try:
        answer = aws.ec2.describe_launch_templates(LaunchTemplateNames=[name])
    except ClientError as error:
        if is_not_found(error) or "NotFound" in code_of(error):
            return None
        with aws_errors(f"launch template {name}"):
            raise
    found = answer["LaunchTemplates"]
    return found[0]["LaunchTemplateId"] if found else None


def create_template(aws: Aws, wanted: dict[str, Any]) -> str:
    """Create, or find by the name what an earlier call made; the id."""
    name = wanted["LaunchTemplateName"]
    try:
        answer = aws.ec2.create_launch_template(**wanted)
    except ClientError as error:
        found = find_template(aws, name) if "AlreadyExists" in code_of(error) else None
        if found:
            return found
        with aws_errors(f"launch template {name}"):
            raise
    return answer["LaunchTemplate"]["LaunchTemplateId"]


def templates_of_release(aws: Aws, release: str) -> list[str]:
    """Ids, found by tag, of those whose name it chose."""
    with aws_errors(f"launch templates of {release}"):
        pages = aws.ec2.get_paginator("describe_launch_templates").paginate(
            Filters=[{"Name": f"tag:{t.RELEASE}", "Values": [release]}]
        )
        return [
            one["LaunchTemplateId"]
            for page in pages
            for one in page["LaunchTemplates"]
            if template_is_ours(one.get("LaunchTemplateName", ""), release)
        ]


def delete_template(aws: Aws, template: str) -> None:
    """By id; gone already is no error."""
    try:
        aws.ec2.delete_launch_template(LaunchTemplateId=template)
    except ClientError as error:
        if not is_not_found(error) and "NotFound" not in code_of(error):
            with aws_errors(f"deleting launch template {template}"):
                raise
