"""Target groups, security groups and instance profiles that a running sandbox is given."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.client import Sandbox, SandboxError
from sandbox.engine.account_settings import BALANCER, SERVERS
from sandbox.infrastructure import Group, Infrastructure, Profile
from sandbox.settings import aws
from tests import plain
from tests.sandbox.account import Account, eventually
from tests.sandbox.account_machine import Machine, refused
from tests.sandbox.test_settings import command

pytestmark = pytest.mark.sandbox


@pytest.fixture
def made(box: Sandbox, running_account: Account) -> Iterator[Infrastructure]:
    """The account is as it was afterwards."""
    yield Infrastructure(box)
    box.reset()
    running_account.forget()


def health(box: Sandbox, name: str) -> dict[str, Any]:
    found = aws(box, "elbv2").describe_target_groups(Names=[name])["TargetGroups"][0]
    return dict(found)


def test_a_target_group_is_made_with_all_that_a_release_looks_for(
    box: Sandbox, made: Infrastructure
) -> None:
    before = box.inventory()["security_groups"]
    assert made.put_group(Group("shop-staging", 8000, "/healthz", 9000)) == "made"
    group = health(box, "shop-staging")
    assert (group["Port"], group["HealthCheckPath"]) == (8000, "/healthz")
    assert group["HealthCheckPort"] == "9000"
    (balancer,) = group["LoadBalancerArns"]
    groups = aws(box, "elbv2").describe_load_balancers(LoadBalancerArns=[balancer])
    assert groups["LoadBalancers"][0]["State"]["Code"] == "active"
    # No security group is made for it: that of the account's balancers does.
    assert box.inventory()["security_groups"] == before
    # Requests reach it, and its servers.
    address = eventually(lambda: box.load_balancers().get("shop-staging"), what="a listener")
    assert plain.get(address).status_code == 503
    # So does what asks for its name, as the page of a release does.
    named = aws(box, "elbv2").describe_load_balancers(LoadBalancerArns=[balancer])
    assert f"http://{named['LoadBalancers'][0]['DNSName']}" == address
    rules = aws(box, "ec2").describe_security_groups(GroupNames=["website-servers"])
    ports = {rule["FromPort"] for rule in rules["SecurityGroups"][0]["IpPermissions"]}
    assert ports >= {8000, 9000}


def test_an_account_that_began_empty_gets_the_security_groups_too(tmp_path: Path) -> None:
    with Sandbox.start(tmp_path, machines="simulated", account={"target_groups": []}) as box:
        infrastructure = Infrastructure(box)
        assert infrastructure.put_group(Group("shop", 8000)) == "made"
        assert infrastructure.put_security_group("shop") == "made"
        groups = aws(box, "ec2").describe_security_groups()["SecurityGroups"]
        ids = {one["GroupName"]: one["GroupId"] for one in groups}
        assert ids.keys() == {"default", SERVERS, BALANCER, "shop"}
        servers = next(one for one in groups if one["GroupName"] == SERVERS)
        (rule,) = servers["IpPermissions"]
        assert (rule["FromPort"], rule["UserIdGroupPairs"][0]["GroupId"]) == (8000, ids[BALANCER])


def test_one_that_is_there_is_changed_only_where_it_differs(
    box: Sandbox, made: Infrastructure
) -> None:
    made.put_group(Group("shop", 8000, "/up"))
    arn = health(box, "shop")["TargetGroupArn"]
    aws(box, "elbv2").modify_target_group(TargetGroupArn=arn, HealthCheckIntervalSeconds=10)
    assert made.put_group(Group("shop", 8000, "/up")) == ""
    assert made.put_group(Group("shop", 8000, "/health")) == "asks for health at /health"
    found = health(box, "shop")
    assert found["TargetGroupArn"] == arn
    assert (found["HealthCheckPath"], found["HealthCheckIntervalSeconds"]) == ("/health", 10)


def test_another_port_needs_a_new_one_and_no_servers_in_the_old(
    box: Sandbox, account: Account, made: Infrastructure
) -> None:
    made.put_group(Group("shop", 8000))
    assert made.put_group(Group("shop", 9000)) == "made anew with port 9000"
    arn = health(box, "shop")["TargetGroupArn"]
    instance = account.run()
    account.until(instance, "running")
    account.elbv2.register_targets(TargetGroupArn=arn, Targets=[{"Id": instance}])
    with pytest.raises(SandboxError, match="port 9000, which cannot be changed to 7000"):
        made.put_group(Group("shop", 7000))
    assert health(box, "shop")["TargetGroupArn"] == arn


def test_a_profile_reads_what_it_is_said_to(
    box: Sandbox, account: Account, made: Infrastructure
) -> None:
    profile = Profile("shop-staging", ("/shop/staging/",), ("shop/staging",))
    done = made.put_profile(profile)
    assert done == "made, reads /shop/staging/ shop/staging"
    assert made.put_profile(profile) == ""
    assert made.put_profile(Profile("website", ("/shop/x/",))) == "reads /shop/x/"
    ssm, vault = aws(box, "ssm"), aws(box, "secretsmanager")
    for name in ("/shop/staging/A", "/shop/production/A"):
        ssm.put_parameter(Name=name, Value="a", Type="SecureString")
    vault.create_secret(Name="shop/staging", SecretString="{}")
    machine = Machine(account, "shop-staging")
    ssm, vault = machine.client("ssm"), machine.client("secretsmanager")
    assert ssm.get_parameters_by_path(Path="/shop/staging/")["Parameters"]
    assert vault.get_secret_value(SecretId="shop/staging")["SecretString"] == "{}"
    assert refused(ssm.get_parameters_by_path, Path="/shop/production/")[0].startswith("Access")
    assert refused(vault.get_secret_value, SecretId="demo-web-app/staging")[0].startswith("Access")


def test_a_security_group_is_made_once(box: Sandbox, made: Infrastructure) -> None:
    assert made.put_security_group("Rails App") == ""
    assert made.put_security_group("shop") == "made"
    assert made.put_security_group("shop") == ""


def test_the_command_makes_them_too(box: Sandbox, made: Infrastructure) -> None:
    done = command(box, "target-group", "shop", "--port", "8000", "--path", "/health")
    assert done.stdout == "target group shop: made\n"
    done = command(box, "target-group", "shop", "--port", "8000", "--path", "/health")
    assert done.stdout == "target group shop: is there\n"
    done = command(box, "instance-profile", "shop", "--parameters", "/shop/production/")
    assert done.stdout == "instance profile shop: made, reads /shop/production/\n"
    assert command(box, "security-group", "shop").stdout == "security group shop: made\n"
    refused = command(box, "target-group", "no_name")
    assert refused.returncode == 1
    assert refused.stderr.startswith("target group no_name: ")
