"""The account's template: what is in it, and that CloudFormation would take it."""

import io
import json
import re
from contextlib import redirect_stdout
from typing import Any

import pytest
import yaml
from cfnlint.api import lint
from moto.iam.aws_managed_policies import aws_managed_policies_data

from sandbox.rights.policy import decide
from spotkiln.account.parameters import PARAMETERS, SERVICES
from spotkiln.account.plan import given, infra, linked
from spotkiln.account.roles import ON_REQUEST
from spotkiln.account.template import template
from spotkiln.account.terraform.module import module
from spotkiln.aws.release.rights import every
from spotkiln.cli.commands import accounting
from spotkiln.errors import InputError
from spotkiln.release.server_statements import SERVER
from spotkiln.serve.spec import FleetSpec, LauncherKind
from spotkiln.statement import size

# CloudFormation's limit for a template in a call, and IAM's for a policy.
MOST_CHARACTERS, MOST_OF_POLICY = 51_200, 6144


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return template(every())


def test_cfn_lint_finds_nothing(whole: dict[str, Any]) -> None:
    assert [str(one) for one in lint(json.dumps(whole, indent=1))] == []


def test_it_fits_into_one_call(whole: dict[str, Any]) -> None:
    """Also as it is printed, for those who hand it to CloudFormation themselves. It knows no
    aliases."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        accounting.template()
    assert yaml.safe_load(printed.getvalue()) == json.loads(json.dumps(whole))
    assert [one for one in yaml.scan(printed.getvalue()) if isinstance(one, yaml.AliasToken)] == []
    assert len(json.dumps(whole)) < len(printed.getvalue()) < MOST_CHARACTERS


def test_all_hosts_are_a_condition_that_aws_takes(whole: dict[str, Any]) -> None:
    """A host name has a dot: `*` alone is refused."""
    rules = [
        one["Properties"]["Conditions"]
        for one in whole["Resources"].values()
        if one["Type"] == "AWS::ElasticLoadBalancingV2::ListenerRule"
    ]
    assert rules == [rules[0]] * 3
    name, all_of_them, one_host = rules[0][0]["Fn::If"]
    assert whole["Conditions"][name] == {"Fn::Equals": [{"Ref": "Host"}, "*"]}
    assert all_of_them == {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}
    assert one_host["HostHeaderConfig"] == {"Values": [{"Ref": "Host"}]}
    pattern = re.compile(whole["Parameters"]["Host"]["AllowedPattern"])
    assert [bool(pattern.match(x)) for x in ("*", "*.example.com", "shop", "a.b:80")] == [
        True,
        True,
        False,
        False,
    ]


def test_the_workers_policies_have_all_its_rights(whole: dict[str, Any]) -> None:
    documents = [
        one["Properties"]["PolicyDocument"]
        for one in whole["Resources"].values()
        if one["Type"] == "AWS::IAM::ManagedPolicy"
    ]
    usual = [x.sid for x in every() if x.part not in ON_REQUEST]
    assert [one["Sid"] for x in documents for one in x["Statement"]] == usual
    assert all(size(one) < MOST_OF_POLICY + 40 * len(one["Statement"]) for one in documents)
    # No name in braces is left but CloudFormation's own.
    text = json.dumps(documents).replace("${", "")
    assert "{target_groups}" not in text and "{partition}" not in text


def allows(document: dict[str, Any], action: str, has: dict[str, str]) -> bool:
    """Of an instance, a fleet or a group with these tags, in whatever account."""
    filled = json.dumps(document).replace("${AWS::Partition}", "aws")
    filled = re.sub(r'\{"Fn::Sub": ("[^"]*")\}', r"\1", filled)
    arn = {
        "autoscaling:DeleteAutoScalingGroup": "autoscaling:${AWS::Region}:${AWS::AccountId}:"
        "autoScalingGroup:1:autoScalingGroupName/grown",
        "ec2:CancelSpotFleetRequests": "ec2:${AWS::Region}:${AWS::AccountId}:spot-fleet-request/a",
        "ec2:TerminateInstances": "ec2:${AWS::Region}:${AWS::AccountId}:instance/i-1",
    }[action]
    told = {f"aws:resourcetag/{key.lower()}": (value,) for key, value in has.items()}
    return decide([filled], action, f"arn:aws:{arn}", told).word == "allowed"


@pytest.mark.parametrize(
    ("action", "adopted"),
    [
        ("ec2:TerminateInstances", {"aws:ec2spot:fleet-request-id": "sfr-1"}),
        ("ec2:TerminateInstances", {"aws:autoscaling:groupName": "grown"}),
        ("ec2:CancelSpotFleetRequests", {"spotkiln:adopted": "shop-1"}),
        ("autoscaling:DeleteAutoScalingGroup", {"spotkiln:adopted": "shop-1"}),
    ],
)
def test_what_is_not_ours_is_ended_only_where_adoption_is_asked_for(
    whole: dict[str, Any], action: str, adopted: dict[str, str]
) -> None:
    made = whole["Resources"]
    usual = [x["Properties"]["PolicyDocument"] for n, x in made.items() if "WorkerPolicy" in n]
    assert not any(allows(one, action, {**adopted, "Name": "theirs"}) for one in usual)
    asked = made["AdoptionPolicy"]
    assert asked["Condition"] == "GiveAdoption"
    assert whole["Parameters"]["Adopt"]["Default"] == "no"
    assert allows(asked["Properties"]["PolicyDocument"], action, adopted)
    assert not allows(asked["Properties"]["PolicyDocument"], action, {"Name": "theirs"})


def test_servers_read_their_own_configuration_alone(whole: dict[str, Any]) -> None:
    (policy,) = whole["Resources"]["ServerRole"]["Properties"]["Policies"]
    statements = {one["Sid"]: one for one in policy["PolicyDocument"]["Statement"]}
    assert list(statements) == [one.sid for one in SERVER]
    for name in ("ReadParameters", "ReadSecrets"):
        assert all("${Own" in one["Fn::Sub"][0] for one in statements[name]["Resource"])


def test_the_worker_hands_on_roles_of_servers_alone(whole: dict[str, Any]) -> None:
    text = json.dumps(whole)
    assert "role/spotkiln/*" in text
    assert whole["Resources"]["ServerRole"]["Properties"]["Path"] == "/spotkiln/"


def test_only_the_load_balancer_reaches_the_servers(whole: dict[str, Any]) -> None:
    resources = whole["Resources"]
    assert "SecurityGroupIngress" not in resources["ServerSecurityGroup"]["Properties"]
    rules = [x for x in resources.values() if x["Type"] == "AWS::EC2::SecurityGroupIngress"]
    assert [("CidrIp" in x["Properties"], x["Properties"]["FromPort"]) for x in rules] == [
        (False, {"Ref": "Port"}),
        (False, {"Ref": "HealthPort"}),
    ] * 2


def test_the_fleets_managed_policy_is_awss_own(whole: dict[str, Any]) -> None:
    (arn,) = whole["Resources"]["FleetRole"]["Properties"]["ManagedPolicyArns"]
    path = arn["Fn::Sub"].rpartition(":policy/")[2]
    assert path == "service-role/AmazonEC2SpotFleetTaggingRole"
    assert "AmazonEC2SpotFleetTaggingRole" in aws_managed_policies_data


def test_each_parameter_says_what_it_is(whole: dict[str, Any]) -> None:
    assert all(one["Description"] for one in PARAMETERS.values())
    text = json.dumps({**whole, "Parameters": {}})
    assert [
        name for name in PARAMETERS if f'"{name}"' not in text and f"${{{name}}}" not in text
    ] == []


def test_its_outputs_are_what_a_deployment_says(whole: dict[str, Any]) -> None:
    told = infra({name: name.lower() for name in whole["Outputs"]})
    assert "target_group: targetgroup" in told
    assert "instance_profile: instanceprofile" in told
    # The flow's default is for deployments that were there before: a new one says what AWS advises.
    fleet = FleetSpec.model_validate(yaml.safe_load(told)["fleet"])
    assert fleet.launcher is LauncherKind.GROUP
    # A release is refused where there are no parameters yet: so that is said, and not set.
    assert "configuration" not in yaml.safe_load(told)
    assert "#   parameters: [parameterpath]" in told
    assert told.endswith("# The load balancer: address")


def test_the_worker_may_do_all_that_any_launcher_does(whole: dict[str, Any]) -> None:
    policies = [
        one["Properties"]["PolicyDocument"]
        for name, one in whole["Resources"].items()
        if name.startswith("WorkerPolicy") or name in {x for x, _ in ON_REQUEST.values()}
    ]
    given = {action for one in policies for x in one["Statement"] for action in x["Action"]}
    assert given == {action for one in every() for action in one.actions}


def test_another_region_adds_rights_to_the_role_that_is_there(whole: dict[str, Any]) -> None:
    made = whole["Resources"]
    policies = [one for name, one in made.items() if name.startswith("WorkerPolicy")]
    role = {"Fn::If": ["MakeWorker", {"Ref": "WorkerRole"}, "spotkiln-worker"]}
    assert {one["Condition"] for one in policies} == {"GiveRights"}
    assert all(one["Properties"]["Roles"] == [role] for one in policies)
    # IAM attaches ten to a role: two regions have room.
    assert 2 * len(policies) <= 10
    assert whole["Conditions"]["GiveRights"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "Worker"}, "no"]}]
    }


def test_parameters_that_do_not_go_together_are_refused(whole: dict[str, Any]) -> None:
    """Also to those who hand the template to CloudFormation themselves."""
    asserted = {
        name: [one["Assert"]["Fn::Not"][0]["Fn::Equals"][0]["Ref"] for one in rule["Assertions"]]
        for name, rule in whole["Rules"].items()
    }
    assert asserted == {
        "LoadBalancerThatIsThere": ["Listener", "BalancerGroup"],
        "WorkerThatSaysAnId": ["WorkerTrust"],
    }


def test_parameters_as_they_are_typed() -> None:
    assert given(["Vpc=vpc-1", "Host=a=b"]) == {"Vpc": "vpc-1", "Host": "a=b"}
    for wrong in ("Vpc", "Color=red"):
        with pytest.raises(InputError, match="expected NAME=VALUE"):
            given([wrong])


def test_a_service_linked_role_is_made_where_it_is_missing() -> None:
    present = {
        "AWSServiceRoleForEC2Spot": True,
        "AWSServiceRoleForEC2SpotFleet": False,
        "AWSServiceRoleForEC2Fleet": False,
        "AWSServiceRoleForAutoScaling": True,
    }
    assert linked(present) == {
        "SpotRole": "no",
        "SpotFleetRole": "yes",
        "Ec2FleetRole": "yes",
        "ScalingRole": "no",
    }


def test_whoever_takes_the_workers_role_says_the_external_id_if_there_is_one() -> None:
    made = template(every())["Resources"]["WorkerRole"]["Properties"]["AssumeRolePolicyDocument"]
    says = {"StringEquals": {"sts:ExternalId": {"Ref": "WorkerExternalId"}}}
    (statement,) = made["Statement"]
    assert statement["Condition"] == {"Fn::If": ["HasExternalId", says, {"Ref": "AWS::NoValue"}]}


def test_the_worker_takes_only_those_roles_of_other_accounts_that_are_named() -> None:
    made = template(every())["Resources"]["OtherRolesPolicy"]
    assert made["Condition"] == "HasOtherRoles"
    (statement,) = made["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRole"
    assert statement["Resource"] == {"Fn::Split": [",", {"Ref": "OtherRoles"}]}


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("shop", True),
        ("s", True),
        ("shop-staging", True),
        ("internals", True),
        ("sg", True),
        ("a" * 23, True),
        ("a" * 24, False),
        ("shop-", False),
        ("internal-x", False),
        ("sg-x", False),
        ("1shop", False),
    ],
)
def test_a_name_that_aws_would_refuse_is_refused_before_anything_is_made(
    whole: dict[str, Any], name: str, taken: bool
) -> None:
    """No load balancer's name begins with internal-, no security group's with sg-, and no target
    group's ends with a hyphen. Terraform's patterns know no lookahead."""
    parameter = whole["Parameters"]["Name"]
    assert (re.fullmatch(parameter["AllowedPattern"], name) is not None) is taken
    holds = module(whole)["variable"]["Name"]["validation"]["condition"]
    wanted, refused = re.findall(r'regex\("([^"]*)"', holds)
    assert "(?!" not in holds and "&& !can(" in holds
    assert bool(re.search(wanted, name) and not re.search(refused, name)) is taken


def test_the_worker_may_use_those_keys_of_disks_alone_that_are_named(whole: dict[str, Any]) -> None:
    """Of the account's default key EC2 asks in the name of whoever launches."""
    made = whole["Resources"]["DiskKeysPolicy"]
    assert made["Condition"] == "GiveDiskKeys"
    use, grant = made["Properties"]["PolicyDocument"]["Statement"]
    named = {"Fn::Split": [",", {"Ref": "DiskKeys"}]}
    assert [use["Resource"], grant["Resource"]] == [named, named]
    assert grant["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}
    for one in (use, grant):
        by = one["Condition"]["StringEquals"]["kms:ViaService"]
        assert by[0] == {"Fn::Sub": "ec2.${AWS::Region}.amazonaws.com"}
    key = "arn:aws:kms:eu-west-1:123456789012:key/mrk-0a1b"
    pattern = whole["Parameters"]["DiskKeys"]["AllowedPattern"]
    told = ["", key, f"{key},{key}", "alias/disks", f"{key},", key.replace("key/", "alias/")]
    assert [bool(re.fullmatch(pattern, one)) for one in told] == [True] * 3 + [False] * 3


def test_servers_write_log_groups_of_their_own_name(whole: dict[str, Any]) -> None:
    (policy,) = whole["Resources"]["ServerRole"]["Properties"]["Policies"]
    (logs,) = [x for x in policy["PolicyDocument"]["Statement"] if x["Sid"] == "WriteLogs"]
    spotkilns, own, streams = (one["Fn::Sub"] for one in logs["Resource"])
    assert spotkilns.endswith(":log-group:/spotkiln/*")
    text, names = own
    assert streams == [f"{text}:*", names]
    assert text.endswith(":log-group:${OwnLogs}")
    usual = {"Fn::Sub": "/${Name}/*"}
    assert names["OwnLogs"] == {"Fn::If": ["HasLogGroups", {"Ref": "LogGroups"}, usual]}


def test_iams_own_variables_are_left_to_iam(whole: dict[str, Any]) -> None:
    assert '"ssm:resourceTag/aws:ssmmessages:session-id": "${aws:userid}"' in json.dumps(whole)
    assert "$${aws:userid}" in json.dumps(module(whole))


def test_what_other_stacks_use_stays_when_the_first_one_goes(whole: dict[str, Any]) -> None:
    kept = {x for x, one in whole["Resources"].items() if "DeletionPolicy" in one}
    linked = {f"Linked{name}" for name in SERVICES}
    assert kept == {"WorkerRole", "WorkerProfile", "FleetRole", *linked}
    assert {whole["Resources"][x]["DeletionPolicy"] for x in kept} == {"RetainExceptOnCreate"}
