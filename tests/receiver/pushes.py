"""Pushes as a spool keeps them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from spotkiln.receiver.spool import Handled, Spool, StartedRun
from spotkiln.start.hooks import Host
from spotkiln.start.push import Push
from tests.receiver.service import commit

START = datetime(2024, 5, 1, 12, tzinfo=UTC)


STARTED = Handled(runs=(StartedRun(deployment="release/shop", id="1", url="http://ui.test/1"),))


def push(before: str = "", after: str = "", repository: str = "example.com/shop") -> Push:
    after = after or commit()
    return Push(
        host=Host.GITEA,
        repositories=(repository,),
        ref="refs/heads/main",
        before=before or commit(),
        after=after,
        commit=after,
    )


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


OLDER = Handled(ignored="older than one that came before it")


def signed(push: Push, secret: str) -> Push:
    return push.model_copy(update={"secret": secret})
