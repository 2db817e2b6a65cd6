"""The account as it is at the start, and prices."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from rehearsal.account import instances_of
from sandbox.__main__ import main
from sandbox.client import Sandbox
from sandbox.engine.initial_stacks import TEMPLATE
from tests.sandbox.account import DEBIAN, Account
from tests.sandbox.test_instances import refused

pytestmark = pytest.mark.sandbox

GREETING = "/demo-web-app/production/GREETING"


def test_the_account_is_as_a_release_expects_it(account: Account, box: Sandbox) -> None:
    assert account.client("sts").get_caller_identity()["Account"] == "123456789012"
    assert list(account.subnets()) == ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
    (vpc,) = account.ec2.describe_vpcs()["Vpcs"]
    group = account.elbv2.describe_target_groups(Names=["website"])["TargetGroups"][0]
    settings = {
        "Protocol": "HTTP",
        "Port": 3000,
        "VpcId": vpc["VpcId"],
        "HealthCheckPath": "/up",
        "HealthCheckIntervalSeconds": 5,
        "HealthCheckTimeoutSeconds": 2,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 2,
        "Matcher": {"HttpCode": "200"},
        "TargetType": "instance",
    }
    assert {key: group[key] for key in settings} == settings
    attributes = account.elbv2.describe_target_group_attributes(
        TargetGroupArn=group["TargetGroupArn"]
    )["Attributes"]
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "5"} in attributes
    (balancer,) = account.elbv2.describe_load_balancers()["LoadBalancers"]
    assert balancer["LoadBalancerName"] == "website"
    assert balancer["Scheme"] == "internet-facing"
    assert balancer["State"]["Code"] == "active"
    assert group["LoadBalancerArns"] == [balancer["LoadBalancerArn"]]
    (listener,) = account.elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])[
        "Listeners"
    ]
    assert listener["DefaultActions"][0]["Type"] == "fixed-response"
    rules = account.elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    (rule,) = [one for one in rules if not one["IsDefault"]]
    green = account.elbv2.describe_target_groups(Names=["website-green"])["TargetGroups"][0]
    assert {key: green[key] for key in settings} == settings
    shares = rule["Actions"][0]["ForwardConfig"]["TargetGroups"]
    assert {one["TargetGroupArn"]: one["Weight"] for one in shares} == {
        group["TargetGroupArn"]: 1,
        green["TargetGroupArn"]: 0,
    }
    names = {
        one["GroupName"]: {tag["Key"]: tag["Value"] for tag in one.get("Tags", [])}
        for one in account.ec2.describe_security_groups()["SecurityGroups"]
    }
    assert sorted(names) == ["default", "website-balancer", "website-servers"]
    assert [name for name, tags in names.items() if tags.get("Name") == "Rails App"] == [
        "website-servers"
    ]
    trust = account.iam.get_role(RoleName="aws-ec2-spot-fleet-tagging-role")["Role"][
        "AssumeRolePolicyDocument"
    ]
    assert trust["Statement"][0]["Principal"] == {"Service": "spotfleet.amazonaws.com"}
    profile = account.iam.get_instance_profile(InstanceProfileName="website")["InstanceProfile"]
    assert [role["RoleName"] for role in profile["Roles"]] == ["website"]
    assert [key["KeyName"] for key in account.ec2.describe_key_pairs()["KeyPairs"]] == ["demo"]
    assert (box.directory / "demo.pem").stat().st_mode & 0o777 == 0o600


def test_it_is_made_by_the_accounts_template(account: Account) -> None:
    """All of the template that its parameters ask for: a kind that the sandbox does not know would
    be left out unseen."""
    cloudformation = account.client("cloudformation")
    (stack,) = cloudformation.describe_stacks(StackName="sandbox-website")["Stacks"]
    assert (stack["StackName"], stack["StackStatus"]) == ("sandbox-website", "CREATE_COMPLETE")
    asked = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
    kinds = {"Worker", "NewFleetRole", "SpotRole", "SpotFleetRole", "Ec2FleetRole", "ScalingRole"}
    assert {asked[one] for one in kinds} == {"yes"}
    template = yaml.safe_load(TEMPLATE.read_text())["Resources"]
    made = cloudformation.describe_stack_resources(StackName="sandbox-website")["StackResources"]
    named = {one["LogicalResourceId"] for one in made}
    assert template.keys() - named == {
        # On request.
        *("AdoptionPolicy", "DiskKeysPolicy", "OtherRolesPolicy"),
        # The worker's role is taken by whoever WorkerTrust names, and by no machine.
        "WorkerProfile",
        # There is no certificate, and no other load balancer.
        *("HttpsListener", "HttpsRule", "OwnRule", "FromOwnBalancer", "FromOwnBalancerHealth"),
        # Health is asked for where requests go.
        "FromBalancerHealth",
    }
    roles = {one["RoleName"] for one in account.iam.list_roles()["Roles"]}
    assert roles > {"spotkiln-worker", "AWSServiceRoleForEC2Fleet"}


def test_an_account_that_nobody_has_prepared(tmp_path: Path) -> None:
    with Sandbox.start(tmp_path, machines="simulated", account={"target_groups": []}) as box:
        account = Account(box)
        assert account.elbv2.describe_target_groups()["TargetGroups"] == []
        assert account.iam.list_roles()["Roles"] == []
        assert account.iam.list_instance_profiles()["InstanceProfiles"] == []
        groups = account.ec2.describe_security_groups()["SecurityGroups"]
        assert [one["GroupName"] for one in groups] == ["default"]
        assert len(account.subnets()) == 3


def test_a_target_group_by_hand_is_behind_a_listener_that_forwards_all(tmp_path: Path) -> None:
    groups = ["blog", {"name": "website", "by_hand": True, "interval": 30}]
    with Sandbox.start(tmp_path, machines="simulated", account={"target_groups": groups}) as box:
        elbv2 = Account(box).elbv2
        there = {
            one["TargetGroupName"]: one for one in elbv2.describe_target_groups()["TargetGroups"]
        }
        assert there.keys() == {"blog", "blog-green", "website"}
        website = there["website"]
        assert website["HealthCheckIntervalSeconds"] == 30
        (balancer,) = website["LoadBalancerArns"]
        (listener,) = elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
        assert listener["DefaultActions"][0]["TargetGroupArn"] == website["TargetGroupArn"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("{", "expected JSON as the sandbox's README has it, got '{'"),
        ('{"target_groups": [{"nme": "shop"}]}', "unexpected keyword argument 'nme'"),
        ('{"target_groups": [{"by_hand": true}]}', "expected a target group without by_hand"),
    ],
)
def test_what_is_no_account_is_refused_in_words(
    said: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["up", "--account", said])
    assert why in " ".join(capsys.readouterr().err.split())


def test_there_are_the_images_of_debian_and_ubuntu(account: Account) -> None:
    images = {one["Name"]: one for one in account.ec2.describe_images()["Images"]}
    owners = {name[:19]: one["OwnerId"] for name, one in images.items()}
    ubuntu = "ubuntu/images/hvm-s"
    assert sorted(owners) == [
        *("debian-12-amd64-202", "debian-12-arm64-202", "debian-13-amd64-202"),
        *("debian-13-arm64-202", ubuntu),
    ]
    assert (owners.pop(ubuntu), set(owners.values())) == ("099720109477", {DEBIAN})
    assert {one["RootDeviceType"] for one in images.values()} == {"ebs"}
    for architecture, called in (("x86_64", "-amd64-"), ("arm64", "-arm64-")):
        wanted = [{"Name": "architecture", "Values": [architecture]}]
        found = account.ec2.describe_images(Filters=wanted)["Images"]
        assert {one["Architecture"] for one in found} == {architecture}
        assert [one["Name"] for one in found] == [one for one in images if called in one]
        assert len(found) == 3
    assert account.ec2.describe_images(Owners=["self"])["Images"] == []


def test_prices_are_plausible_stable_and_by_zone(account: Account) -> None:
    def prices(**more: object) -> dict[tuple[str, str], list[float]]:
        start = datetime.now(UTC) - timedelta(days=2)
        rows = account.ec2.describe_spot_price_history(
            InstanceTypes=["t3.micro", "t3.small"],
            ProductDescriptions=["Linux/UNIX"],
            StartTime=start,
            **more,
        )["SpotPriceHistory"]
        found: dict[tuple[str, str], list[float]] = {}
        for row in rows:
            found.setdefault((row["InstanceType"], row["AvailabilityZone"]), []).append(
                float(row["SpotPrice"])
            )
        return found

    found = prices()
    assert found == prices()
    assert len(found) == 6
    assert all(len(changes) == 3 for changes in found.values())  # one of before the start
    assert all(0.002 < price < 0.0114 for price in found["t3.micro", "eu-west-1a"])
    assert len({tuple(changes) for changes in found.values()}) == 6
    zone = [{"Name": "availability-zone", "Values": ["eu-west-1b"]}]
    assert set(prices(Filters=zone)) == {("t3.micro", "eu-west-1b"), ("t3.small", "eu-west-1b")}


def test_the_last_page_of_spot_prices_has_an_empty_token(account: Account) -> None:
    """As AWS's own has: whoever asks on while there is a token must not do so for ever."""
    asked = {
        "InstanceTypes": ["t3.micro"],
        "ProductDescriptions": ["Linux/UNIX"],
        "StartTime": datetime.now(UTC),
    }
    first = account.ec2.describe_spot_price_history(**asked, MaxResults=2)
    assert (len(first["SpotPriceHistory"]), bool(first["NextToken"])) == (2, True)
    last = account.ec2.describe_spot_price_history(
        **asked, MaxResults=2, NextToken=first["NextToken"]
    )
    # The price in force in each of three zones.
    assert (len(last["SpotPriceHistory"]), last["NextToken"]) == (1, "")
    pages = account.ec2.get_paginator("describe_spot_price_history").paginate(
        **asked, PaginationConfig={"PageSize": 2}
    )
    assert [len(page["SpotPriceHistory"]) for page in pages] == [2, 1]


def test_on_demand_prices_are_above_spot(account: Account) -> None:
    client = account.client("pricing")

    def products(**filters: str) -> list[dict[str, Any]]:
        pages = client.get_paginator("get_products").paginate(
            ServiceCode="AmazonEC2",
            Filters=[
                {"Type": "TERM_MATCH", "Field": field, "Value": value}
                for field, value in filters.items()
            ],
        )
        return [json.loads(one) for page in pages for one in page["PriceList"]]

    (product,) = products(
        instanceType="t3.micro",
        regionCode="eu-west-1",
        operatingSystem="Linux",
        tenancy="Shared",
        preInstalledSw="NA",
        capacitystatus="Used",
    )
    (term,) = product["terms"]["OnDemand"].values()
    (rate,) = term["priceDimensions"].values()
    assert (rate["unit"], float(rate["pricePerUnit"]["USD"])) == ("Hrs", 0.0114)
    assert products(instanceType="t3.micro", operatingSystem="Windows") == []
    assert products(instanceType="t9.huge") == []
    assert len(products(regionCode="eu-west-1", vcpu="2")) > 100


def test_what_would_have_no_machine_is_refused(account: Account) -> None:
    refused(account.ec2.register_image, "UnsupportedOperation", Name="mine")
    refused(
        account.ec2.copy_image,
        "UnsupportedOperation",
        Name="copy",
        SourceImageId=account.debian,
        SourceRegion="us-east-1",
    )


def test_a_copied_image_says_whose_copy_it_is(account: Account) -> None:
    copy = account.ec2.copy_image(
        Name="copy", SourceImageId=account.debian, SourceRegion="eu-west-1"
    )["ImageId"]
    (image,) = account.ec2.describe_images(ImageIds=[copy])["Images"]
    assert (image["Name"], image["SourceImageId"]) == ("copy", account.debian)
    snapshot = image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    (found,) = account.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"]
    assert found["Description"].startswith(f"Copied for DestinationAmi {copy} from SourceAmi ")


def test_a_reset_brings_the_start_back(account: Account, box: Sandbox) -> None:
    box.script(boot_seconds=1)
    fleet = account.request()
    account.running_members(fleet)
    account.ec2.create_key_pair(KeyName="mine")
    box.fault("Describe*", "throttle", count=1000)
    address = box.load_balancer("website")
    before = account.target_group
    ssm, logs = account.client("ssm"), account.client("logs")
    ssm.put_parameter(Name="/mine/production/A", Value="x", Type="String")
    ssm.delete_parameter(Name=GREETING)
    account.client("secretsmanager").create_secret(Name="mine", SecretString="x")
    logs.create_log_group(logGroupName="mine")
    box.reset()
    del account.target_group  # the group is another one now
    assert all(one["count"] == 0 for one in box.inventory().values())
    assert box.calls() == []
    assert account.ec2.describe_spot_fleet_requests()["SpotFleetRequestConfigs"] == []
    assert [key["KeyName"] for key in account.ec2.describe_key_pairs()["KeyPairs"]] == ["demo"]
    assert account.target_group != before
    assert account.health() == {}
    assert box.load_balancer("website") == address
    again = account.request()
    (first, _) = account.running_members(again)
    account.until_health(first, "healthy")
    assert account.iam.get_role(RoleName="website")
    assert ssm.get_parameters_by_path(Path="/mine/", Recursive=True)["Parameters"] == []
    assert ssm.get_parameter(Name=GREETING)["Parameter"]["Version"] == 1
    names = {one["Name"] for one in account.client("secretsmanager").list_secrets()["SecretList"]}
    assert names == {f"demo-web-app/{one}" for one in ("production", "staging", "test")}
    assert logs.describe_log_groups()["logGroups"] == []


def test_what_has_ended_is_forgotten_and_nothing_else(account: Account, box: Sandbox) -> None:
    box.script(boot_seconds=1)
    lives, ends = account.request(), account.request()
    members = account.running_members(lives)
    ended = account.running_members(ends)
    single = account.run()
    account.ec2.cancel_spot_fleet_requests(SpotFleetRequestIds=[ends], TerminateInstances=True)
    for one in ended:
        account.until(one, "terminated")
    account.until_fleet(ends, "cancelled")
    box.forget_ended()
    listed = account.ec2.describe_spot_fleet_requests()["SpotFleetRequestConfigs"]
    assert [one["SpotFleetRequestId"] for one in listed] == [lives]
    assert {one["InstanceId"] for one in instances_of(account.ec2)} == {*members, single}
    with pytest.raises(ClientError, match="does not exist"):
        account.fleet(ends)
    assert set(members) <= set(account.health())
    assert account.fleet(lives)["SpotFleetRequestState"] == "active"
