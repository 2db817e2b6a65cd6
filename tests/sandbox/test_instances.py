"""Instances as the EC2 API shows them."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.client import Sandbox
from tests.sandbox.account import Account, eventually

pytestmark = pytest.mark.sandbox


def refused(call: Any, code: str, **parameters: Any) -> str:
    """The message of the error that AWS answers with."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    assert error.value.response["Error"]["Code"] == code
    return str(error.value.response["Error"]["Message"])


def test_an_instance_is_pending_until_its_machine_has_booted(
    box: Sandbox, account: Account
) -> None:
    box.script(boot_seconds=100)
    launched = account.ec2.run_instances(
        ImageId=account.debian, InstanceType="t3.micro", MinCount=1, MaxCount=1
    )["Instances"][0]
    assert launched["State"] == {"Code": 0, "Name": "pending"}
    assert account.state(launched["InstanceId"]) == "pending"
    box.script(boot_seconds=1)
    account.until(launched["InstanceId"], "running")


def test_stopping_starting_and_terminating_follow_the_machine(
    box: Sandbox, account: Account
) -> None:
    box.script(boot_seconds=5, stop_seconds=20)
    instance = account.run()
    account.until(instance, "running")
    change = account.ec2.stop_instances(InstanceIds=[instance])["StoppingInstances"][0]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == (
        "running",
        "stopping",
    )
    assert account.state(instance) == "stopping"
    account.until(instance, "stopped")
    assert account.instance(instance)["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    account.ec2.start_instances(InstanceIds=[instance])
    assert account.state(instance) == "pending"
    account.until(instance, "running")
    change = account.ec2.terminate_instances(InstanceIds=[instance])["TerminatingInstances"][0]
    assert change["CurrentState"] == {"Code": 32, "Name": "shutting-down"}
    assert account.state(instance) == "shutting-down"
    account.until(instance, "terminated")
    again = account.ec2.terminate_instances(InstanceIds=[instance])["TerminatingInstances"][0]
    assert again["PreviousState"]["Name"] == again["CurrentState"]["Name"] == "terminated"


def test_an_address_that_is_not_real_leads_nowhere(account: Account) -> None:
    """Whoever types ssh to a simulated machine must not reach somebody else's."""
    first, second = (account.instance(account.run())["PublicIpAddress"] for _ in range(2))
    assert ip_address(first) in ip_network("198.18.0.0/15")
    assert first != second


def test_the_volume_goes_with_the_instance(box: Sandbox, account: Account) -> None:
    instance = account.run()
    device = account.instance(instance)["BlockDeviceMappings"]
    assert [one["DeviceName"] for one in device] == ["/dev/xvda"]
    assert device[0]["Ebs"]["VolumeId"] in box.inventory()["volumes"]["ids"]
    account.ec2.terminate_instances(InstanceIds=[instance])
    account.until(instance, "terminated")
    assert device[0]["Ebs"]["VolumeId"] not in box.inventory()["volumes"]["ids"]


def test_a_group_in_use_cannot_be_deleted_and_can_once_the_instance_is_gone(
    account: Account,
) -> None:
    group = account.ec2.create_security_group(GroupName="builder", Description="x")["GroupId"]
    instance = account.run(SecurityGroupIds=[group])
    refused(account.ec2.delete_security_group, "DependencyViolation", GroupId=group)
    account.ec2.terminate_instances(InstanceIds=[instance])
    account.until(instance, "terminated")
    account.ec2.delete_security_group(GroupId=group)


def test_a_machine_that_vanishes_ends_its_instance(box: Sandbox, account: Account) -> None:
    instance = account.run()
    account.until(instance, "running")
    box.kill_machine(instance)
    account.until(instance, "terminated")
    assert account.instance(instance)["StateReason"]["Code"] == "Server.InternalError"


def test_the_latest_console_holds_what_the_application_wrote(
    box: Sandbox, account: Account
) -> None:
    box.script(console="rails: could not connect to the database", boot_seconds=1, serve_seconds=3)
    instance = account.run()
    account.until(instance, "running")

    def console(**latest: bool) -> str:
        return str(account.ec2.get_console_output(InstanceId=instance, **latest)["Output"])

    written = "could not connect to the database"
    eventually(lambda: written in console(Latest=True), what="the application wrote")
    # Without Latest it is what was there at the boot, until the instance ends.
    assert "booted from" in console()
    assert written not in console()
    account.ec2.terminate_instances(InstanceIds=[instance])
    account.until(instance, "terminated")
    assert written in console()


def test_older_types_show_their_console_as_it_was_at_boot(account: Account) -> None:
    instance = account.run(InstanceType="t2.micro")
    account.until(instance, "running")
    refused(
        account.ec2.get_console_output, "UnsupportedOperation", InstanceId=instance, Latest=True
    )
    assert "booted from" in account.ec2.get_console_output(InstanceId=instance)["Output"]


@pytest.mark.parametrize("code", ["Client.InternalError", "Client.VolumeLimitExceeded"])
def test_an_instance_can_end_for_a_reason_of_ec2s(
    box: Sandbox, account: Account, code: str
) -> None:
    box.script(ends_by=code, ends_after=1)
    instance = account.run()
    account.until(instance, "terminated")
    assert account.instance(instance)["StateReason"]["Code"] == code


def test_the_same_client_token_launches_once(account: Account) -> None:
    request = {
        "ImageId": account.debian,
        "InstanceType": "t3.micro",
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": "once",
    }
    first = account.ec2.run_instances(**request)["Instances"][0]["InstanceId"]
    second = account.ec2.run_instances(**request)["Instances"][0]["InstanceId"]
    assert first == second
    refused(
        account.ec2.run_instances,
        "IdempotentParameterMismatch",
        **{**request, "InstanceType": "t3.small"},
    )


def test_max_count_instances_are_launched(account: Account) -> None:
    launched = account.ec2.run_instances(
        ImageId=account.debian, InstanceType="t3.micro", MinCount=1, MaxCount=3
    )["Instances"]
    assert len(launched) == 3


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ImageId": "ami-00000000000000000"}, "InvalidAMIID.NotFound"),
        ({"ImageId": "image"}, "InvalidAMIID.Malformed"),
        ({"InstanceType": "t9.huge"}, "InvalidParameterValue"),
        ({"InstanceType": "t4g.micro"}, "InvalidParameterValue"),  # another architecture
        ({"KeyName": "nobody's"}, "InvalidKeyPair.NotFound"),
        ({"SubnetId": "subnet-00000000000000000"}, "InvalidSubnetID.NotFound"),
        ({"DryRun": True}, "DryRunOperation"),
    ],
)
def test_what_cannot_be_launched_is_refused(
    account: Account, box: Sandbox, changes: dict[str, Any], code: str
) -> None:
    before = box.inventory()["instances"]
    request = {"ImageId": account.debian, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    refused(account.ec2.run_instances, code, **{**request, **changes})
    assert box.inventory()["instances"] == before


def test_without_capacity_nothing_is_launched(box: Sandbox, account: Account) -> None:
    box.capacity(0, market="on-demand", instance_type="t3.small", zone="eu-west-1b")
    subnet = account.subnets()["eu-west-1b"]
    message = refused(
        account.run, "InsufficientInstanceCapacity", InstanceType="t3.small", SubnetId=subnet
    )
    assert "t3.small" in message
    account.run(InstanceType="t3.small", SubnetId=account.subnets()["eu-west-1a"])


def test_unknown_ids_and_types_are_errors(account: Account) -> None:
    unknown = ["i-00000000000000000"]
    refused(account.ec2.describe_instances, "InvalidInstanceID.NotFound", InstanceIds=unknown)
    refused(account.ec2.terminate_instances, "InvalidInstanceID.NotFound", InstanceIds=unknown)
    refused(account.ec2.describe_instance_types, "InvalidInstanceType", InstanceTypes=["t9.huge"])
    known = account.ec2.describe_instance_types(InstanceTypes=["t3.micro"])["InstanceTypes"]
    assert known[0]["VCpuInfo"]["DefaultVCpus"] == 2


def test_a_spot_instance_is_interrupted_after_its_notice(box: Sandbox, account: Account) -> None:
    instance = account.run(InstanceMarketOptions={"MarketType": "spot"})
    account.until(instance, "running")
    assert account.instance(instance)["InstanceLifecycle"] == "spot"
    box.interrupt(instance, notice_seconds=20)
    assert account.state(instance) == "running"
    account.until(instance, "terminated")
    reason = account.instance(instance)["StateReason"]
    assert reason["Code"] == "Server.SpotInstanceTermination"


def test_a_script_can_interrupt(box: Sandbox, account: Account) -> None:
    box.script(boot_seconds=1, interrupt_after=5)
    instance = account.run(InstanceMarketOptions={"MarketType": "spot"})
    eventually(lambda: account.state(instance) == "terminated", what="interrupted by the script")


def test_metadata_options_are_those_of_image_launch_and_changes(account: Account) -> None:
    def options(instance: str) -> tuple[str, int, str]:
        found = account.instance(instance)["MetadataOptions"]
        return found["HttpTokens"], found["HttpPutResponseHopLimit"], found["HttpEndpoint"]

    first = account.run()
    assert options(first) == ("optional", 1, "enabled")
    account.until(first, "running")
    image = account.make_image(first)
    account.ec2.modify_image_attribute(ImageId=image, ImdsSupport={"Value": "v2.0"})
    eventually(lambda: account.image(image)["State"] == "available", what="the image")
    second = account.run(image)
    assert options(second) == ("required", 2, "enabled")
    third = account.run(image, MetadataOptions={"HttpPutResponseHopLimit": 1})
    assert options(third) == ("required", 1, "enabled")
    change = account.ec2.modify_instance_metadata_options
    change(InstanceId=second, HttpEndpoint="disabled")
    assert options(second) == ("required", 2, "disabled")
    refused(change, "InvalidParameterValue", InstanceId=second, HttpPutResponseHopLimit=65)
    refused(change, "InvalidParameterValue", InstanceId=second, HttpTokens="maybe")


def test_groups_are_referred_to_from_no_other_network(account: Account) -> None:
    references = account.ec2.describe_security_group_references
    group = account.ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]
    assert references(GroupId=[group["GroupId"]])["SecurityGroupReferenceSet"] == []
    refused(references, "InvalidGroup.NotFound", GroupId=["sg-00000000000000000"])


def test_a_rule_tells_its_description_whatever_it_names(account: Account) -> None:
    group = account.ec2.create_security_group(GroupName="told", Description="x")["GroupId"]
    others = {"UserIdGroupPairs": [{"GroupId": group, "Description": "among themselves"}]}
    addresses = {"IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "from inside"}]}
    for port, whom in ((1, others), (2, addresses)):
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **whom}
        account.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    wanted = [{"Name": "group-id", "Values": [group]}]
    found = account.ec2.describe_security_group_rules(Filters=wanted)["SecurityGroupRules"]
    told = {one["FromPort"]: one.get("Description") for one in found if not one["IsEgress"]}
    assert told == {1: "among themselves", 2: "from inside"}
    account.ec2.delete_security_group(GroupId=group)
