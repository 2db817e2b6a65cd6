"""CloudWatch's alarms: a new one knows nothing yet, and one that is changed stays as it was."""

from typing import Any

from moto.cloudwatch.models import CloudWatchBackend

_put = CloudWatchBackend.put_metric_alarm
_STATE = ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp", "history")


def take_over() -> None:
    CloudWatchBackend.put_metric_alarm = _put_as_aws  # type: ignore[method-assign, assignment]


def _put_as_aws(backend: CloudWatchBackend, **given: Any) -> Any:
    former = backend.alarms.get(given.get("name", ""))
    alarm = _put(backend, **given)
    if former is None:
        alarm.state_value = "INSUFFICIENT_DATA"
    else:
        for name in _STATE:
            setattr(alarm, name, getattr(former, name))
    return alarm
