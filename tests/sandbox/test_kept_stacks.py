"""A stack may hold what cannot be written down: the account is kept without it."""

from types import SimpleNamespace
from typing import Any

import pytest
from moto.cloudformation.models import cloudformation_backends
from moto.ec2.models import ec2_backends
from moto.elbv2.models import elbv2_backends

from sandbox.state import kept
from sandbox.state.records import ACCOUNT_ID
from tests.unit.moto_account import moto_account

REGION = "eu-west-1"


def test_only_such_a_stack_is_left_out_and_named(caplog: pytest.LogCaptureFixture) -> None:
    with moto_account():
        account: Any = SimpleNamespace(
            region=REGION,
            ec2=ec2_backends[ACCOUNT_ID][REGION],
            elbv2=elbv2_backends[ACCOUNT_ID][REGION],
            state="as it is",
            clock=SimpleNamespace(now=lambda: 7.0, set=lambda _: None),
            scripts=SimpleNamespace(rules=list, put=lambda _: None),
        )
        backend: Any = cloudformation_backends[ACCOUNT_ID][REGION]
        good = SimpleNamespace(name="good")
        backend.stacks = {"1": good, "2": SimpleNamespace(name="bad", calls=lambda: None)}
        written = kept.dump(account, "mine", "simulated")
        backend.stacks, account.state = {}, "another"
        kept.load(account, written, "simulated")
        assert (account.state, backend.stacks) == ("as it is", {"1": good})
    assert "these stacks are not kept for the next sandbox: bad" in caplog.text
