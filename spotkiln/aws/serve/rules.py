"""Listeners and their rules, as ELBv2 tells them."""

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from spotkiln.aws.errors import aws_errors, code_of, is_not_found
from spotkiln.aws.session import Aws
from spotkiln.serve.rules import Listener, Rule, free_priority, require_reached

HOST, PATH = "host-header", "path-pattern"
ANY_PATH = ("/*", "*")


def _groups(actions: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for one in actions:
        several = (one.get("ForwardConfig") or {}).get("TargetGroups") or []
        for arn in (one.get("TargetGroupArn"), *(x.get("TargetGroupArn") for x in several)):
            if arn:
                found[arn] = None
    return tuple(found)


def rules(aws: Aws, listener: str) -> list[Rule]:
    """All of a listener (ARN). Source: ELBv2 DescribeRules."""
    with aws_errors(f"rules of {listener}"):
        pages = aws.elbv2.get_paginator("describe_rules").paginate(ListenerArn=listener)
        everything = [one for page in pages for one in page["Rules"]]
    return [_rule(one) for one in everything]


def _rule(told: Mapping[str, Any]) -> Rule:
    conditions = told.get("Conditions") or []
    hosts = [one for one in conditions if one.get("Field") == HOST]
    priority = str(told.get("Priority", ""))
    return Rule(
        arn=told.get("RuleArn", ""),
        priority=int(priority) if priority.isdigit() else None,
        hosts=tuple(
            dict.fromkeys(
                host
                for one in hosts
                for host in (
                    *(one.get("Values") or ()),
                    *((one.get("HostHeaderConfig") or {}).get("Values") or ()),
                )
            )
        ),
        narrow=any(one not in hosts and not _any_path(one) for one in conditions)
        or any("RegexValues" in one for one in hosts),
        groups=_groups(told.get("Actions") or []),
    )


def _any_path(condition: Mapping[str, Any]) -> bool:
    """A rule must have a condition: this one takes all, as that of the account's template."""
    if condition.get("Field") != PATH:
        return False
    values = (condition.get("PathPatternConfig") or {}).get("Values") or ()
    return any(one in ANY_PATH for one in (*(condition.get("Values") or ()), *values))


def listeners(aws: Aws, balancer: str) -> list[Listener]:
    """Of a load balancer (ARN), each with all that its rules forward to."""
    with aws_errors(f"listeners of {balancer}"):
        pages = aws.elbv2.get_paginator("describe_listeners").paginate(LoadBalancerArn=balancer)
        everything = [one for page in pages for one in page["Listeners"]]
    return [
        Listener(
            arn=one["ListenerArn"],
            protocol=one.get("Protocol", ""),
            port=one.get("Port", 0),
            groups=tuple(x for rule in rules(aws, one["ListenerArn"]) for x in rule.groups),
        )
        for one in everything
    ]


def put_host_rule(
    aws: Aws, listener: str, host: str, group: str, first: int, tags: Mapping[str, str]
) -> None:
    """Have the listener send a host name to the target group (ARN), unless it does already. Others
    may take a priority at the same moment: then the next one is tried."""
    tried: set[int] = set()
    while True:
        known = rules(aws, listener)
        if any(group in one.groups for one in known):
            return
        priority = free_priority(known, first, tried)
        require_reached(known, host, priority)
        try:
            aws.elbv2.create_rule(
                ListenerArn=listener,
                Priority=priority,
                Conditions=[{"Field": HOST, "HostHeaderConfig": {"Values": [host]}}],
                Actions=[{"Type": "forward", "TargetGroupArn": group}],
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            )
        except ClientError as error:
            if code_of(error) != "PriorityInUse":
                with aws_errors(f"rule for {host}"):
                    raise
            tried.add(priority)
        else:
            return


def delete(aws: Aws, rule: str) -> None:
    """One that is not there is no error."""
    try:
        aws.elbv2.delete_rule(RuleArn=rule)
    except ClientError as error:
        if not is_not_found(error):
            with aws_errors(f"rule {rule}"):
                raise
