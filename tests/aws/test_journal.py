"""What servers have written, read back from the sandbox's CloudWatch Logs."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spotkiln.aws.serve import journal
from spotkiln.aws.session import Aws
from spotkiln.errors import InputError
from spotkiln.serve.journal import stream_prefix
from tests.sandbox.account import Account

pytestmark = pytest.mark.sandbox

GROUP = "/shop/production"
WEB, WORKER, OTHER = "shop/web/i-1", "shop/worker/i-1", "shopping/web/i-1"


class Group:
    """A log group that servers write to."""

    def __init__(self, account: Account) -> None:
        self.client: Any = account.client("logs")
        self.client.create_log_group(logGroupName=GROUP)
        for stream in (WEB, WORKER, OTHER):
            self.client.create_log_stream(logGroupName=GROUP, logStreamName=stream)
        self.now = int(time.time() * 1000)

    def write(self, stream: str, *lines: tuple[int, str]) -> None:
        """Each line with its age in seconds."""
        events = [{"timestamp": self.now - age * 1000, "message": text} for age, text in lines]
        self.client.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)

    def ago(self, seconds: int) -> datetime:
        return datetime.fromtimestamp(self.now / 1000, UTC) - timedelta(seconds=seconds)


@pytest.fixture
def group(account: Account) -> Group:
    return Group(account)


def test_lines_of_all_units_come_by_time(aws: Aws, group: Group) -> None:
    group.write(WEB, (7200, "old"), (30, "first"), (10, "third"))
    group.write(WORKER, (20, "second"))
    group.write(OTHER, (15, "another application's"))
    found = list(journal.read(aws, GROUP, stream_prefix("shop"), group.ago(3600)))
    assert [(one.text, one.unit, one.instance) for one in found] == [
        ("first", "web", "i-1"),
        ("second", "worker", "i-1"),
        ("third", "web", "i-1"),
    ]
    assert found[0].when == group.ago(30)
    alone = journal.read(aws, GROUP, stream_prefix("shop", "worker"), group.ago(3600))
    assert [one.text for one in alone] == ["second"]


def test_there_may_be_more_than_one_page(aws: Aws, group: Group) -> None:
    for start in range(0, 11_000, 5500):
        group.write(WEB, *((20, f"{start + n}") for n in range(5500)))
    found = list(journal.read(aws, GROUP, stream_prefix("shop"), group.ago(3600)))
    assert [one.text for one in found] == [str(n) for n in range(11_000)]


def test_what_is_new_is_told_once_also_if_it_comes_late(aws: Aws, group: Group) -> None:
    new: Iterator[list[Any]] = journal.follow(aws, GROUP, stream_prefix("shop"), group.ago(60))
    group.write(WEB, (30, "one"))

    def texts() -> list[str]:
        return [one.text for one in next(new)]

    assert texts() == ["one"]
    assert texts() == []
    group.write(WEB, (10, "three"))
    group.write(WORKER, (20, "two, late"))
    assert texts() == ["two, late", "three"]
    group.write(WORKER, (25, "later still"))
    assert texts() == ["later still"]
    assert texts() == []


def test_the_units_that_have_written(aws: Aws, group: Group) -> None:
    assert journal.units(aws, GROUP, "shop") == ["web", "worker"]
    assert journal.units(aws, GROUP, "blog") == []


def test_a_group_that_nobody_has_made_is_told(aws: Aws, account: Account) -> None:
    del account
    for call in (
        lambda: list(journal.read(aws, GROUP, "shop/", datetime.now(UTC))),
        lambda: journal.units(aws, GROUP, "shop"),
    ):
        with pytest.raises(
            InputError, match=rf"no log group {GROUP} in eu-west-1: servers make it"
        ):
            call()
