"""What a running sandbox gets after its start: target groups behind load balancers, security groups
and instance profiles, made by AWS's own calls."""

import json
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from sandbox.client import Sandbox, SandboxError
from sandbox.engine.account_settings import BALANCER, ROLE_PATH, SERVERS
from sandbox.settings import aws

READS = "read-settings"


@dataclass(frozen=True)
class Group:
    """A target group behind a load balancer of the same name. `health_port` of 0: the traffic's.
    Times are short: what answers here answers in milliseconds, on a busy machine."""

    name: str
    port: int = 3000
    path: str = "/up"
    health_port: int = 0
    interval: int = 5
    timeout: int = 4
    healthy: int = 2
    unhealthy: int = 3
    deregistration_delay: int = 3

    @property
    def asked(self) -> dict[str, Any]:
        """Where health is asked for, as ELBv2 has it."""
        return {
            "HealthCheckPort": str(self.health_port or "traffic-port"),
            "HealthCheckPath": self.path,
        }


@dataclass(frozen=True)
class Profile:
    """An instance profile with a role of the same name. It reads the parameters below `parameters`
    (paths) and the secrets of these names, leaves target groups and writes logs."""

    name: str
    parameters: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


class Infrastructure:
    def __init__(self, box: Sandbox) -> None:
        self._ec2, self._elbv2, self._iam = (aws(box, one) for one in ("ec2", "elbv2", "iam"))

    # -- target groups --

    def groups(self) -> dict[str, dict[str, Any]]:
        """As DescribeTargetGroups tells them, by name."""
        pages = self._elbv2.get_paginator("describe_target_groups").paginate()
        return {one["TargetGroupName"]: one for page in pages for one in page["TargetGroups"]}

    def put_group(self, group: Group) -> str:
        """Make it; or have the one of its name send requests and ask for health where this one
        does. What was done; empty: nothing.

        Raises SandboxError if that cannot be: another port needs a new target group, and servers
        are in the old one.
        """
        try:
            return self._put_group(group)
        except ClientError as error:
            raise _refused(f"target group {group.name}", error) from error

    def _put_group(self, group: Group) -> str:
        there = self.groups().get(group.name)
        if there is None:
            self._make_group(group)
            return "made"
        if there["Port"] != group.port:
            arn = there["TargetGroupArn"]
            health = self._elbv2.describe_target_health(TargetGroupArn=arn)
            if health["TargetHealthDescriptions"]:
                raise SandboxError(
                    f"target group {group.name} sends requests to port {there['Port']}, which "
                    f"cannot be changed to {group.port} while servers are in it: take another name"
                )
            self._remove_group(there)
            self._make_group(group)
            return f"made anew with port {group.port}"
        if all(there.get(key) == value for key, value in group.asked.items()):
            return ""
        self._elbv2.modify_target_group(TargetGroupArn=there["TargetGroupArn"], **group.asked)
        self._admit(group.health_port or group.port)
        return f"asks for health at {group.path}"

    def _make_group(self, group: Group) -> None:
        balancer = self._group_id(BALANCER)
        self._admit(group.port)
        self._admit(group.health_port or group.port)
        subnets = self._ec2.describe_subnets()["Subnets"]
        arn = self._elbv2.create_target_group(
            Name=group.name,
            Protocol="HTTP",
            Port=group.port,
            VpcId=subnets[0]["VpcId"],
            TargetType="instance",
            HealthCheckProtocol="HTTP",
            HealthCheckIntervalSeconds=group.interval,
            HealthCheckTimeoutSeconds=group.timeout,
            HealthyThresholdCount=group.healthy,
            UnhealthyThresholdCount=group.unhealthy,
            Matcher={"HttpCode": "200"},
            **group.asked,
        )["TargetGroups"][0]["TargetGroupArn"]
        delay = str(group.deregistration_delay)
        self._elbv2.modify_target_group_attributes(
            TargetGroupArn=arn,
            Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": delay}],
        )
        made = self._elbv2.create_load_balancer(
            Name=group.name,
            Subnets=[one["SubnetId"] for one in subnets],
            SecurityGroups=[balancer],
            Scheme="internet-facing",
            Type="application",
        )["LoadBalancers"][0]
        self._elbv2.create_listener(
            LoadBalancerArn=made["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
        )

    def _remove_group(self, there: dict[str, Any]) -> None:
        for balancer in there["LoadBalancerArns"]:
            self._elbv2.delete_load_balancer(LoadBalancerArn=balancer)
        self._elbv2.delete_target_group(TargetGroupArn=there["TargetGroupArn"])

    # -- security groups --

    def _groups_by_name(self) -> dict[str, str]:
        """Ids, by group name and by the tag Name."""
        found = self._ec2.describe_security_groups()["SecurityGroups"]
        named = {one["GroupName"]: one["GroupId"] for one in found}
        tagged = {
            tag["Value"]: one["GroupId"]
            for one in found
            for tag in one.get("Tags", [])
            if tag["Key"] == "Name"
        }
        return {**named, **tagged}

    def _group_id(self, name: str) -> str:
        """An account that began empty has none: it is made."""
        known = self._groups_by_name()
        return known[name] if name in known else self._make_security_group(name)

    def _make_security_group(self, name: str) -> str:
        vpc = self._ec2.describe_subnets()["Subnets"][0]["VpcId"]
        made = self._ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)
        return str(made["GroupId"])

    def _admit(self, port: int) -> None:
        """The servers' security group lets load balancers in there."""
        rule = {
            "IpProtocol": "tcp",
            "FromPort": port,
            "ToPort": port,
            "UserIdGroupPairs": [{"GroupId": self._group_id(BALANCER)}],
        }
        try:
            self._ec2.authorize_security_group_ingress(
                GroupId=self._group_id(SERVERS), IpPermissions=[rule]
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidPermission.Duplicate":
                raise

    def put_security_group(self, name: str) -> str:
        """Make one that lets load balancers in everywhere, unless one has the name. What was done;
        empty: nothing."""
        if name in self._groups_by_name():
            return ""
        try:
            made = self._make_security_group(name)
        except ClientError as error:
            raise _refused(f"security group {name}", error) from error
        rule = {
            "IpProtocol": "tcp",
            "FromPort": 0,
            "ToPort": 65535,
            "UserIdGroupPairs": [{"GroupId": self._group_id(BALANCER)}],
        }
        self._ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[rule])
        return "made"

    # -- instance profiles --

    def profiles(self) -> set[str]:
        pages = self._iam.get_paginator("list_instance_profiles").paginate()
        return {one["InstanceProfileName"] for page in pages for one in page["InstanceProfiles"]}

    def put_profile(self, profile: Profile) -> str:
        """Make it, or let the one of its name read these from now on. What was done; empty:
        nothing."""
        try:
            new = profile.name not in self.profiles()
            if new:
                self._make_profile(profile.name)
            changed = bool(profile.parameters or profile.secrets) and self._let_read(profile)
        except ClientError as error:
            raise _refused(f"instance profile {profile.name}", error) from error
        reads = " ".join((*profile.parameters, *profile.secrets))
        done = [*(["made"] if new else []), *([f"reads {reads}"] if changed else [])]
        return ", ".join(done)

    def _make_profile(self, name: str) -> None:
        who = {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        self._iam.create_role(
            RoleName=name, Path=ROLE_PATH, AssumeRolePolicyDocument=_policy([who])
        )
        # docs/aws.md: a Spot interruption, and the servers' logs.
        common = [
            _allow(["elasticloadbalancing:DeregisterTargets"], ["*"]),
            _allow(["elasticloadbalancing:DescribeTargetHealth"], ["*"]),
            _allow(
                [
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:PutLogEvents",
                    "logs:PutRetentionPolicy",
                ],
                ["arn:aws:logs:*:*:log-group:*"],
            ),
        ]
        self._iam.put_role_policy(
            RoleName=name, PolicyName="leave-and-log", PolicyDocument=_policy(common)
        )
        self._iam.create_instance_profile(InstanceProfileName=name, Path=ROLE_PATH)
        self._iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)

    def _let_read(self, profile: Profile) -> bool:
        """Whether it could not before."""
        statements = []
        if profile.parameters:
            paths = [path.strip("/") for path in profile.parameters]
            arns = [
                f"arn:aws:ssm:*:*:parameter/{path}{end}" for path in paths for end in ("", "/*")
            ]
            actions = ["ssm:GetParametersByPath", "ssm:GetParameters", "ssm:GetParameter"]
            statements.append(_allow(actions, arns))
        if profile.secrets:
            arns = [_secret(name) for name in profile.secrets]
            statements.append(_allow(["secretsmanager:GetSecretValue"], arns))
        wanted = _policy(statements)
        if self._policy_of(profile.name) == json.loads(wanted):
            return False
        self._iam.put_role_policy(RoleName=profile.name, PolicyName=READS, PolicyDocument=wanted)
        return True

    def _policy_of(self, role: str) -> Any:
        try:
            found = self._iam.get_role_policy(RoleName=role, PolicyName=READS)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchEntity":
                return None
            raise
        return found["PolicyDocument"]


def _secret(name: str) -> str:
    """Its ARN ends with six letters of AWS's own choice."""
    whole = name if name.startswith("arn:") else f"arn:aws:secretsmanager:*:*:secret:{name}"
    return f"{whole}-??????"


def _allow(actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def _policy(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _refused(what: str, error: ClientError) -> SandboxError:
    return SandboxError(f"{what}: {error.response['Error']['Message']}")
