"""Reads the signals of new servers from CloudWatch: alarms, and the answers of target groups."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from spotkiln.aws.errors import aws_errors
from spotkiln.aws.session import Aws, client_of
from spotkiln.bake.infra import TargetGroup
from spotkiln.errors import InputError
from spotkiln.serve.latency import PERCENTILE, Minute
from spotkiln.serve.signals import AlarmState, Counted

_MINUTE = 60
_REQUESTS, _LATENCY = "RequestCount", "TargetResponseTime"


def alarms(aws: Aws, names: Sequence[str]) -> dict[str, AlarmState]:
    """By name. Source: CloudWatch DescribeAlarms.

    Raises:
        InputError: there is none of a name.
    """
    if not names:
        return {}
    with aws_errors(f"alarms {', '.join(names)}"):
        told = client_of(aws, "cloudwatch").describe_alarms(
            AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
    found = [*told.get("MetricAlarms", []), *told.get("CompositeAlarms", [])]
    states = {one["AlarmName"]: AlarmState(one["StateValue"]) for one in found}
    if missing := sorted(set(names) - states.keys()):
        raise InputError(
            f"no CloudWatch alarm {', '.join(missing)} in {aws.region}: create it, or take it out "
            "of traffic.alarms"
        )
    return states


def counted(aws: Aws, group: TargetGroup, since: datetime) -> Counted:
    """What the servers of a target group have answered since then, by whole minutes; CloudWatch
    tells of the last ones late."""
    told = _told(aws, group, since, {_REQUESTS: "Sum", "HTTPCode_Target_5XX_Count": "Sum"})
    requests, errors = (int(sum(one.values())) for one in told)
    # The two metrics of the last minute may not be of the same moment.
    return Counted(requests=max(requests, errors), errors=errors)


def minutes(aws: Aws, group: TargetGroup, since: datetime) -> list[Minute]:
    """How fast they have answered in each minute since then, the earliest first; without minutes
    in which there was nothing to answer."""
    requests, seconds = _told(aws, group, since, {_REQUESTS: "Sum", _LATENCY: PERCENTILE})
    return [
        Minute(requests=int(requests[when]), seconds=seconds[when])
        for when in sorted(seconds)
        if when in requests
    ]


def _told(
    aws: Aws, group: TargetGroup, since: datetime, stats: Mapping[str, str]
) -> list[dict[datetime, float]]:
    """For each metric, by its name and statistic, its values by minute. Source: GetMetricData of
    AWS/ApplicationELB."""
    dimensions = [
        {"Name": "LoadBalancer", "Value": group.load_balancers[0].partition(":loadbalancer/")[2]},
        {"Name": "TargetGroup", "Value": group.arn.rpartition(":")[2]},
    ]
    queries = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/ApplicationELB",
                    "MetricName": name,
                    "Dimensions": dimensions,
                },
                "Period": _MINUTE,
                "Stat": stat,
            },
        }
        for number, (name, stat) in enumerate(stats.items())
    ]
    begin = since.replace(second=0, microsecond=0)
    end = aws.now().replace(second=0, microsecond=0) + timedelta(seconds=_MINUTE)
    with aws_errors(f"the answers of {group.name}"):
        pages = (
            client_of(aws, "cloudwatch")
            .get_paginator("get_metric_data")
            .paginate(MetricDataQueries=queries, StartTime=begin, EndTime=end)
        )
        found: dict[str, dict[datetime, float]] = {str(query["Id"]): {} for query in queries}
        for page in pages:
            for one in page["MetricDataResults"]:
                found[one["Id"]].update(zip(one["Timestamps"], one["Values"], strict=True))
    return [*found.values()]
