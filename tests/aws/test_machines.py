"""What servers are launched by and on: a launch template of one's own, disks, and their keys."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from spotkiln.aws.bake import image as images
from spotkiln.aws.bake import keys
from spotkiln.aws.bake.infra import target_group
from spotkiln.aws.bake.keys import (
    check_disks,
    check_keys,
    check_spot_builders,
    keys_of,
    keys_of_worker,
)
from spotkiln.aws.serve.launchers import launchers
from spotkiln.aws.serve.own_template import find_own
from spotkiln.aws.session import Aws, client_of
from spotkiln.bake.disk import AS_IT_IS, Disk
from spotkiln.errors import InputError
from spotkiln.serve.order import Order
from spotkiln.serve.spec import FleetSpec, LauncherKind
from tests.sandbox.account import Account, eventually
from tests.unit import nouns

pytestmark = pytest.mark.sandbox

ROLE = "arn:aws:iam::123456789012:role/aws-service-role/x.amazonaws.com/X"
SCRIPT = base64.b64encode(b"#!/bin/sh\necho hello\n").decode()


@pytest.fixture
def own(account: Account) -> Iterator[str]:
    data: Any = {
        "ImageId": "ami-of-theirs",
        "Monitoring": {"Enabled": True},
        "UserData": SCRIPT,
        "TagSpecifications": [
            {"ResourceType": "instance", "Tags": [{"Key": "Backup", "Value": "no"}]}
        ],
    }
    account.ec2.create_launch_template(LaunchTemplateName="acme", LaunchTemplateData=data)
    account.ec2.create_launch_template_version(
        LaunchTemplateName="acme", LaunchTemplateData={**data, "DisableApiTermination": True}
    )
    yield "acme"
    account.ec2.delete_launch_template(LaunchTemplateName="acme")


def test_it_is_found_by_name_and_version(aws: Aws, own: str) -> None:
    assert find_own(aws, "") is None
    for asked in (own, f"{own}:1", f"{own}:$Default"):
        found = find_own(aws, asked)
        assert found is not None
        assert (found.version, found.data["UserData"]) == (1, SCRIPT)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("nobody", "no launch template 'nobody' in eu-west-1; there are: acme"),
        (
            "acme:7",
            "'acme' has no version 7: its newest is 2; let infra.launch_template say acme:2",
        ),
        ("acme:$Latest", "no release could end them"),
    ],
)
@pytest.mark.usefixtures("own")
def test_what_is_wrong_with_it_is_told(aws: Aws, asked: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        find_own(aws, asked)
    assert said in str(caught.value)


@pytest.mark.parametrize("kind", LauncherKind)
def test_servers_are_launched_by_it(
    aws: Aws, account: Account, own: str, kind: LauncherKind
) -> None:
    subnets = account.ec2.describe_subnets()["Subnets"]
    groups = account.ec2.describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [subnets[0]["VpcId"]]}]
    )["SecurityGroups"]
    spec = FleetSpec.model_validate(
        {"capacity": 1, "launcher": kind, "disk": {"size_gib": 20, "type": "gp2"}}
    )
    image = images.describe(aws, account.debian)
    assert image is not None
    assert (image.root_gib, image.encrypted) == (8, ())
    order = Order(
        wanted=spec,
        asked=spec,
        image=image,
        infra=nouns.infra(
            target_group=target_group(aws, "website"),
            subnets=tuple(one["SubnetId"] for one in subnets),
            security_groups=(groups[0]["GroupId"],),
            fleet_role=account.fleet_role,
            instance_profile="",
            key_pair="",
            template=find_own(aws, own),
        ),
        tags=nouns.TAGS,
    )
    fleet = launchers(aws).launch(order, lambda *_: None)
    member = eventually(lambda: next(iter(launchers(aws).members(fleet)), None))
    assert member.tags["Backup"] == "no"
    told = account.ec2.describe_instances(InstanceIds=[member.id])
    instance = told["Reservations"][0]["Instances"][0]
    assert (instance["ImageId"], instance["Monitoring"]) == (account.debian, {"State": "enabled"})
    (disk,) = instance["BlockDeviceMappings"]
    assert disk["DeviceName"] == image.root_device
    volume = account.ec2.describe_volumes(VolumeIds=[disk["Ebs"]["VolumeId"]])["Volumes"][0]
    assert (volume["Size"], volume["VolumeType"]) == (20, "gp2")
    attribute = account.ec2.describe_instance_attribute(InstanceId=member.id, Attribute="userData")
    text = base64.b64decode(attribute["UserData"]["Value"]).decode()
    assert text == "#!/bin/sh\n# spotkiln-role: server\necho hello\n"


def test_a_key_must_be_granted(aws: Aws, account: Account) -> None:
    del account
    kms = client_of(aws, "kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    assert keys_of(aws, Disk(kms_key=key), ()) == [key]
    with pytest.raises(InputError, match="which Auto Scaling may not use"):
        check_keys(aws, [key], ROLE, "Auto Scaling")
    said = ""
    try:
        check_keys(aws, [key], ROLE, "Auto Scaling")
    except InputError as error:
        said = str(error)
    operations = said.partition("--operations ")[2].split()
    kms.create_grant(KeyId=key, GranteePrincipal=ROLE, Operations=operations)
    assert check_keys(aws, [key], ROLE, "Auto Scaling") == []


def test_whoever_bakes_may_use_a_key_by_its_policy_a_grant_or_rights(
    aws: Aws, account: Account
) -> None:
    """The policy decides which of them. A key's own says: the account's policies."""
    del account
    kms, caller = client_of(aws, "kms"), "arn:aws:sts::123456789012:assumed-role/worker/one"
    key = kms.create_key()["KeyMetadata"]["Arn"]
    assert keys_of_worker(aws, [key], caller) == ([key], [])
    named = {"AWS": "arn:aws:iam::123456789012:role/another"}
    statement = {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": named}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)
    with pytest.raises(InputError, match="each machine that bakes would end as soon"):
        keys_of_worker(aws, [key], caller)
    worker = "arn:aws:iam::123456789012:role/ci/worker"
    kms.create_grant(KeyId=key, GranteePrincipal=worker, Operations=["CreateGrant"])
    assert keys_of_worker(aws, [key], caller) == ([], [])


def test_without_a_key_of_one_s_own_it_is_aws_s_own(aws: Aws, account: Account) -> None:
    del account
    found = keys_of(aws, Disk(encrypted=True), ())
    assert len(found) == 1
    assert check_keys(aws, found, ROLE, "Auto Scaling") == []


def test_the_accounts_default_is_looked_at(
    aws: Aws, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It encrypts disks that nobody asks to be. The sandbox's default key stays AWS's own."""
    image = images.describe(aws, account.debian)
    assert image is not None
    key = client_of(aws, "kms").create_key()["KeyMetadata"]["Arn"]
    launcher = launchers(aws).for_spec(FleetSpec())
    monkeypatch.setattr(keys, "_of_disk", lambda _, disk: [key] if disk.encrypted else [])
    assert check_disks(aws, Disk(), None, image, launcher, AS_IT_IS) == []
    assert check_spot_builders(aws, [image]) == []
    aws.ec2.enable_ebs_encryption_by_default()
    try:
        with pytest.raises(InputError, match=f"which {launcher.name} may not use"):
            check_disks(aws, Disk(), None, image, launcher, AS_IT_IS)
        with pytest.raises(InputError, match="AWSServiceRoleForEC2Spot"):
            check_spot_builders(aws, [image])
    finally:
        aws.ec2.disable_ebs_encryption_by_default()
