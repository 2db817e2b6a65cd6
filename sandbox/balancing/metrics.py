"""What CloudWatch tells of a load balancer's target groups: requests, answers with 5xx, and how
long servers took to answer."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from moto.cloudwatch.models import Statistics, cloudwatch_backends

from sandbox.state.account import Account
from sandbox.state.records import ACCOUNT_ID

NAMESPACE = "AWS/ApplicationELB"
LATENCY = "TargetResponseTime"
PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?|100)")
_KEPT = timedelta(hours=1)


class Metrics:
    """CloudWatch has them a second after the requests; AWS's are some minutes late."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._told: Counter[tuple[str, str, str]] = Counter()

    def publish(
        self,
        listener: str,
        counters: Mapping[str, Any],
        times: Mapping[str, Sequence[float]] = MappingProxyType({}),
    ) -> None:
        """What has come to a listener since the last time; `counters` are of all time, `times`
        only of since then: seconds by target group. The caller holds the account's lock, since
        before it read them."""
        for group, new in self._new(listener, counters).items():
            if any(new.values()):
                self._put(group, new, times.get(group, ()))

    def forget(self, listener: str, counters: Mapping[str, Any]) -> None:
        """What has come to a listener is told no more. The caller as above."""
        self._new(listener, counters)

    def _new(self, listener: str, counters: Mapping[str, Any]) -> dict[str, dict[str, int]]:
        """By target group and metric; the next time it is not new any more."""
        found = {}
        for group, counted in counters["groups"].items():
            codes = counted["codes"]
            errors = sum(number for code, number in codes.items() if code.startswith("5"))
            sums = {"RequestCount": counted["requests"], "HTTPCode_Target_5XX_Count": errors}
            new = {
                name: number - self._told[listener, group, name] for name, number in sums.items()
            }
            self._told.update({(listener, group, name): more for name, more in new.items()})
            found[group] = new
        return found

    def _put(self, name: str, new: Mapping[str, int], times: Sequence[float]) -> None:
        # moto compares with times that have no zone.
        now = datetime.now(UTC).replace(tzinfo=None)
        groups = self._account.elbv2.target_groups.values()
        group = next((one for one in groups if one.name == name), None)
        if group is None or not group.load_balancer_arns:
            return
        balancer = group.load_balancer_arns[0].partition(":loadbalancer/")[2]
        dimensions = [
            {"Name": "LoadBalancer", "Value": balancer},
            {"Name": "TargetGroup", "Value": group.arn.rpartition(":")[2]},
        ]
        backend: Any = cloudwatch_backends[ACCOUNT_ID][self._account.region]
        backend.metric_data[:] = [one for one in backend.metric_data if now - one.timestamp < _KEPT]
        backend.put_metric_data(
            NAMESPACE,
            [
                {
                    "MetricName": metric,
                    "Dimensions": dimensions,
                    "Timestamp": now,
                    "Value": value,
                }
                for metric, value in (*new.items(), *((LATENCY, one) for one in times))
            ],
        )


_known: Any = Statistics.get_statistics_for_type


def statistic(self: Any, stat: str) -> Any:
    """moto knows no percentiles, such as p90 and p99.9: here the smallest value that so many are
    not above. AWS's lie between two values."""
    if not (found := PERCENTILE.fullmatch(stat)):
        return _known(self, stat)
    values = sorted(self.metric_single_values_list)
    at = math.ceil(float(found[1]) / 100 * len(values))
    return values[max(at, 1) - 1] if values else None
