"""Reads what servers have written to their log group in CloudWatch Logs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from spotkiln.aws.errors import aws_errors, is_not_found
from spotkiln.aws.session import Aws, client_of
from spotkiln.errors import InputError
from spotkiln.serve.journal import Line, line_of, stream_prefix

# A server writes every few seconds, and a little later if CloudWatch Logs had no time.
LATE = timedelta(seconds=60)


def read(aws: Aws, group: str, prefix: str, since: datetime) -> Iterator[Line]:
    """The lines of the streams whose name begins so, page by page, each page by time. Source:
    CloudWatch Logs FilterLogEvents.

    Raises:
        InputError: there is no such group.
    """
    with _of(aws, group):
        pages = (
            client_of(aws, "logs")
            .get_paginator("filter_log_events")
            .paginate(
                logGroupName=group,
                logStreamNamePrefix=prefix,
                startTime=int(since.timestamp() * 1000),
            )
        )
        for page in pages:
            found = [
                line_of(one["eventId"], one["logStreamName"], one["timestamp"], one["message"])
                for one in page["events"]
            ]
            yield from sorted(found, key=lambda line: line.when)


def units(aws: Aws, group: str, app: str) -> list[str]:
    """The units of an application that have ever written there. Source: DescribeLogStreams.

    Raises:
        InputError: there is no such group.
    """
    with _of(aws, group):
        pages = (
            client_of(aws, "logs")
            .get_paginator("describe_log_streams")
            .paginate(logGroupName=group, logStreamNamePrefix=stream_prefix(app))
        )
        names = (one["logStreamName"] for page in pages for one in page["logStreams"])
        return sorted({name.split("/")[1] for name in names if name.count("/") > 1})


@contextmanager
def _of(aws: Aws, group: str) -> Iterator[None]:
    """Tells a group that is not there."""
    with aws_errors(f"log group {group}"):
        try:
            yield
        except ClientError as error:
            if not is_not_found(error):
                raise
            raise InputError(
                f"no log group {group} in {aws.region}: servers make it with their first lines. "
                "Have they been released with this setting, and has their role the rights for it "
                "(`spotkiln docs logs`)? On a server `journalctl --unit '*-logs'` says what is "
                "wrong"
            ) from error


def follow(aws: Aws, group: str, prefix: str, since: datetime) -> Iterator[list[Line]]:
    """What is new at each look, for ever; whoever asks decides how often. Lines that come late are
    told late, and none twice."""
    told: dict[str, datetime] = {}
    while True:
        found = [one for one in read(aws, group, prefix, since) if one.id not in told]
        told |= {one.id: one.when for one in found}
        yield found
        newest = max(told.values(), default=since)
        since = max(since, newest - LATE)
        told = {name: when for name, when in told.items() if when >= since}
