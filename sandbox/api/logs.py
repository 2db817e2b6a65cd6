"""CloudWatch Logs where moto differs: the streams that FilterLogEvents looks at, and what
PutLogEvents takes at once."""

import json
from typing import Any

from moto.logs.exceptions import InvalidParameterException
from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse

MOST_EVENTS, MOST_BYTES, MOST_MILLISECONDS = 10_000, 1_048_576, 24 * 3600 * 1000
# AWS counts so many more for each event.
MORE_BYTES = 26


class SandboxLogs(LogsResponse):
    """Our operations come first; moto's answer the rest."""

    def filter_log_events(self) -> str:
        """moto looks at all streams, whatever the prefix."""
        prefix = self._get_param("logStreamNamePrefix")
        if not prefix:
            return str(super().filter_log_events())
        if self._get_param("logStreamNames"):
            raise InvalidParameterException(
                "logStreamNames and logStreamNamePrefix cannot be specified together."
            )
        backend: LogsBackend = self.logs_backend
        group = backend.groups.get(self._get_param("logGroupName"))
        found = [name for name in group.streams if name.startswith(prefix)] if group else []
        if group and not found:
            return json.dumps({"events": [], "searchedLogStreams": []})
        events, token, searched = backend.filter_log_events(
            self._get_param("logGroupName"),
            found,
            self._get_param("startTime"),
            self._get_param("endTime"),
            self._get_param("limit"),
            self._get_param("nextToken"),
            self._get_param("filterPattern"),
            True,
        )
        return json.dumps({"events": events, "nextToken": token, "searchedLogStreams": searched})

    def put_log_events(self) -> str:
        """moto takes any number of events, of any size."""
        events: list[dict[str, Any]] = self._get_param("logEvents") or []
        sizes = [len(one["message"].encode()) + MORE_BYTES for one in events]
        times = [one["timestamp"] for one in events]
        if not events or len(events) > MOST_EVENTS:
            raise InvalidParameterException(
                f"1 validation error detected: Value at 'logEvents' failed to satisfy constraint: "
                f"Member must have length between 1 and {MOST_EVENTS}"
            )
        if sum(sizes) > MOST_BYTES:
            raise InvalidParameterException(
                f"Upload too large: {sum(sizes)} bytes exceeds limit of {MOST_BYTES}"
            )
        if min(sizes) == MORE_BYTES:
            raise InvalidParameterException(
                "1 validation error detected: Value '' at 'logEvents.message' failed to satisfy "
                "constraint: Member must have length greater than or equal to 1"
            )
        if max(times) - min(times) > MOST_MILLISECONDS:
            raise InvalidParameterException(
                "The batch of log events in a single PutLogEvents request cannot span more than "
                "24 hours."
            )
        return str(super().put_log_events())
