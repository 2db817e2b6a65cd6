"""The network of the template: who reaches the servers, and where requests come in."""

from typing import Any

from spotkiln.account.roles import Resources

_IN_VPC = {"VpcId": {"Ref": "Vpc"}}


def network() -> Resources:
    return {**_groups(), **_targets(), **_balancer(), **_rules()}


def _groups() -> Resources:
    """The load balancer reaches the servers, and nobody else."""
    return {
        "BalancerSecurityGroup": {
            "Type": "AWS::EC2::SecurityGroup",
            "Condition": "MakeBalancer",
            "Properties": {
                **_IN_VPC,
                "GroupName": {"Fn::Sub": "${Name}-balancer"},
                "GroupDescription": "The load balancer, reached by everybody",
                "SecurityGroupIngress": [
                    {
                        "IpProtocol": "tcp",
                        "FromPort": port,
                        "ToPort": port,
                        "CidrIp": "0.0.0.0/0",
                        "Description": "Requests",
                    }
                    for port in (80, 443)
                ],
            },
        },
        "ServerSecurityGroup": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {
                **_IN_VPC,
                "GroupName": {"Fn::Sub": "${Name}-servers"},
                "GroupDescription": "The servers, reached by the load balancer alone",
            },
        },
        **{
            f"{name}{check}": _ingress(f"{condition}{check}", source, port, why)
            for name, condition, source in (
                (
                    "FromBalancer",
                    "MakeBalancer",
                    {"Fn::GetAtt": ["BalancerSecurityGroup", "GroupId"]},
                ),
                ("FromOwnBalancer", "OwnBalancerGroup", {"Ref": "BalancerGroup"}),
            )
            for check, port, why in (
                ("", "Port", "Requests and health checks"),
                ("Health", "HealthPort", "Health checks"),
            )
        },
    }


def _ingress(condition: str, source: dict[str, Any], port: str, why: str) -> dict[str, Any]:
    """Of a load balancer to the servers, at the port that this parameter says."""
    return {
        "Type": "AWS::EC2::SecurityGroupIngress",
        "Condition": condition,
        "Properties": {
            "GroupId": {"Fn::GetAtt": ["ServerSecurityGroup", "GroupId"]},
            "IpProtocol": "tcp",
            "FromPort": {"Ref": port},
            "ToPort": {"Ref": port},
            "SourceSecurityGroupId": source,
            "Description": why,
        },
    }


def _targets() -> Resources:
    """Two alike: a release may go to the idle one."""
    names: dict[str, Any] = {
        "TargetGroup": {"Ref": "Name"},
        "GreenTargetGroup": {"Fn::Sub": "${Name}-green"},
    }
    return {
        key: {
            "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
            "Properties": {
                **_IN_VPC,
                "Name": name,
                "Protocol": "HTTP",
                "Port": {"Ref": "Port"},
                "TargetType": "instance",
                "HealthCheckPath": {"Ref": "HealthPath"},
                "HealthCheckPort": {"Ref": "HealthPort"},
                "HealthCheckIntervalSeconds": 10,
                "HealthCheckTimeoutSeconds": 5,
                "HealthyThresholdCount": 2,
                "UnhealthyThresholdCount": 3,
                "Matcher": {"HttpCode": "200"},
                "TargetGroupAttributes": [
                    {"Key": "deregistration_delay.timeout_seconds", "Value": "60"}
                ],
            },
        }
        for key, name in names.items()
    }


def _forward() -> dict[str, Any]:
    """All to the first; the second counts as in use with a weight of 0. A release moves them: who
    changes the stack says what they are then, or the rule would lead to servers that are gone."""
    groups = [
        {"TargetGroupArn": {"Ref": name}, "Weight": {"Ref": weight}}
        for name, weight in (("TargetGroup", "BlueWeight"), ("GreenTargetGroup", "GreenWeight"))
    ]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}


def _balancer() -> Resources:
    nowhere = {
        "Type": "fixed-response",
        "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain"},
    }
    return {
        "Balancer": {
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Condition": "MakeBalancer",
            "Properties": {
                "Name": {"Ref": "Name"},
                "Type": "application",
                "Scheme": "internet-facing",
                "Subnets": {"Ref": "Subnets"},
                "SecurityGroups": [{"Fn::GetAtt": ["BalancerSecurityGroup", "GroupId"]}],
            },
        },
        "HttpListener": {
            "Type": "AWS::ElasticLoadBalancingV2::Listener",
            "Condition": "MakeBalancer",
            "Properties": {
                "LoadBalancerArn": {"Ref": "Balancer"},
                "Protocol": "HTTP",
                "Port": 80,
                "DefaultActions": [
                    {
                        "Fn::If": [
                            "Encrypted",
                            {
                                "Type": "redirect",
                                "RedirectConfig": {
                                    "Protocol": "HTTPS",
                                    "Port": "443",
                                    "StatusCode": "HTTP_301",
                                },
                            },
                            nowhere,
                        ]
                    }
                ],
            },
        },
        "HttpsListener": {
            "Type": "AWS::ElasticLoadBalancingV2::Listener",
            "Condition": "Encrypted",
            "Properties": {
                "LoadBalancerArn": {"Ref": "Balancer"},
                "Protocol": "HTTPS",
                "Port": 443,
                "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
                "Certificates": [{"CertificateArn": {"Ref": "Certificate"}}],
                "DefaultActions": [nowhere],
            },
        },
    }


def _field(field: str, value: Any) -> dict[str, Any]:
    config = {"host-header": "HostHeaderConfig", "path-pattern": "PathPatternConfig"}[field]
    return {"Field": field, config: {"Values": [value]}}


def _rules() -> Resources:
    """One rule, at whichever listener takes the requests. AWS takes no host name without a dot, so
    all hosts are all paths."""
    host = {"Ref": "Host"}
    listeners = {
        "HttpRule": ("PlainBalancer", {"Ref": "HttpListener"}),
        "HttpsRule": ("Encrypted", {"Ref": "HttpsListener"}),
        "OwnRule": ("OwnListener", {"Ref": "Listener"}),
    }
    return {
        name: {
            "Type": "AWS::ElasticLoadBalancingV2::ListenerRule",
            "Condition": condition,
            "Properties": {
                "ListenerArn": listener,
                "Priority": {"Ref": "Priority"},
                "Conditions": [
                    {
                        "Fn::If": [
                            "AnyHost",
                            _field("path-pattern", "/*"),
                            _field("host-header", host),
                        ]
                    }
                ],
                "Actions": [_forward()],
            },
        }
        for name, (condition, listener) in listeners.items()
    }
