"""What an instance may read and write with its role: parameters, secrets, logs."""

import json
import time
from typing import Any

import pytest

from sandbox.client import Sandbox, SandboxError
from tests.sandbox.account import Account
from tests.sandbox.account_machine import Machine, refused

pytestmark = pytest.mark.sandbox

PATH = "/demo-web-app/production/"
STAGING = "/demo-web-app/staging/"


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
    own, owner = machine.client("ssm"), account.client("ssm")
    name = f"{PATH}SECRET_KEY_BASE"
    clear = owner.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    asked = [
        owner.get_parameter(Name=name)["Parameter"],
        owner.get_parameters(Names=[name])["Parameters"][0],
        *own.get_parameters_by_path(Path=PATH)["Parameters"],
        *owner.get_parameter_history(Name=name)["Parameters"],
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
    code, _ = refused(vault.get_secret_value, SecretId="demo-web-app/production/at-all")
    assert code == "ResourceNotFoundException"
    code, _ = refused(vault.get_secret_value, SecretId="nothing")
    assert code == "AccessDeniedException"
    code, _ = refused(ssm.get_parameter, Name=f"{PATH}GREETING")  # by path alone
    assert code == "AccessDeniedException"
    code, _ = refused(ssm.put_parameter, Name=f"{PATH}X", Value="x", Type="String")
    assert code == "AccessDeniedException"
    denied = [one for one in machine.box.calls() if one["error"] == "AccessDeniedException"]
    assert {one["caller"] for one in denied} == {machine.id}
    assert len(denied) == 5


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
    owner, path = account.client("ssm"), f"{PATH}paged/"
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
    owner, name = account.client("secretsmanager"), "demo-web-app/production/shop"
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
