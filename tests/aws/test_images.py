"""What becomes of images that have served: dates, and other accounts that may use them."""

from datetime import timedelta

import pytest

from spotkiln import tags as t
from spotkiln.aws.bake import image as images
from spotkiln.aws.bake.base import source_image
from spotkiln.aws.bake.sharing import check_sharing
from spotkiln.aws.bake.starts import base_image
from spotkiln.aws.keep.deprecate import give_dates
from spotkiln.aws.keep.share import share_images
from spotkiln.aws.session import Aws
from spotkiln.bake.image import Image
from spotkiln.bake.served import Served, text_of
from spotkiln.errors import InputError
from tests.aws.test_discard import seen
from tests.aws.test_own import baked, silent
from tests.sandbox.account import Account, eventually
from tests.unit import nouns

pytestmark = pytest.mark.sandbox

DEBIAN = "136693071363"
LONG_AGO = "2026-01-31T12:00:00.000Z"


def test_a_date_comes_once_it_serves_no_more_and_goes_once_it_does(
    aws: Aws, account: Account
) -> None:
    name, now = baked(account), aws.now()
    ended = Served(since=now - timedelta(days=9), until=now - timedelta(days=1))
    served = {t.RELEASED: text_of(ended.since), f"{t.SERVED}website": ended.to_tag()}
    images.tag(aws, [name], served)
    (one,) = give_dates(aws, images.of_app(aws, "demo-web-app"), 30, silent)
    # EC2 leaves the seconds out.
    assert seen(aws, name).deprecated == one.when
    assert give_dates(aws, images.of_app(aws, "demo-web-app"), 30, silent) == []
    again = Served(since=now)
    images.tag(aws, [name], {f"{t.SERVED}website": again.to_tag()})
    said: list[str] = []
    give_dates(aws, images.of_app(aws, "demo-web-app"), 30, said.append)
    assert seen(aws, name).deprecated is None
    assert said == [f"{name} serves, or is kept: it is not deprecated any more"]


def test_one_s_own_is_found_deprecated_or_not_and_told(aws: Aws, account: Account) -> None:
    """A base that was made by hand."""
    machine = account.run()
    account.until(machine, "running")
    made = account.make_image(machine, Name="acme-base 1")
    eventually(lambda: account.image(made)["State"] == "available", what=made)
    account.box.deprecate(made, LONG_AGO)
    found = base_image(aws, "acme-base*")
    assert found.id == made
    assert found.out_of_date(aws.now()) == (
        f"base image acme-base 1 ({made}) has been deprecated since 2026-01-31 12:00:00 UTC: "
        "bake a new one (`spotkiln base`), or name another"
    )


def test_another_s_deprecated_image_is_no_source_and_the_error_says_why(
    aws: Aws, account: Account
) -> None:
    there = source_image(aws, "debian-13-amd64-*", DEBIAN)
    account.box.deprecate(there.id, LONG_AGO)
    with pytest.raises(InputError, match="has only deprecated images named 'debian-13-") as error:
        source_image(aws, "debian-13-amd64-*", DEBIAN)
    assert there.name in str(error.value)
    # By its id it is there for everybody.
    assert seen(aws, there.id).deprecated


SERVES = {t.STATE: "tested", f"{t.SERVED}website": "2026-01-31T12:00:00.000+00:00"}


def allowed(account: Account, image: Image) -> tuple[list[str], list[str]]:
    """Who may use it, and its snapshot; EC2 tells them in no order."""
    told = account.ec2.describe_image_attribute(ImageId=image.id, Attribute="launchPermission")
    (snapshot,) = image.snapshots
    more = account.ec2.describe_snapshot_attribute(
        SnapshotId=snapshot, Attribute="createVolumePermission"
    )
    return (
        sorted(one["UserId"] for one in told["LaunchPermissions"]),
        sorted(one["UserId"] for one in more["CreateVolumePermissions"]),
    )


def test_an_image_is_shared_with_its_snapshots_and_a_person_s_own_sharing_stays(
    aws: Aws, account: Account
) -> None:
    name = baked(account, **SERVES)
    ours, theirs = "111111111111", "999999999999"
    images.share(aws, seen(aws, name), [theirs])

    def share(*accounts: str) -> None:
        share_images(aws, images.of_app(aws, "demo-web-app"), "website", accounts, silent)

    share(ours)
    assert allowed(account, seen(aws, name)) == ([ours, theirs], [ours, theirs])
    assert seen(aws, name).tags[f"{t.SHARED}website"] == ours
    account.box.clear_calls()
    share(ours)
    assert not [one for one in account.box.calls() if one["mutating"]]
    share()
    assert allowed(account, seen(aws, name)) == ([theirs], [theirs])
    assert f"{t.SHARED}website" not in seen(aws, name).tags


def test_what_aws_s_own_key_encrypts_is_not_shared(aws: Aws, account: Account) -> None:
    del account
    infra = nouns.infra()
    assert check_sharing(aws, ["111111111111"], infra) == []
    with pytest.raises(InputError, match="which is this account itself"):
        check_sharing(aws, [infra.account], infra)
    aws.ec2.enable_ebs_encryption_by_default()
    assert check_sharing(aws, [], infra) == []
    with pytest.raises(InputError, match="encrypted by AWS's own key alias/aws/ebs"):
        check_sharing(aws, ["111111111111"], infra)
    # Nothing stands between a person and a rollback.
    back = infra.model_copy(update={"base_image": None})
    assert check_sharing(aws, ["111111111111"], back) == []
    aws.ec2.disable_ebs_encryption_by_default()
