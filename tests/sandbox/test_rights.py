"""What an instance may read and write with its role: parameters, secrets, logs."""

import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.client import Sandbox, SandboxError
from tests.sandbox.account import Account

pytestmark = pytest.mark.sandbox

PATH = "/demo-web-app/production/"
STAGING = "/demo-web-app/staging/"


class Machine:
    """Calls AWS as an instance does, with the credentials of its role."""

    def __init__(self, account: Account, profile: str = "website") -> None:
        self.box = account.box
        self.id = account.run(IamInstanceProfile={"Name": profile})
        self._key = self.box.role_credentials(self.id)

    def client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            region_name="eu-west-1",
            endpoint_url=self.box.environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=self._key["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self._key["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=self._key["AWS_SESSION_TOKEN"],
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )


def refused(call: Callable[..., object], **given: Any) -> tuple[str, str]:
    """Code and message."""
    with pytest.raises(ClientError) as caught:
        call(**given)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def machine(account: Account) -> Machine:
    return Machine(account)


def test_a_machine_reads_the_configuration_of_its_environment(machine: Machine) -> None:
    ssm = machine.client("ssm")
    found = ssm.get_parameters_by_path(Path=PATH, WithDecryption=True)["Parameters"]
    values = {one["Name"].removeprefix(PATH): one["Value"] for one in found}
    assert values["GREETING"] == "Hello from production"
    assert len(values["SECRET_KEY_BASE"]) == 128
    kinds = {one["Name"].removeprefix(PATH): (one["Type"], one["Version"]) for one in found}
    assert kinds == {"GREETING": ("String", 1), "SECRET_KEY_BASE": ("SecureString", 1)}
    secret = machine.client("secretsmanager").get_secret_value(SecretId="demo-web-app/production")
    assert list(json.loads(secret["SecretString"])) == ["MAIL_PASSWORD"]
    called = [one for one in machine.box.calls() if one["caller"] == machine.id]
    assert [one["operation"] for one in called] == ["GetParametersByPath", "GetSecretValue"]


def test_a_secure_string_is_unreadable_without_decryption(
    account: Account, machine: Machine
) -> None:
    ssm = machine.client("ssm")
    name = f"{PATH}SECRET_KEY_BASE"
    clear = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    asked = [
        ssm.get_parameter(Name=name)["Parameter"],
        ssm.get_parameters(Names=[name])["Parameters"][0],
        *ssm.get_parameters_by_path(Path=PATH)["Parameters"],
        *account.client("ssm").get_parameter_history(Name=name)["Parameters"],
    ]
    assert clear not in str(asked)
    assert {one["Name"] for one in asked} == {name, f"{PATH}GREETING"}


def test_another_environments_configuration_is_refused_in_awss_words(machine: Machine) -> None:
    ssm, vault = machine.client("ssm"), machine.client("secretsmanager")
    who = f"User: arn:aws:sts::123456789012:assumed-role/website/{machine.id} is not authorized"
    assert refused(ssm.get_parameters_by_path, Path=STAGING) == (
        "AccessDeniedException",
        (
            f"{who} to perform: ssm:GetParametersByPath on resource: "
            "arn:aws:ssm:eu-west-1:123456789012:parameter/demo-web-app/staging/ because no "
            "identity-based policy allows the ssm:GetParametersByPath action"
        ),
    )
    code, message = refused(vault.get_secret_value, SecretId="demo-web-app/staging")
    assert code == "AccessDeniedException"
    assert message.startswith(f"{who} to perform: secretsmanager:GetSecretValue on resource: arn:")
    # One that is missing is told only to those who may read it.
    code, _ = refused(vault.get_secret_value, SecretId="nothing/production/at-all")
    assert code == "ResourceNotFoundException"
    code, _ = refused(vault.get_secret_value, SecretId="nothing")
    assert code == "AccessDeniedException"
    code, _ = refused(ssm.put_parameter, Name=f"{PATH}X", Value="x", Type="String")
    assert code == "AccessDeniedException"
    denied = [one for one in machine.box.calls() if one["error"] == "AccessDeniedException"]
    assert {one["caller"] for one in denied} == {machine.id}
    assert len(denied) == 4


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("ec2", "describe_instances", "UnauthorizedOperation"),
        ("elbv2", "describe_load_balancers", "AccessDenied"),
        ("iam", "list_roles", "AccessDenied"),
        ("pricing", "describe_services", "AccessDeniedException"),
    ],
)
def test_a_role_has_no_right_that_it_was_not_given(
    machine: Machine, service: str, call: str, code: str
) -> None:
    assert refused(getattr(machine.client(service), call))[0] == code


def test_a_machine_may_leave_its_target_group(account: Account, machine: Machine) -> None:
    elbv2, group = machine.client("elbv2"), account.target_group
    elbv2.deregister_targets(TargetGroupArn=group, Targets=[{"Id": machine.id}])
    assert elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"] == []
    targets = [{"Id": machine.id}]
    code, message = refused(elbv2.register_targets, TargetGroupArn=group, Targets=targets)
    assert (code, f"on resource: {group} because" in message) == ("AccessDenied", True)


def test_rights_change_as_soon_as_policies_do(account: Account, machine: Machine) -> None:
    ssm, iam = machine.client("ssm"), account.iam
    read = ssm.get_parameters_by_path
    allow = {"Effect": "Allow", "Action": "ssm:Get*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": allow})
    made = iam.create_policy(PolicyName="read-all", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="website", PolicyArn=made)
    assert len(read(Path=STAGING)["Parameters"]) == 2
    deny = json.dumps({"Version": "2012-10-17", "Statement": [{**allow, "Effect": "Deny"}]})
    iam.put_role_policy(RoleName="website", PolicyName="none", PolicyDocument=deny)
    assert "with an explicit deny in an identity-based policy" in refused(read, Path=STAGING)[1]
    iam.delete_role_policy(RoleName="website", PolicyName="none")
    iam.detach_role_policy(RoleName="website", PolicyArn=made)
    iam.delete_policy(PolicyArn=made)
    assert refused(read, Path=STAGING)[0] == "AccessDeniedException"


def test_each_role_reads_its_own_environment_alone(account: Account) -> None:
    for profile, own in (
        ("website", "production"),
        ("website-staging", "staging"),
        ("image-test", "test"),
    ):
        ssm = Machine(account, profile).client("ssm")
        for environment in ("production", "staging", "test"):
            path = f"/demo-web-app/{environment}/"
            if environment == own:
                assert len(ssm.get_parameters_by_path(Path=path)["Parameters"]) == 2
            else:
                denied = refused(ssm.get_parameters_by_path, Path=path)
                assert denied[0] == "AccessDeniedException"


def test_an_instance_without_a_role_has_no_credentials(account: Account, box: Sandbox) -> None:
    with pytest.raises(SandboxError, match="has no role"):
        box.role_credentials(account.run())
    account.iam.create_instance_profile(InstanceProfileName="empty")
    bare = account.run(IamInstanceProfile={"Name": "empty"})
    with pytest.raises(SandboxError, match="has no role"):
        box.role_credentials(bare)
    account.iam.delete_instance_profile(InstanceProfileName="empty")


def test_a_forgotten_instances_key_is_refused(account: Account, box: Sandbox) -> None:
    machine = Machine(account)
    account.ec2.terminate_instances(InstanceIds=[machine.id])
    account.until(machine.id, "terminated")
    box.forget_ended()
    ssm = machine.client("ssm")
    code, message = refused(ssm.get_parameters_by_path, Path=PATH)
    assert code == "UnrecognizedClientException"
    assert "security token" in message


def test_ten_parameters_are_a_page(account: Account, machine: Machine) -> None:
    owner, path = account.client("ssm"), "/paged/production/"
    names = [f"{path}NAME_{number:02}" for number in range(23)]
    for name in names:
        owner.put_parameter(Name=name, Value=name[-2:], Type="String")
    ssm = machine.client("ssm")
    pages = list(ssm.get_paginator("get_parameters_by_path").paginate(Path=path))
    assert [len(page["Parameters"]) for page in pages] == [10, 10, 3]
    assert [one["Name"] for page in pages for one in page["Parameters"]] == names
    code, message = refused(ssm.get_parameters_by_path, Path=path, MaxResults=11)
    assert (code, "'maxResults'" in message) == ("ValidationException", True)
    owner.put_parameter(Name=names[0], Value="new", Type="SecureString", Overwrite=True)
    found = ssm.get_parameters_by_path(Path=path, WithDecryption=True, MaxResults=1)["Parameters"]
    assert [(one["Value"], one["Version"]) for one in found] == [("new", 2)]
    for name in names:
        owner.delete_parameter(Name=name)


def test_a_secret_has_versions(account: Account, machine: Machine) -> None:
    owner, name = account.client("secretsmanager"), "shop/production"
    owner.create_secret(Name=name, SecretString='{"A": "1"}')
    first = owner.describe_secret(SecretId=name)["VersionIdsToStages"]
    owner.put_secret_value(SecretId=name, SecretString='{"A": "2"}')
    vault = machine.client("secretsmanager")
    assert vault.get_secret_value(SecretId=name)["SecretString"] == '{"A": "2"}'
    previous = vault.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")
    assert (previous["SecretString"], [previous["VersionId"]]) == ('{"A": "1"}', list(first))
    owner.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    code, message = refused(vault.get_secret_value, SecretId=f"{name}/gone")
    assert (code, message) == (
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret.",
    )


def test_a_machine_writes_logs(account: Account, machine: Machine) -> None:
    logs, group = machine.client("logs"), "/spotkiln/demo-web-app"
    logs.create_log_group(logGroupName=group)
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    logs.create_log_stream(logGroupName=group, logStreamName="web/i-1")
    events = [{"timestamp": int(time.time() * 1000), "message": "hello"}]
    logs.put_log_events(logGroupName=group, logStreamName="web/i-1", logEvents=events)
    assert refused(logs.filter_log_events, logGroupName=group)[0] == "AccessDeniedException"
    owner = account.client("logs")
    found = owner.filter_log_events(logGroupName=group)["events"]
    assert [(one["message"], one["logStreamName"]) for one in found] == [("hello", "web/i-1")]
    assert owner.describe_log_groups()["logGroups"][0]["retentionInDays"] == 7
    owner.delete_log_group(logGroupName=group)


def test_logs_take_and_give_what_awss_do(account: Account) -> None:
    logs, now = account.client("logs"), int(time.time() * 1000)
    logs.create_log_group(logGroupName="/mine")
    for stream in ("a/1", "b/1"):
        logs.create_log_stream(logGroupName="/mine", logStreamName=stream)

    def event(age: int = 0, text: str = "x") -> dict[str, Any]:
        return {"timestamp": now - age * 1000, "message": text}

    def put(stream: str, *events: dict[str, Any]) -> None:
        logs.put_log_events(logGroupName="/mine", logStreamName=stream, logEvents=list(events))

    day = 24 * 3600
    for events, why in (
        ([event()] * 10_001, "between 1 and 10000"),
        ([event(text="x" * 600_000)] * 2, "Upload too large: 1200052 bytes"),
        ([event(day + 1), event()], "24 hours"),
        ([event(), event(10)], "chronological"),
    ):
        code, message = refused(
            logs.put_log_events, logGroupName="/mine", logStreamName="a/1", logEvents=events
        )
        assert (code, why in message) == ("InvalidParameterException", True), message
    put("a/1", event(2, "first"), event(1, "third"))
    put("b/1", event(2, "second"))
    found = logs.filter_log_events(logGroupName="/mine", logStreamNamePrefix="a/")["events"]
    assert [one["message"] for one in found] == ["first", "third"]
    assert logs.filter_log_events(logGroupName="/mine", logStreamNamePrefix="c/")["events"] == []
    logs.delete_log_group(logGroupName="/mine")


def test_calls_for_settings_can_be_throttled(account: Account, machine: Machine) -> None:
    ssm = machine.client("ssm")
    account.box.fault("GetParametersByPath", "throttle", nth=2)
    ssm.get_parameters_by_path(Path=PATH)
    throttled = refused(ssm.get_parameters_by_path, Path=PATH)
    assert throttled == ("ThrottlingException", "Rate exceeded")
    ssm.get_parameters_by_path(Path=PATH)


def test_secret_values_are_not_recorded(account: Account) -> None:
    ssm, vault = account.client("ssm"), account.client("secretsmanager")
    ssm.put_parameter(Name="/recorded/A", Value="hush-1", Type="SecureString")
    vault.create_secret(Name="recorded", SecretString="hush-2")
    vault.put_secret_value(SecretId="recorded", SecretString="hush-3")
    calls = account.box.calls()
    assert "hush" not in json.dumps(calls)
    put = next(one for one in calls if one["operation"] == "PutParameter")
    assert put["parameters"]["Name"] == "/recorded/A"
    ssm.delete_parameter(Name="/recorded/A")
    vault.delete_secret(SecretId="recorded", ForceDeleteWithoutRecovery=True)


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
        "Resource": "arn:aws:iam::*:role/website",
        "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
    }
    ec2 = session(account, LAUNCH, passing)
    assert refused(ec2.run_instances, **asked)[0] == "DryRunOperation"
    other = {**asked, "IamInstanceProfile": {"Name": "image-test"}}
    assert "role/image-test" in refused(ec2.run_instances, **other)[1]


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
