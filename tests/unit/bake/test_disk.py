"""Root disks, what is said of machines beside them, and the keys that encrypt them."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from spotkiln.bake.disk import Disk, ImageDisk, of_servers, require_room_for
from spotkiln.bake.keys_of_disks import (
    GRANTS,
    OfWorker,
    allowed_by_grant,
    allowed_by_policy,
    of_worker,
    refusal,
    require_enabled,
)
from spotkiln.errors import InputError
from tests.unit.bake.test_own_template import request

KEY = "arn:aws:kms:eu-west-1:123456789012:key/0123abcd-0123-0123-0123-0123456789ab"
ROLE = "arn:aws:iam::123456789012:role/aws-service-role/x.amazonaws.com/X"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"size_gib": 30, "type": "gp3"}, {"VolumeSize": 30, "VolumeType": "gp3"}),
        (
            {"type": "gp3", "iops": 4000, "throughput": 200},
            {"VolumeType": "gp3", "Iops": 4000, "Throughput": 200},
        ),
        ({"encrypted": True}, {"Encrypted": True}),
        ({"kms_key": KEY}, {"Encrypted": True, "KmsKeyId": KEY}),
    ],
)
def test_servers_get_the_disk_that_is_asked_for(
    asked: dict[str, Any], said: dict[str, Any]
) -> None:
    assert request(None, disk=asked)["BlockDeviceMappings"] == [
        {"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": True, **said}}
    ]


def test_monitoring_and_credits() -> None:
    found = request(None, monitoring=True, credits="standard")
    assert found["Monitoring"] == {"Enabled": True}
    assert found["CreditSpecification"] == {"CpuCredits": "standard"}
    assert not {"Monitoring", "CreditSpecification", "BlockDeviceMappings"} & request(None).keys()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"iops": 3000}, "iops need a type"),
        ({"type": "gp2", "throughput": 200}, "throughput needs the type gp3"),
        ({"type": "io2"}, "needs iops"),
        ({"kms_key": "my key"}, "kms_key"),
        ({"type": "ssd"}, "gp3"),
    ],
)
def test_a_bad_disk_is_refused(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Disk.model_validate(bad)


def test_a_disk_must_hold_the_image() -> None:
    require_room_for(Disk(), 8, "fleet.disk", "web")
    require_room_for(Disk(size_gib=8), 8, "fleet.disk", "web")
    with pytest.raises(InputError, match=r"fleet\.disk\.size_gib is 7, and web has 8 GiB"):
        require_room_for(Disk(size_gib=7), 8, "fleet.disk", "web")


def test_a_builders_disk_must_hold_what_it_starts_from() -> None:
    require_room_for(ImageDisk(type="gp3"), 8, "build.disk", "rails-base")
    with pytest.raises(InputError, match=r"build\.disk\.size_gib is 7, and rails-base has 8 GiB"):
        require_room_for(ImageDisk(size_gib=7), 8, "build.disk", "rails-base")
    with pytest.raises(ValidationError, match="gp3"):
        ImageDisk.model_validate({"type": "io2"})


def test_a_template_says_what_the_deployment_leaves_open() -> None:
    theirs = [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 5, "KmsKeyId": KEY}}]
    assert of_servers(Disk(), theirs, "/dev/xvda") == Disk(size_gib=5, kms_key=KEY)
    assert of_servers(Disk(size_gib=9), theirs, "/dev/sda1") == Disk(size_gib=9)


def test_a_grant_must_allow_what_a_launch_needs() -> None:
    whole = {"GranteePrincipal": ROLE, "Operations": list(GRANTS)}
    assert allowed_by_grant([{"GranteePrincipal": "x"}, whole], ROLE)
    assert not allowed_by_grant([{**whole, "Operations": ["Decrypt"]}], ROLE)
    assert not allowed_by_grant([{**whole, "GranteePrincipal": "other"}], ROLE)


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ({"Principal": {"AWS": ROLE}, "Action": "kms:*"}, True),
        ({"Principal": {"AWS": ["x", ROLE]}, "Action": ["kms:Decrypt", "kms:CreateGrant"]}, True),
        ({"Principal": "*", "Action": "kms:CreateGrant"}, True),
        ({"Principal": {"AWS": ROLE}, "Action": "kms:Decrypt"}, False),
        # The account's own policies decide, and those of a service's role say nothing of keys.
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*"}, False),
        ({"Principal": {"AWS": ROLE}, "Action": "kms:*", "Effect": "Deny"}, False),
    ],
)
def test_a_policy_must_name_the_role(statement: dict[str, Any], allowed: bool) -> None:
    policy = json.dumps({"Statement": [{"Effect": "Allow", **statement}]})
    assert allowed_by_policy(policy, ROLE) is allowed


def test_a_key_must_be_enabled() -> None:
    require_enabled(KEY, "Enabled")
    with pytest.raises(InputError, match="is PendingDeletion: enable it, or name another"):
        require_enabled(KEY, "PendingDeletion")


def test_the_refusal_says_what_to_do() -> None:
    said = str(refusal(KEY, ROLE, "Auto Scaling"))
    assert f"aws kms create-grant --key-id {KEY} --grantee-principal {ROLE}" in said
    assert "CreateGrant" in said


@pytest.mark.parametrize(
    ("principal", "said"),
    [
        ("arn:aws:iam::1:role/ci/worker", OfWorker.NAMED),
        ("*", OfWorker.NAMED),
        ("arn:aws:iam::1:root", OfWorker.LEFT_TO_IAM),
        ("1", OfWorker.LEFT_TO_IAM),
        ("arn:aws:iam::2:root", OfWorker.NOT_ALLOWED),
        ("arn:aws:iam::2:role/worker", OfWorker.NOT_ALLOWED),
        ("arn:aws:iam::1:role/another-worker", OfWorker.NOT_ALLOWED),
    ],
)
def test_a_keys_policy_names_whoever_bakes_or_leaves_it_to_the_account(
    principal: str, said: OfWorker
) -> None:
    """A session's ARN does not have the path of its role."""
    statement = {"Effect": "Allow", "Action": "kms:*", "Principal": {"AWS": principal}}
    policy = json.dumps({"Statement": [statement]})
    assert of_worker(policy, "arn:aws:sts::1:assumed-role/worker/i-1") is said
    denied = json.dumps({"Statement": [{**statement, "Action": "kms:DescribeKey"}]})
    assert of_worker(denied, "arn:aws:sts::1:assumed-role/worker/i-1") is OfWorker.NOT_ALLOWED
