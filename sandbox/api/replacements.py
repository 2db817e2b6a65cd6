"""What CloudFormation makes anew when it is changed, and what it refuses to: moto knows neither."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

# The properties of which AWS's documentation says "Update requires: Replacement".
_CREATE_ONLY: dict[str, tuple[str, ...]] = {
    "AWS::EC2::SecurityGroup": ("GroupName", "GroupDescription", "VpcId"),
    "AWS::EC2::SecurityGroupIngress": (
        "GroupId",
        "IpProtocol",
        "FromPort",
        "ToPort",
        "CidrIp",
        "SourceSecurityGroupId",
    ),
    "AWS::ElasticLoadBalancingV2::Listener": ("LoadBalancerArn",),
    "AWS::ElasticLoadBalancingV2::ListenerRule": ("ListenerArn",),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("Name", "Scheme", "Type"),
    "AWS::ElasticLoadBalancingV2::TargetGroup": (
        "Name",
        "Port",
        "Protocol",
        "ProtocolVersion",
        "TargetType",
        "IpAddressType",
        "VpcId",
    ),
    "AWS::IAM::InstanceProfile": ("InstanceProfileName", "Path"),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", "Path", "Description"),
    "AWS::IAM::Role": ("RoleName", "Path"),
    "AWS::IAM::ServiceLinkedRole": ("AWSServiceName", "CustomSuffix"),
}
# The property that is the name of one: two cannot have it at once.
_NAME = {
    "AWS::EC2::SecurityGroup": "GroupName",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "Name",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "Name",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
}
ALWAYS, PERHAPS, NEVER = "True", "Conditional", "False"


def replacement(
    old: Mapping[str, Any], new: Mapping[str, Any], other: Collection[str], anew: Collection[str]
) -> str:
    """CloudFormation's word for a resource (as templates have it) that changes. `other` are the
    parameters whose values change; `anew` the resources that are made anew, whose ids it may have.
    """
    found = NEVER
    for one in _CREATE_ONLY.get(new["Type"], ()):
        before, after = _value(old, one), _value(new, one)
        names = set(names_in(after))
        if before != after or names & set(other):
            return ALWAYS
        if names & set(anew):
            found = PERHAPS
    return found


def in_the_way(old: Mapping[str, Any], new: Mapping[str, Any], other: Collection[str]) -> bool:
    """Whether what is made anew would have the name of what is there."""
    name = _NAME.get(new["Type"], "")
    before, after = _value(old, name), _value(new, name)
    return after is not None and before == after and not set(names_in(after)) & set(other)


def names_in(value: Any) -> Iterator[str]:
    """Each name that it refers to, also within a text that is filled in."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            if key == "Ref":
                yield one
            elif key == "Fn::GetAtt" and isinstance(one, list):
                yield one[0]
            else:
                yield from names_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from names_in(one)
    elif isinstance(value, str):
        yield from (part.split("}")[0] for part in value.split("${")[1:])


def _value(resource: Mapping[str, Any], name: str) -> Any:
    return (resource.get("Properties") or {}).get(name)
