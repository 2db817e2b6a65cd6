"""What cannot be discarded fails nothing, and is remembered."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.bake import image as images
from spotkiln.aws.bake.discard import tidy
from spotkiln.aws.keep.facts import gather
from spotkiln.aws.session import Aws
from spotkiln.bake.image import Image
from spotkiln.errors import PermissionDenied
from spotkiln.keep.action import Verb
from spotkiln.keep.reconcile import decide
from spotkiln.poll import RealClock
from tests.aws.test_own import NONE, baked
from tests.look_alikes import DEAD
from tests.sandbox.account import Account

pytestmark = pytest.mark.sandbox


def seen(aws: Aws, name: str) -> Image:
    found = images.describe(aws, name)
    assert found
    return found


def test_a_protected_image_is_put_off_and_goes_later(aws: Aws, account: Account) -> None:
    name, said = baked(account), list[str]()
    account.ec2.enable_image_deregistration_protection(ImageId=name)
    assert tidy(aws, seen(aws, name), RealClock(), said.append) == []
    assert "protection" in said[0]
    assert "DeregisterImage" in seen(aws, name).tags[t.PUT_OFF]
    (action,) = decide(gather(aws, NONE))
    assert action.tried == seen(aws, name).tags[t.PUT_OFF]
    account.ec2.disable_image_deregistration_protection(ImageId=name)
    assert name in tidy(aws, seen(aws, name), RealClock(), said.append)


def test_a_locked_snapshot_outlives_its_image_and_is_known_as_ours(
    aws: Aws, account: Account
) -> None:
    name = baked(account)
    (snapshot,) = seen(aws, name).snapshots
    account.ec2.lock_snapshot(SnapshotId=snapshot, LockMode="governance", LockDuration=1)
    said: list[str] = []
    assert tidy(aws, seen(aws, name), RealClock(), said.append) == []
    assert images.describe(aws, name) is None
    actions = decide(gather(aws, NONE))
    assert [(one.verb, one.ids) for one in actions] == [(Verb.DELETE_SNAPSHOT, (snapshot,))]
    account.ec2.unlock_snapshot(SnapshotId=snapshot)
    assert images.snapshots_of_release(aws, DEAD) == [snapshot]
    assert images.delete_snapshot(aws, snapshot)


def test_what_somebody_else_has_discarded_is_gone_though_aws_denies(
    aws: Aws, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is gone has no tag any more, on which the right to discard it hangs."""
    name = baked(account)
    (snapshot,) = seen(aws, name).snapshots
    refused: Any = {"Error": {"Code": "UnauthorizedOperation", "Message": "by its tag"}}

    def deny(**asked: Any) -> None:
        raise ClientError(refused, "DeregisterImage" if "ImageId" in asked else "DeleteSnapshot")

    monkeypatch.setattr(aws.ec2, "deregister_image", deny)
    monkeypatch.setattr(aws.ec2, "delete_snapshot", deny)
    with pytest.raises(PermissionDenied):
        images.deregister(aws, name)
    with pytest.raises(PermissionDenied):
        images.delete_snapshot(aws, snapshot)
    account.ec2.deregister_image(ImageId=name, DeleteAssociatedSnapshots=True)
    images.deregister(aws, name)
    assert images.delete_snapshot(aws, snapshot)
