"""What `spotkiln account check` says of rights that the worker has on request, of the stack that
the account has at the start."""

from collections.abc import Mapping

import pytest

from spotkiln.account.roles import WORKER
from spotkiln.aws.account import stack as stacks
from spotkiln.aws.account.check import worker
from spotkiln.aws.release import rights
from spotkiln.aws.session import Aws
from spotkiln.errors import InputError
from spotkiln.poll import RealClock
from tests.sandbox.account import Account

STACK = "sandbox-website"
KEYS = tuple(f"arn:aws:kms:eu-west-1:123456789012:key/{number}" for number in (1, 2))


def asks_for(aws: Aws, **said: str) -> None:
    stacks.apply(aws, stacks.plan(aws, STACK, said, RealClock()), RealClock(), print)


def checked(aws: Aws) -> str:
    """Asked anew: IAM's answers are kept."""
    rights._ask.cache_clear()
    return worker(aws, STACK)


@pytest.mark.parametrize(
    ("said", "policy", "part", "lacking"),
    [
        (
            {"Adopt": "yes"},
            "adoption-website",
            "adoption",
            # The same actions of EC2's are allowed on what is ours: the answer depends on a tag.
            "autoscaling:CreateOrUpdateTags, autoscaling:Delete.*, autoscaling:SuspendProcesses;",
        ),
        (
            {"DiskKeys": ",".join(KEYS)},
            "own-keys-of-disks-website",
            "own keys of disks",
            "kms:CreateGrant, kms:Decrypt, kms:Generate.*, kms:ReEncryptTo;",
        ),
    ],
)
def test_what_the_stack_asks_for_is_checked(
    account: Account, aws: Aws, said: Mapping[str, str], policy: str, part: str, lacking: str
) -> None:
    del account
    assert part not in checked(aws)
    asks_for(aws, **said)
    assert f", {part}: allowed" in checked(aws)
    aws.iam.delete_role_policy(RoleName=WORKER, PolicyName=policy)
    with pytest.raises(InputError, match=lacking):
        checked(aws)


def test_each_of_the_keys_is_checked(account: Account, aws: Aws) -> None:
    del account
    asks_for(aws, DiskKeys=",".join(KEYS))
    whole = str(aws.iam.get_role_policy(RoleName=WORKER, PolicyName="own-keys-of-disks-website"))
    assert all(one in whole for one in KEYS)
    asks_for(aws, DiskKeys=KEYS[0])
    found = stacks.find(aws, STACK)
    assert found is not None
    both = [
        {**one, "ParameterValue": ",".join(KEYS)} if one["ParameterKey"] == "DiskKeys" else one
        for one in found["Parameters"]
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stacks, "find", lambda *_: {**found, "Parameters": both})
        with pytest.raises(InputError, match="kms:CreateGrant"):
            checked(aws)
