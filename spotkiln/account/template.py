"""The whole template, in CloudFormation's form."""

from collections.abc import Iterable
from typing import Any

from spotkiln.account.network import network
from spotkiln.account.parameters import PARAMETERS, SERVICES
from spotkiln.account.roles import OWN, WORKER_ARN, roles, substituted
from spotkiln.account.rules import rules
from spotkiln.statement import Statement


def template(worker: Iterable[Statement]) -> dict[str, Any]:
    """`worker` are the rights of its role."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "What Spotkiln looks up by name: roles, security groups, target groups.",
        "Parameters": PARAMETERS,
        "Rules": rules(),
        "Conditions": _conditions(),
        "Resources": {**roles(worker), **network()},
        "Outputs": _outputs(),
    }


def _is(name: str, value: str) -> dict[str, Any]:
    return {"Fn::Equals": [{"Ref": name}, value]}


def _conditions() -> dict[str, Any]:
    return {
        "MakeWorker": _is("Worker", "yes"),
        "GiveRights": {"Fn::Not": [_is("Worker", "no")]},
        "HasDiskKeys": {"Fn::Not": [_is("DiskKeys", "")]},
        "GiveDiskKeys": {"Fn::And": [{"Condition": "GiveRights"}, {"Condition": "HasDiskKeys"}]},
        "GiveAdoption": {"Fn::And": [{"Condition": "GiveRights"}, _is("Adopt", "yes")]},
        "WorkerOnEc2": _is("WorkerTrust", ""),
        "HasExternalId": {"Fn::Not": [_is("WorkerExternalId", "")]},
        "HasOtherRoles": {
            "Fn::And": [{"Condition": "MakeWorker"}, {"Fn::Not": [_is("OtherRoles", "")]}]
        },
        "MakeFleetRole": {"Fn::And": [{"Condition": "MakeWorker"}, _is("NewFleetRole", "yes")]},
        "MakeWorkerProfile": {
            "Fn::And": [{"Condition": "MakeWorker"}, {"Condition": "WorkerOnEc2"}]
        },
        "AnyHost": _is("Host", "*"),
        "MakeBalancer": _is("LoadBalancer", "yes"),
        "Certified": {"Fn::Not": [_is("Certificate", "")]},
        "Encrypted": {"Fn::And": [{"Condition": "MakeBalancer"}, {"Condition": "Certified"}]},
        "PlainBalancer": {
            "Fn::And": [
                {"Condition": "MakeBalancer"},
                {"Fn::Not": [{"Condition": "Certified"}]},
            ]
        },
        **{f"Has{said}": {"Fn::Not": [_is(said, "")]} for said, _ in OWN.values()},
        "HasFurther": {"Fn::Not": [_is("AlsoBehind", "")]},
        "OwnListener": {
            "Fn::And": [
                {"Fn::Not": [{"Condition": "MakeBalancer"}]},
                {"Fn::Not": [_is("Listener", "")]},
            ]
        },
        "OwnBalancerGroup": {
            "Fn::And": [
                {"Fn::Not": [{"Condition": "MakeBalancer"}]},
                {"Fn::Not": [_is("BalancerGroup", "")]},
            ]
        },
        "OwnHealthPort": {
            "Fn::And": [
                {"Fn::Not": [_is("HealthPort", "traffic-port")]},
                {"Fn::Not": [{"Fn::Equals": [{"Ref": "HealthPort"}, {"Ref": "Port"}]}]},
            ]
        },
        **{
            f"{whose}Health": {"Fn::And": [{"Condition": whose}, {"Condition": "OwnHealthPort"}]}
            for whose in ("MakeBalancer", "OwnBalancerGroup")
        },
        **{f"Make{name}": _is(name, "yes") for name in SERVICES},
    }


def _outputs() -> dict[str, Any]:
    """The names that a deployment's `infra` says, by its keys in CloudFormation's spelling."""
    return {
        "TargetGroup": {
            "Description": "infra.target_group",
            "Value": {"Ref": "Name"},
        },
        "IdleTargetGroup": {
            "Description": "The second target group, for traffic by weights",
            "Value": {"Fn::Sub": "${Name}-green"},
        },
        "AlsoBehind": {
            "Condition": "HasFurther",
            "Description": "infra.also_behind",
            "Value": {"Ref": "AlsoBehind"},
        },
        "SecurityGroups": {
            "Description": "infra.security_groups",
            "Value": {"Fn::Sub": "${Name}-servers"},
        },
        "FleetRole": {"Description": "infra.fleet_role", "Value": {"Ref": "FleetRoleName"}},
        "InstanceProfile": {
            "Description": "infra.instance_profile",
            "Value": {"Ref": "ServerProfile"},
        },
        "ParameterPath": {
            "Description": "configuration.parameters",
            "Value": substituted("${OwnParameters}/"),
        },
        "WorkerRole": {
            "Condition": "GiveRights",
            "Description": "The role that the worker runs with",
            "Value": {"Fn::Sub": WORKER_ARN},
        },
        "Address": {
            "Condition": "MakeBalancer",
            "Description": "Where the load balancer answers",
            "Value": {"Fn::GetAtt": ["Balancer", "DNSName"]},
        },
    }
