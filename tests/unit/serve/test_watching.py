"""What CloudWatch is asked, and what its answers and its silence mean."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from spotkiln.aws.serve import signals
from spotkiln.aws.serve.watching import SignalWatch
from spotkiln.errors import InputError, SpotkilnError
from spotkiln.serve.signals import Word
from spotkiln.serve.traffic import Traffic
from tests.unit import nouns
from tests.unit.clock import FakeClock
from tests.unit.serve.shifting import BLUE, GREEN
from tests.unit.serve.test_calls import Cloud, refused
from tests.unit.shapes import problems

ALARMED = Traffic(alarms=("a",), no_data_seconds=60)
# Of each minute of a group: requests, errors, the 90th percentile in seconds.
Minutes = list[tuple[int, int, float]]
METRICS = ["RequestCount", "HTTPCode_Target_5XX_Count", "TargetResponseTime"]


class Watched(Cloud):
    """A CloudWatch with minutes up to now. `fails` is raised instead of an answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **minutes: Minutes) -> None:
        super().__init__(describe_alarms=self._alarms, get_metric_data=self._data)
        self.minutes = {BLUE.arn: minutes.get("old", []), GREEN.arn: minutes.get("new", [])}
        self.fails: Exception | None = None
        self.state = "OK"
        self.asked_for: list[tuple[str, str]] = []
        monkeypatch.setattr(signals, "client_of", lambda *_: self)

    def _alarms(self, **asked: Any) -> dict[str, Any]:
        if self.fails:
            raise self.fails
        names = [one for one in asked["AlarmNames"] if one == "a"]
        return {"MetricAlarms": [{"AlarmName": x, "StateValue": self.state} for x in names]}

    def _data(self, **asked: Any) -> dict[str, Any]:
        assert problems("cloudwatch", "GetMetricData", asked) == []
        if self.fails:
            raise self.fails
        return {"MetricDataResults": [self._one(query) for query in asked["MetricDataQueries"]]}

    def _one(self, query: dict[str, Any]) -> dict[str, Any]:
        stat = query["MetricStat"]
        metric = stat["Metric"]
        group = {one["Name"]: one["Value"] for one in metric["Dimensions"]}["TargetGroup"]
        told = next(x for arn, x in self.minutes.items() if arn.endswith(group))
        self.asked_for.append((metric["MetricName"], stat["Stat"]))
        at = METRICS.index(metric["MetricName"])
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        # AWS tells the last one first.
        return {
            "Id": query["Id"],
            "Timestamps": [now - timedelta(minutes=n) for n in range(len(told))],
            "Values": [one[at] for one in reversed(told)],
        }

    def watch(self, traffic: Traffic, clock: FakeClock | None = None) -> SignalWatch:
        pair, aws = nouns.infra(target_group=BLUE, second=GREEN), self.aws()
        aws.time.hear(format_datetime(datetime.now(UTC), usegmt=True))
        return SignalWatch(aws, pair, traffic, clock or FakeClock(), GREEN.name)


def words(watch: SignalWatch) -> list[Word]:
    return [one.word for one in watch.look(count=True)]


STEADY: Minutes = [(100, 0, 0.1 + n / 1000) for n in range(10)]


def test_more_errors_are_a_bad_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Watched(monkeypatch, old=STEADY, new=[(100, 20, 0.1)] * 4)
    assert words(cloud.watch(Traffic())) == [Word.BAD]
    # Latency is compared only if somebody asks for it.
    assert ("TargetResponseTime", "p90") not in cloud.asked_for


def test_slower_servers_are_a_bad_signal_if_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    slow: Minutes = [(100, 0, 0.2)] * 4
    cloud = Watched(monkeypatch, old=STEADY, new=slow)
    assert words(cloud.watch(Traffic(slower_percent=50))) == [Word.GOOD, Word.BAD]
    assert words(cloud.watch(Traffic(slower_percent=100))) == [Word.GOOD, Word.GOOD]
    cloud = Watched(monkeypatch, old=STEADY, new=slow[:1])
    few = cloud.watch(Traffic(slower_percent=50, least_requests=50))
    assert words(few) == [Word.GOOD, Word.UNKNOWN]


def test_silence_of_cloudwatch_is_waited_out_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud, clock = Watched(monkeypatch, old=STEADY, new=STEADY), FakeClock()
    watch = cloud.watch(ALARMED, clock)
    assert words(watch) == [Word.GOOD, Word.GOOD]
    cloud.fails = refused("InternalFailure", "DescribeAlarms")
    assert words(watch) == [Word.UNKNOWN, Word.UNKNOWN]
    clock.sleep(59)
    assert words(watch) == [Word.UNKNOWN, Word.UNKNOWN]
    clock.sleep(1)
    found = watch.look(count=True)
    assert [one.word for one in found] == [Word.BAD, Word.BAD]
    assert found[0].why.startswith("alarms could not be read for 60 s: ")
    # Once it answers, the time begins anew.
    cloud.fails = None
    assert words(watch) == [Word.GOOD, Word.GOOD]
    cloud.fails = refused("InternalFailure", "DescribeAlarms")
    assert words(watch) == [Word.UNKNOWN, Word.UNKNOWN]


def test_a_refusal_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Watched(monkeypatch, old=STEADY, new=STEADY)
    watch = cloud.watch(ALARMED)
    cloud.fails = refused("AccessDenied", "DescribeAlarms")
    with pytest.raises(SpotkilnError, match="no right to"):
        watch.look(count=True)
    cloud.fails = None
    gone = cloud.watch(ALARMED.model_copy(update={"alarms": ("a", "gone")}))
    with pytest.raises(InputError, match="no CloudWatch alarm gone"):
        gone.look(count=True)


def test_an_alarm_without_data_is_bad_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud, clock = Watched(monkeypatch, old=STEADY, new=STEADY), FakeClock()
    cloud.state = "INSUFFICIENT_DATA"
    watch = cloud.watch(ALARMED, clock)
    assert words(watch)[0] is Word.UNKNOWN
    clock.sleep(61)
    assert words(watch)[0] is Word.BAD


def test_nothing_is_asked_where_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Watched(monkeypatch)
    assert cloud.watch(ALARMED.at_once()).look(count=True) == ()
    assert cloud.asked == []
