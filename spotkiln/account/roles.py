"""The roles of the template: the worker's, the fleets', the servers'."""

from collections.abc import Iterable, Mapping
from typing import Any

from spotkiln.account.parameters import SERVICES
from spotkiln.bake.infra_names import MOST_FURTHER
from spotkiln.release.key_statements import OWN_KEYS
from spotkiln.release.server_statements import SERVER
from spotkiln.statement import ADOPTION, Fill, Statement, policies

Resources = dict[str, dict[str, Any]]
WORKER = "spotkiln-worker"
# Roles of servers are below this path: the worker may hand on these and no others.
PATH = "/spotkiln/"
_IAM = "arn:${AWS::Partition}:iam::${AWS::AccountId}"
# In China its name has another end.
_EC2 = {"Fn::Sub": "ec2.${AWS::URLSuffix}"}
_OWN = "${AWS::Region}:${AWS::AccountId}"
WORKER_ARN = f"{_IAM}:role/{WORKER}"
# Names of a build's parameters and secrets: below a build/, or after it.
_OF_A_BUILD = ("build/*", "*/build/*", "*/build-*")
# As many as the parameter says.
_DISK_KEYS = "${DiskKeys}"
# What the names in the rights stand for, in CloudFormation's words.
FILL: Fill = {
    "partition": ("${AWS::Partition}",),
    "region": ("${AWS::Region}",),
    "account": ("${AWS::AccountId}",),
    "target_groups": ("${TargetGroups}",),
    "fleet_role": (f"{_IAM}:role/${{FleetRoleName}}",),
    "server_roles": (f"{_IAM}:role{PATH}*",),
    "build_parameters": tuple(
        f"arn:${{AWS::Partition}}:ssm:{_OWN}:parameter/{one}" for one in _OF_A_BUILD
    ),
    "build_secrets": tuple(
        f"arn:${{AWS::Partition}}:secretsmanager:{_OWN}:secret:{one}" for one in _OF_A_BUILD
    ),
    "disk_keys": (_DISK_KEYS,),
    "workers": (WORKER_ARN,),
}
# Each of the further target groups, in the servers' own policy.
FURTHER = tuple(f"Further{number + 1}" for number in range(MOST_FURTHER))
SERVER_FILL: Fill = {
    **FILL,
    "target_groups": ("${Name}", "${Name}-green", *(f"${{{one}}}" for one in FURTHER)),
    "parameters": (
        f"arn:${{AWS::Partition}}:ssm:{_OWN}:parameter${{OwnParameters}}",
        f"arn:${{AWS::Partition}}:ssm:{_OWN}:parameter${{OwnParameters}}/*",
    ),
    "secrets": (
        f"arn:${{AWS::Partition}}:secretsmanager:{_OWN}:secret:${{OwnSecrets}}-??????",
        f"arn:${{AWS::Partition}}:secretsmanager:{_OWN}:secret:${{OwnSecrets}}/*",
    ),
    "log_groups": (
        f"arn:${{AWS::Partition}}:logs:{_OWN}:log-group:/spotkiln/*",
        f"arn:${{AWS::Partition}}:logs:{_OWN}:log-group:${{OwnLogs}}",
        f"arn:${{AWS::Partition}}:logs:{_OWN}:log-group:${{OwnLogs}}:*",
    ),
}


# Where the application's configuration is and its logs go: the parameter that says it, and what
# stands for it if nobody does.
OWN = {
    "OwnParameters": ("ParameterPath", "/${Name}/production"),
    "OwnSecrets": ("SecretPath", "${Name}/production"),
    "OwnLogs": ("LogGroups", "/${Name}/*"),
}


# Parts of the worker's rights that a parameter gives: the resource of each, and its condition.
ON_REQUEST = {
    ADOPTION: ("AdoptionPolicy", "GiveAdoption"),
    OWN_KEYS: ("DiskKeysPolicy", "GiveDiskKeys"),
}
# What the stacks of other applications use as well stays when this one goes, unless it was being
# made. Rights go: the next stack that gives them has its own.
_SHARED = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
# The worker's role, wherever it was made.
_HOLDER = {"Fn::If": ["MakeWorker", {"Ref": "WorkerRole"}, WORKER]}


def roles(worker: Iterable[Statement]) -> Resources:
    return {**_worker(worker), **_fleet(), **_servers(), **_linked()}


def substituted(value: Any) -> Any:
    """The same with Fn::Sub around each text that names something of the template's."""
    if isinstance(value, str):
        for name, (said, usual) in OWN.items():
            if f"${{{name}}}" in value:
                where = {"Fn::If": [f"Has{said}", {"Ref": said}, {"Fn::Sub": usual}]}
                return {"Fn::Sub": [value, {name: where}]}
        for number, name in enumerate(FURTHER):
            if f"${{{name}}}" in value:
                return {"Fn::Sub": [value, {name: _further(number)}]}
        # IAM's own variables begin with a small letter: they are none of CloudFormation's.
        return {"Fn::Sub": value} if "${" in value.replace("${aws:", "") else value
    if value == [_DISK_KEYS]:
        return {"Fn::Split": [",", {"Ref": "DiskKeys"}]}
    if isinstance(value, Mapping):
        return {key: substituted(one) for key, one in value.items()}
    return [substituted(one) for one in value] if isinstance(value, list | tuple) else value


def _further(number: int) -> dict[str, Any]:
    """The name of a further target group, or again the first one's where there are not so many: to
    take one of fewer is an error in CloudFormation."""
    own = ",".join(["${Name}"] * MOST_FURTHER)
    some, none = {"Fn::Sub": f"${{AlsoBehind}},{own}"}, {"Fn::Sub": own}
    names = {"Fn::Split": [",", {"Fn::If": ["HasFurther", some, none]}]}
    return {"Fn::Select": [number, names]}


def _trust(principal: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _if(condition: str, value: Any) -> dict[str, Any]:
    """The value if the condition holds, else nothing at all."""
    return {"Fn::If": [condition, value, {"Ref": "AWS::NoValue"}]}


def _other_roles() -> dict[str, Any]:
    statement = {
        "Sid": "OtherAccounts",
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Resource": {"Fn::Split": [",", {"Ref": "OtherRoles"}]},
    }
    return {
        "Type": "AWS::IAM::Policy",
        "Condition": "HasOtherRoles",
        "Properties": {
            "PolicyName": "other-roles",
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
            "Roles": [{"Ref": "WorkerRole"}],
        },
    }


def _worker_trust() -> dict[str, Any]:
    ec2, named = {"Service": _EC2}, {"AWS": {"Ref": "WorkerTrust"}}
    document = _trust({"Fn::If": ["WorkerOnEc2", ec2, named]})
    says = {"StringEquals": {"sts:ExternalId": {"Ref": "WorkerExternalId"}}}
    document["Statement"][0]["Condition"] = _if("HasExternalId", says)
    return document


def _worker(statements: Iterable[Statement]) -> Resources:
    """Policies of their own: one has no room for all of it."""
    found: Resources = {
        "WorkerRole": {
            "Type": "AWS::IAM::Role",
            "Condition": "MakeWorker",
            **_SHARED,
            "Properties": {
                "RoleName": WORKER,
                "Description": "Spotkiln's worker: what a release needs, and no more",
                "AssumeRolePolicyDocument": _worker_trust(),
            },
        },
        "WorkerProfile": {
            "Type": "AWS::IAM::InstanceProfile",
            "Condition": "MakeWorkerProfile",
            **_SHARED,
            "Properties": {"InstanceProfileName": WORKER, "Roles": [{"Ref": "WorkerRole"}]},
        },
    }
    found["OtherRolesPolicy"] = _other_roles()
    every = list(statements)
    for part, (name, condition) in ON_REQUEST.items():
        asked = [one for one in every if one.part == part]
        found[name] = _on_request(part, condition, asked)
    usual = [one for one in every if one.part not in ON_REQUEST]
    for number, document in enumerate(policies(usual, FILL), start=1):
        found[f"WorkerPolicy{number}"] = {
            "Type": "AWS::IAM::ManagedPolicy",
            "Condition": "GiveRights",
            "Properties": {
                "Description": "Spotkiln's worker, one part of its rights",
                "PolicyDocument": substituted(document),
                "Roles": [_HOLDER],
            },
        }
    return found


def _on_request(part: str, condition: str, statements: Iterable[Statement]) -> dict[str, Any]:
    """In the role itself: of managed policies a role takes ten. Another stack's has another name:
    one of the same name would go with either of them."""
    (document,) = policies(statements, FILL)
    return {
        "Type": "AWS::IAM::Policy",
        "Condition": condition,
        "Properties": {
            "PolicyName": {"Fn::Sub": f"{part.replace(' ', '-')}-${{Name}}"},
            "PolicyDocument": substituted(document),
            "Roles": [_HOLDER],
        },
    }


def _fleet() -> Resources:
    managed = "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonEC2SpotFleetTaggingRole"
    return {
        "FleetRole": {
            "Type": "AWS::IAM::Role",
            "Condition": "MakeFleetRole",
            **_SHARED,
            "Properties": {
                "RoleName": {"Ref": "FleetRoleName"},
                "Description": "Launches, tags and registers the servers of a fleet",
                "AssumeRolePolicyDocument": _trust({"Service": SERVICES["SpotFleetRole"]}),
                "ManagedPolicyArns": [{"Fn::Sub": managed}],
            },
        }
    }


def _servers() -> Resources:
    (document,) = policies(SERVER, SERVER_FILL)
    return {
        "ServerRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": {"Ref": "Name"},
                "Path": PATH,
                "Description": "The application's servers: their own configuration and logs",
                "AssumeRolePolicyDocument": _trust({"Service": _EC2}),
                "Policies": [{"PolicyName": "server", "PolicyDocument": substituted(document)}],
            },
        },
        "ServerProfile": {
            "Type": "AWS::IAM::InstanceProfile",
            "Properties": {
                "InstanceProfileName": {"Ref": "Name"},
                "Path": PATH,
                "Roles": [{"Ref": "ServerRole"}],
            },
        },
    }


def _linked() -> Resources:
    """AWS makes them by itself for whoever may; the worker may not."""
    return {
        f"Linked{name}": {
            "Type": "AWS::IAM::ServiceLinkedRole",
            "Condition": f"Make{name}",
            **_SHARED,
            "Properties": {"AWSServiceName": service},
        }
        for name, service in SERVICES.items()
    }
