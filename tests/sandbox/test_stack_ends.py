"""What a stack leaves in the account: by the DeletionPolicy of each of its resources; and what a
change gives to a role."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from spotkiln.aws.account import stack as stacks
from spotkiln.aws.session import Aws, client_of
from tests.unit.account.test_stack import aws, given
from tests.unit.clock import FakeClock

__all__ = ["aws", "given"]

POLICIES = ("", "Delete", "Retain", "RetainExceptOnCreate")
TRUST = {"Version": "2012-10-17", "Statement": []}


def role(name: str, policy: str) -> dict[str, Any]:
    properties = {"RoleName": f"role-{name}", "AssumeRolePolicyDocument": TRUST}
    more = {"DeletionPolicy": policy} if policy else {}
    return {"Type": "AWS::IAM::Role", "Properties": properties, **more}


def roles(**more: Any) -> str:
    """A template with one role of each policy."""
    made = {f"R{number}": role(one or "none", one) for number, one in enumerate(POLICIES)}
    return json.dumps({"Resources": {**made, **more}})


def left(aws: Aws) -> set[str]:
    names = {one["RoleName"] for one in aws.iam.list_roles()["Roles"]}
    return {one.removeprefix("role-") for one in names if one.startswith("role-")}


def change(aws: Aws, kind: str, body: str, name: str) -> None:
    cfn: Any = client_of(aws, "cloudformation")
    asked = {"StackName": "shop", "ChangeSetName": name}
    capable = {"Capabilities": ["CAPABILITY_NAMED_IAM"]}
    cfn.create_change_set(**asked, **capable, TemplateBody=body, ChangeSetType=kind)
    cfn.execute_change_set(**asked)


def test_a_stack_that_is_deleted(aws: Aws) -> None:
    cfn = client_of(aws, "cloudformation")
    made = cfn.create_stack(StackName="shop", TemplateBody=roles())["StackId"]
    assert left(aws) == {"none", "Delete", "Retain", "RetainExceptOnCreate"}
    cfn.delete_stack(StackName="shop")
    assert left(aws) == {"Retain", "RetainExceptOnCreate"}
    events = cfn.describe_stack_events(StackName=made)["StackEvents"]
    skipped = [one for one in events if one["ResourceStatus"] == "DELETE_SKIPPED"]
    assert {one["PhysicalResourceId"] for one in skipped} == {
        "role-Retain",
        "role-RetainExceptOnCreate",
    }
    # It is in the way of the next: they are nobody's.
    with pytest.raises(ClientError, match="already exists"):
        cfn.create_stack(StackName="next", TemplateBody=roles())


def test_one_that_could_not_be_made(aws: Aws) -> None:
    aws.iam.create_role(RoleName="taken", AssumeRolePolicyDocument=json.dumps(TRUST))
    taken = role("x", "")
    taken["Properties"]["RoleName"] = "taken"
    change(aws, "CREATE", roles(Taken=taken), "first")
    found = stacks.find(aws, "shop")
    assert found is not None
    assert found["StackStatus"] == "ROLLBACK_COMPLETE"
    assert left(aws) == {"Retain"}
    client_of(aws, "cloudformation").delete_stack(StackName="shop")
    assert left(aws) == {"Retain"}


def test_what_a_template_leaves_out(aws: Aws) -> None:
    other = role("other", "")
    change(aws, "CREATE", roles(Other=other), "first")
    change(aws, "UPDATE", json.dumps({"Resources": {"Other": other}}), "second")
    assert left(aws) == {"Retain", "RetainExceptOnCreate", "other"}
    client_of(aws, "cloudformation").delete_stack(StackName="shop")
    assert left(aws) == {"Retain", "RetainExceptOnCreate"}


def test_a_role_gets_the_managed_policies_that_a_change_names(aws: Aws) -> None:
    allow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    policy = aws.iam.create_policy(PolicyName="read", PolicyDocument=document)["Policy"]

    def named(*arns: str) -> str:
        changed = role("reader", "")
        changed["Properties"]["ManagedPolicyArns"] = list(arns)
        return json.dumps({"Resources": {"Reader": changed}})

    def attached() -> list[str]:
        found = aws.iam.list_attached_role_policies(RoleName="role-reader")["AttachedPolicies"]
        return [one["PolicyArn"] for one in found]

    change(aws, "CREATE", named(), "first")
    assert attached() == []
    change(aws, "UPDATE", named(policy["Arn"]), "second")
    assert attached() == [policy["Arn"]]


def test_roles_of_the_account_stay_when_its_stack_goes(aws: Aws, given: dict[str, str]) -> None:
    said = {**given, "SpotFleetRole": "yes"}
    stacks.apply(aws, stacks.plan(aws, "shop", said, FakeClock()), FakeClock(), print)
    client_of(aws, "cloudformation").delete_stack(StackName="shop")
    there = {one["RoleName"] for one in aws.iam.list_roles()["Roles"]}
    assert {
        "spotkiln-worker",
        "aws-ec2-spot-fleet-tagging-role",
        "AWSServiceRoleForEC2SpotFleet",
    } <= there
    assert "website" not in there
    assert aws.iam.get_instance_profile(InstanceProfileName="spotkiln-worker")
    assert aws.elbv2.describe_target_groups()["TargetGroups"] == []
