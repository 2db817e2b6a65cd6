"""Each kind of resource of the template, as Terraform's provider for AWS has it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from spotkiln.account.terraform.expression import Template

# Type, name, arguments.
Made = tuple[str, str, dict[str, Any]]
Properties = Mapping[str, Any]


def resources(template: Template, name: str, one: Mapping[str, Any]) -> Iterator[Made]:
    """One resource of the template may be several of Terraform's.

    Raises:
        KeyError: a type that the template did not have until now.
    """
    head = {"count": f"${{local.{one['Condition']} ? 1 : 0}}"} if "Condition" in one else {}
    for kind, called, arguments in KINDS[one["Type"]](template, name, one["Properties"]):
        yield kind, called, {**head, **arguments}


def _role(template: Template, name: str, given: Properties) -> Iterator[Made]:
    filled = template.filled
    yield (
        "aws_iam_role",
        name,
        {
            "name": filled(given["RoleName"]),
            "path": given.get("Path", "/"),
            "description": given["Description"],
            "assume_role_policy": template.document(given["AssumeRolePolicyDocument"]),
        },
    )
    for arn in given.get("ManagedPolicyArns", ()):
        arguments = {"role": filled({"Ref": name}), "policy_arn": filled(arn)}
        yield "aws_iam_role_policy_attachment", name, arguments
    for policy in given.get("Policies", ()):
        arguments = {
            "name": template.filled(policy["PolicyName"]),
            "role": filled({"Ref": name}),
            "policy": template.document(policy["PolicyDocument"]),
        }
        yield "aws_iam_role_policy", name, arguments


def _profile(template: Template, name: str, given: Properties) -> Iterator[Made]:
    arguments = {
        "name": template.filled(given["InstanceProfileName"]),
        "path": given.get("Path", "/"),
        "role": template.filled(given["Roles"][0]),
    }
    yield "aws_iam_instance_profile", name, arguments


def _managed(template: Template, name: str, given: Properties) -> Iterator[Made]:
    policy = {
        "name_prefix": "spotkiln-worker-",
        "description": given["Description"],
        "policy": template.document(given["PolicyDocument"]),
    }
    yield "aws_iam_policy", name, policy
    arguments = {
        "role": template.filled(given["Roles"][0]),
        "policy_arn": template.filled({"Ref": name}),
    }
    yield "aws_iam_role_policy_attachment", name, arguments


def _inline(template: Template, name: str, given: Properties) -> Iterator[Made]:
    arguments = {
        "name": template.filled(given["PolicyName"]),
        "role": template.filled(given["Roles"][0]),
        "policy": template.document(given["PolicyDocument"]),
    }
    yield "aws_iam_role_policy", name, arguments


def _linked(template: Template, name: str, given: Properties) -> Iterator[Made]:
    service = template.filled(given["AWSServiceName"])
    yield "aws_iam_service_linked_role", name, {"aws_service_name": service}


def _group(template: Template, name: str, given: Properties) -> Iterator[Made]:
    """Terraform takes away the rule that lets everything out, which CloudFormation leaves."""
    group = {
        "name": template.filled(given["GroupName"]),
        "description": given["GroupDescription"],
        "vpc_id": template.filled(given["VpcId"]),
    }
    yield "aws_security_group", name, group
    where = template.filled({"Fn::GetAtt": [name, "GroupId"]})
    everything = {"ip_protocol": "-1", "cidr_ipv4": "0.0.0.0/0"}
    yield "aws_vpc_security_group_egress_rule", name, {"security_group_id": where, **everything}
    for rule in given.get("SecurityGroupIngress", ()):
        called = f"{name}{rule['FromPort']}"
        yield from _ingress(template, called, {**rule, "GroupId": {"Ref": name}})


def _ingress(template: Template, name: str, given: Properties) -> Iterator[Made]:
    words = {
        "GroupId": "security_group_id",
        "IpProtocol": "ip_protocol",
        "FromPort": "from_port",
        "ToPort": "to_port",
        "SourceSecurityGroupId": "referenced_security_group_id",
        "CidrIp": "cidr_ipv4",
        "Description": "description",
    }
    arguments = {words[key]: template.filled(value) for key, value in given.items()}
    yield "aws_vpc_security_group_ingress_rule", name, arguments


def _targets(template: Template, name: str, given: Properties) -> Iterator[Made]:
    (delay,) = given["TargetGroupAttributes"]
    arguments = {
        "name": template.filled(given["Name"]),
        "vpc_id": template.filled(given["VpcId"]),
        "protocol": given["Protocol"],
        "port": template.filled(given["Port"]),
        "target_type": given["TargetType"],
        "deregistration_delay": int(delay["Value"]),
        "health_check": {
            "path": template.filled(given["HealthCheckPath"]),
            "port": template.filled(given["HealthCheckPort"]),
            "interval": given["HealthCheckIntervalSeconds"],
            "timeout": given["HealthCheckTimeoutSeconds"],
            "healthy_threshold": given["HealthyThresholdCount"],
            "unhealthy_threshold": given["UnhealthyThresholdCount"],
            "matcher": given["Matcher"]["HttpCode"],
        },
        # A release keeps its lease in the tags. Terraform would take it away.
        "lifecycle": {"ignore_changes": ["tags", "tags_all"]},
    }
    yield "aws_lb_target_group", name, arguments


def _balancer(template: Template, name: str, given: Properties) -> Iterator[Made]:
    arguments = {
        "name": template.filled(given["Name"]),
        "load_balancer_type": given["Type"],
        "internal": given["Scheme"] == "internal",
        "subnets": template.filled(given["Subnets"]),
        "security_groups": template.filled(given["SecurityGroups"]),
    }
    yield "aws_lb", name, arguments


def _listener(template: Template, name: str, given: Properties) -> Iterator[Made]:
    words = {"LoadBalancerArn": "load_balancer_arn", "SslPolicy": "ssl_policy"}
    arguments = {
        **{words[key]: template.filled(given[key]) for key in words if key in given},
        "protocol": given["Protocol"],
        "port": given["Port"],
    }
    for certificate in given.get("Certificates", ()):
        arguments["certificate_arn"] = template.filled(certificate["CertificateArn"])
    (action,) = given["DefaultActions"]
    if "Fn::If" in action:
        condition, yes, no = action["Fn::If"]
        arguments["dynamic"] = [
            _if("default_action", f"local.{condition}", _action(yes)),
            _if("default_action", f"!local.{condition}", _action(no)),
        ]
    else:
        arguments["default_action"] = _action(action)
    yield "aws_lb_listener", name, arguments


def _if(block: str, condition: str, content: dict[str, Any]) -> dict[str, Any]:
    """A block that is there or not."""
    return {block: {"for_each": f"${{{condition} ? [1] : []}}", "content": content}}


def _action(action: Properties) -> dict[str, Any]:
    if action["Type"] == "redirect":
        to = action["RedirectConfig"]
        words = {"Protocol": "protocol", "Port": "port", "StatusCode": "status_code"}
        return {"type": "redirect", "redirect": {words[key]: to[key] for key in to}}
    answer = action["FixedResponseConfig"]
    words = {"StatusCode": "status_code", "ContentType": "content_type"}
    return {"type": "fixed-response", "fixed_response": {words[key]: answer[key] for key in answer}}


def _asked(template: Template, condition: Properties) -> dict[str, Any]:
    block = condition["Field"].replace("-", "_")
    config = condition.get("HostHeaderConfig") or condition["PathPatternConfig"]
    return {block: {"values": [template.filled(one) for one in config["Values"]]}}


def _rule(template: Template, name: str, given: Properties) -> Iterator[Made]:
    (condition,), (action,) = given["Conditions"], given["Actions"]
    which, *both = condition["Fn::If"]
    groups = [
        {"arn": template.filled(one["TargetGroupArn"]), "weight": template.filled(one["Weight"])}
        for one in action["ForwardConfig"]["TargetGroups"]
    ]
    arguments = {
        "listener_arn": template.filled(given["ListenerArn"]),
        "priority": template.filled(given["Priority"]),
        "dynamic": [
            _if("condition", f"local.{which}", _asked(template, both[0])),
            _if("condition", f"!local.{which}", _asked(template, both[1])),
        ],
        "action": {"type": "forward", "forward": {"target_group": groups}},
        # A release moves the weights. Terraform would move them back, onto servers that are gone.
        # That holds for a rule that is there. One that is made anew (another listener, the first
        # certificate) has those of the variables: Terraform cannot look up what they are now.
        "lifecycle": {"ignore_changes": ["action"]},
    }
    yield "aws_lb_listener_rule", name, arguments


KINDS: dict[str, Callable[[Template, str, Properties], Iterator[Made]]] = {
    "AWS::IAM::Role": _role,
    "AWS::IAM::InstanceProfile": _profile,
    "AWS::IAM::ManagedPolicy": _managed,
    "AWS::IAM::Policy": _inline,
    "AWS::IAM::ServiceLinkedRole": _linked,
    "AWS::EC2::SecurityGroup": _group,
    "AWS::EC2::SecurityGroupIngress": _ingress,
    "AWS::ElasticLoadBalancingV2::TargetGroup": _targets,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
    "AWS::ElasticLoadBalancingV2::Listener": _listener,
    "AWS::ElasticLoadBalancingV2::ListenerRule": _rule,
}
