"""What a role may do is decided as AWS decides it: launches, tags, and what is simulated."""

import json
from typing import Any

import boto3
import pytest
from botocore.config import Config

from sandbox.state.neighbours import CALLER
from tests.sandbox.account import Account
from tests.sandbox.account_machine import refused

pytestmark = pytest.mark.sandbox


def test_iam_simulates_what_a_role_may_do(account: Account) -> None:
    """As it would be decided; whoever has the sandbox's own key may do everything."""
    iam = account.client("iam")
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}]}
    arn = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(trust))["Role"][
        "Arn"
    ]
    statements = [
        {"Effect": "Allow", "Action": "ec2:*", "Resource": "arn:aws:ec2:*:*:instance/*"},
        {"Effect": "Deny", "Action": "ec2:StopInstances", "Resource": "*"},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName="worker", PolicyName="it", PolicyDocument=policy)

    def simulated(source: str, *resources: str) -> list[str]:
        wanted = ["ec2:TerminateInstances", "ec2:StopInstances", "iam:PassRole"]
        found = iam.simulate_principal_policy(
            PolicySourceArn=source, ActionNames=wanted, ResourceArns=list(resources)
        )["EvaluationResults"]
        assert [one["EvalActionName"] for one in found] == wanted
        return [one["EvalDecision"] for one in found]

    machines = "arn:aws:ec2:eu-west-1:123456789012:instance/*"
    assert simulated(arn, machines) == ["allowed", "explicitDeny", "implicitDeny"]
    assert simulated(arn, "*") == ["implicitDeny", "explicitDeny", "implicitDeny"]
    assert simulated("arn:aws:iam::123456789012:user/moto", "*") == ["allowed"] * 3
    code, _ = refused(
        iam.simulate_principal_policy,
        PolicySourceArn=f"{arn}-gone",
        ActionNames=["ec2:StopInstances"],
    )
    assert code == "NoSuchEntity"


def session(account: Account, *statements: dict[str, Any]) -> Any:
    """EC2 as a role with these rights alone calls it."""
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}]}
    name, iam = "narrow", account.iam
    if name not in [one["RoleName"] for one in iam.list_roles()["Roles"]]:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    iam.put_role_policy(RoleName=name, PolicyName="it", PolicyDocument=policy)
    arn = f"arn:aws:iam::123456789012:role/{name}"
    given = account.client("sts").assume_role(RoleArn=arn, RoleSessionName="narrow")["Credentials"]
    return boto3.client(
        "ec2",
        region_name="eu-west-1",
        endpoint_url=account.box.environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
LAUNCH = {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"}
NEW = {"StringEquals": {"aws:RequestTag/team": "shop", "ec2:CreateAction": "RunInstances"}}
TAG_NEW = {"Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "*", "Condition": NEW}
TEAM = [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "shop"}]}]


def test_tags_that_come_with_a_launch_need_their_own_right(account: Account) -> None:
    asked = {"ImageId": account.debian, "MinCount": 1, "MaxCount": 1, "DryRun": True}
    ec2 = session(account, LAUNCH)
    assert refused(ec2.run_instances, **asked)[0] == "DryRunOperation"
    code, message = refused(ec2.run_instances, TagSpecifications=TEAM, **asked)
    assert (code, "ec2:CreateTags on resource: arn:aws:ec2:" in message) == (
        "UnauthorizedOperation",
        True,
    )
    ec2 = session(account, LAUNCH, TAG_NEW)
    assert refused(ec2.run_instances, TagSpecifications=TEAM, **asked)[0] == "DryRunOperation"
    # By itself the same tag is another creation's: none.
    tags = TEAM[0]["Tags"]
    assert refused(ec2.create_tags, Resources=["i-1"], Tags=tags)[0] == "UnauthorizedOperation"


def test_a_profile_is_handed_on_only_with_the_right_to_its_role(account: Account) -> None:
    asked = {
        "ImageId": account.debian,
        "MinCount": 1,
        "MaxCount": 1,
        "DryRun": True,
        "IamInstanceProfile": {"Name": "website"},
    }
    ec2 = session(account, LAUNCH)
    assert "iam:PassRole" in refused(ec2.run_instances, **asked)[1]
    passing = {
        "Effect": "Allow",
        "Action": "iam:passrole",
        "Resource": "arn:aws:iam::*:role/spotkiln/website",
        "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
    }
    ec2 = session(account, LAUNCH, passing)
    assert refused(ec2.run_instances, **asked)[0] == "DryRunOperation"
    other = {**asked, "IamInstanceProfile": {"Name": "image-test"}}
    assert "role/spotkiln/image-test" in refused(ec2.run_instances, **other)[1]


def test_what_ends_is_judged_by_its_own_tags(account: Account) -> None:
    ours = account.run(TagSpecifications=TEAM)
    theirs = account.run()
    condition = {"StringEquals": {"aws:ResourceTag/team": "shop"}}
    ending = {"Action": "ec2:TerminateInstances", "Resource": "arn:aws:ec2:*:*:instance/*"}
    ec2 = session(account, {"Effect": "Allow", **ending, "Condition": condition})
    ec2.terminate_instances(InstanceIds=[ours])
    code, message = refused(ec2.terminate_instances, InstanceIds=[theirs])
    assert code == "UnauthorizedOperation"
    assert f"instance/{theirs} because no identity-based policy allows" in message
    account.ec2.terminate_instances(InstanceIds=[theirs])


def test_a_refusal_of_ec2_can_be_decoded(account: Account) -> None:
    message = refused(session(account, LAUNCH).terminate_instances, InstanceIds=["i-12345678"])[1]
    encoded = message.partition("Encoded authorization failure message: ")[2]
    sts = account.client("sts")
    told = json.loads(sts.decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"])
    assert (told["allowed"], told["explicitDeny"]) == (False, False)
    assert told["context"]["action"] == "ec2:TerminateInstances"
    assert told["context"]["resource"].endswith(":instance/i-12345678")
    code, _ = refused(sts.decode_authorization_message, EncodedMessage="other")
    assert code == "InvalidAuthorizationMessageException"


def test_what_was_asked_for_is_reported(account: Account) -> None:
    account.box.forget_rights()
    ec2 = session(account, {"Sid": "Launch", **LAUNCH})
    asked = {"ImageId": account.debian, "MinCount": 1, "MaxCount": 1, "DryRun": True}
    refused(ec2.run_instances, **asked)
    refused(ec2.stop_instances, InstanceIds=["i-12345678"])
    told = account.box.rights()["narrow"]
    assert {(one["action"], *one["by"]) for one in told["allowed"]} == {
        ("ec2:RunInstances", "Launch")
    }
    assert [one["action"] for one in told["refused"]] == ["ec2:StopInstances"]


def test_a_simulation_knows_conditions(account: Account) -> None:
    session(account, TAG_NEW)

    def simulated(**told: str) -> tuple[str, list[str]]:
        entries = [
            {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
            for key, value in told.items()
        ]
        (found,) = account.iam.simulate_principal_policy(
            PolicySourceArn="arn:aws:iam::123456789012:role/narrow",
            ActionNames=["ec2:CreateTags"],
            ResourceArns=["arn:aws:ec2:eu-west-1:123456789012:instance/*"],
            ContextEntries=entries,
        )["EvaluationResults"]
        return found["EvalDecision"], found.get("MissingContextValues", [])

    keys = ["aws:RequestTag/team", "ec2:CreateAction"]
    assert simulated() == ("implicitDeny", keys)
    whole = {keys[0]: "shop", keys[1]: "RunInstances"}
    assert simulated(**whole) == ("allowed", [])
    assert simulated(**{**whole, keys[0]: "blog"}) == ("implicitDeny", [])


def test_nobody_but_a_sandbox_says_who_else_calls(account: Account) -> None:
    """A role that names another caller is judged by its own rights all the same."""
    client = session(account, LAUNCH)
    told = json.dumps(["all", "arn:aws:iam::123456789012:role/all", [{"Statement": [ANYTHING]}]])
    client.meta.events.register(
        "before-sign.ec2", lambda request, **_: request.headers.add_header(CALLER, told)
    )
    assert refused(client.create_key_pair, KeyName="mine")[0] == "UnauthorizedOperation"


def test_a_services_role_is_made_for_whoever_may_make_it(account: Account) -> None:
    role, service = "AWSServiceRoleForEC2Spot", "spot.amazonaws.com"
    path = f"arn:aws:iam::123456789012:role/aws-service-role/{service}/{role}"
    assert account.iam.get_role(RoleName=role)["Role"]["Arn"] == path
    account.iam.delete_service_linked_role(RoleName=role)
    asked = {"ImageId": account.debian, "MinCount": 1, "MaxCount": 1}
    spot = {**asked, "InstanceMarketOptions": {"MarketType": "spot"}}
    code, message = refused(session(account, LAUNCH).run_instances, **spot)
    assert code == "AuthFailure.ServiceLinkedRoleCreationNotPermitted"
    assert "permission to create the service-linked role for EC2 Spot Instances" in message
    make = {"Effect": "Allow", "Action": "iam:CreateServiceLinkedRole", "Resource": path}
    of_service = {"StringEquals": {"iam:AWSServiceName": service}}
    session(account, LAUNCH, {**make, "Condition": of_service}).run_instances(**spot)
    assert account.iam.get_role(RoleName=role)["Role"]["Arn"] == path
    code, _ = refused(account.iam.create_service_linked_role, AWSServiceName=service)
    assert code == "InvalidInput"
