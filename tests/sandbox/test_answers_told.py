"""CloudWatch tells what target groups have answered, and how fast."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests import plain
from tests.sandbox.account import Account, eventually

pytestmark = pytest.mark.sandbox

# In the sandbox's seconds.
SLOW = 2.0


def told(account: Account, metric: str, stat: str) -> float:
    """Of the last minutes."""
    group = account.elbv2.describe_target_groups(TargetGroupArns=[account.target_group])
    balancer = group["TargetGroups"][0]["LoadBalancerArns"][0].partition(":loadbalancer/")[2]
    dimensions = [
        {"Name": "LoadBalancer", "Value": balancer},
        {"Name": "TargetGroup", "Value": account.target_group.rpartition(":")[2]},
    ]
    one: Any = {"Namespace": "AWS/ApplicationELB", "MetricName": metric, "Dimensions": dimensions}
    now = datetime.now(UTC)
    answer = account.client("cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": "m", "MetricStat": {"Metric": one, "Period": 600, "Stat": stat}}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
    )
    values = answer["MetricDataResults"][0]["Values"]
    return float(values[0]) if values else 0.0


def test_requests_and_the_time_that_servers_took(account: Account, box: Sandbox) -> None:
    # What others have asked of the target group in these minutes would count as well.
    box.reset()
    account.forget()
    box.script(boot_seconds=1, serve_seconds=0, latency_seconds=SLOW)
    instance = account.run()
    account.until(instance, "running")
    account.elbv2.register_targets(TargetGroupArn=account.target_group, Targets=[{"Id": instance}])
    account.until_health(instance, "healthy")
    address = box.load_balancer("website")
    for _ in range(5):
        assert plain.get(address).status_code == 200
    eventually(lambda: told(account, "RequestCount", "Sum") == 5, what="all are told")
    assert told(account, "HTTPCode_Target_5XX_Count", "Sum") == 0
    middle = told(account, "TargetResponseTime", "p50")
    assert SLOW <= middle <= told(account, "TargetResponseTime", "p99.9")
    assert told(account, "TargetResponseTime", "SampleCount") == 5


def test_what_came_before_a_reset_is_none_of_the_new_target_groups(
    account: Account, box: Sandbox
) -> None:
    """It has the same name, and what came last is not told yet."""
    box.script(boot_seconds=1, serve_seconds=0)
    instance = account.run()
    account.until(instance, "running")
    account.elbv2.register_targets(TargetGroupArn=account.target_group, Targets=[{"Id": instance}])
    account.until_health(instance, "healthy")
    assert plain.get(box.load_balancer("website")).status_code == 200
    box.reset()
    account.forget()
    time.sleep(2.5)  # it is told every second
    assert told(account, "RequestCount", "Sum") == 0


def test_a_new_alarm_has_no_data_and_a_changed_one_stays_as_it_was(account: Account) -> None:
    watch = account.client("cloudwatch")
    alarm = {
        "AlarmName": "new",
        "Namespace": "Shop",
        "MetricName": "Errors",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    }

    def state() -> str:
        (found,) = watch.describe_alarms(AlarmNames=["new"])["MetricAlarms"]
        return str(found["StateValue"])

    watch.put_metric_alarm(Threshold=1, **alarm)
    assert state() == "INSUFFICIENT_DATA"
    watch.set_alarm_state(AlarmName="new", StateValue="ALARM", StateReason="a test")
    watch.put_metric_alarm(Threshold=2, **alarm)
    assert state() == "ALARM"
    watch.delete_alarms(AlarmNames=["new"])
