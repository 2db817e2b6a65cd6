"""Reads and changes the weights of the rules that forward to a pair of target groups."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from spotkiln.aws.errors import AwsMissing, aws_errors
from spotkiln.aws.session import Aws
from spotkiln.bake.infra import Infra, RuleRef, TargetGroup
from spotkiln.errors import InfrastructureError, InputError
from spotkiln.serve.weights import Weights

# A rule as DescribeRules tells it, by its ARN.
Told = dict[str, dict[str, Any]]


def _told(aws: Aws, balancer: str) -> Told:
    """Source: ELBv2 DescribeListeners and DescribeRules."""
    with aws_errors(f"the rules of {balancer}"):
        pages = aws.elbv2.get_paginator("describe_listeners").paginate(LoadBalancerArn=balancer)
        arns = [one["ListenerArn"] for page in pages for one in page["Listeners"]]
        return {
            rule["RuleArn"]: {**rule, "ListenerArn": arn}
            for arn in arns
            for page in aws.elbv2.get_paginator("describe_rules").paginate(ListenerArn=arn)
            for rule in page["Rules"]
        }


def _only(aws: Aws, balancer: str, rules: Sequence[RuleRef]) -> Told:
    """These rules, in one call. AWS tells of none if one is gone: then of all that are there."""
    try:
        with aws_errors(f"the rules of {balancer}"):
            answer: Any = aws.elbv2.describe_rules(RuleArns=[one.arn for one in rules])
    except AwsMissing:
        return _told(aws, balancer)
    of = {one.arn: one.listener for one in rules}
    return {one["RuleArn"]: {**one, "ListenerArn": of[one["RuleArn"]]} for one in answer["Rules"]}


def weights_of(rule: Mapping[str, Any]) -> dict[str, int]:
    """By the ARNs of the target groups that it forwards to."""
    shares: list[dict[str, Any]] = []
    for action in rule["Actions"]:
        alone = [action] if action.get("TargetGroupArn") else []
        shares += (action.get("ForwardConfig") or {}).get("TargetGroups") or alone
    return {one["TargetGroupArn"]: int(one.get("Weight", 1)) for one in shares}


def _refs(told: Told, pair: Collection[str]) -> tuple[RuleRef, ...]:
    """The rules that forward to both of a pair, and to nothing else."""
    return tuple(
        RuleRef(arn=arn, listener=rule["ListenerArn"], default=bool(rule["IsDefault"]))
        for arn, rule in told.items()
        if set(weights_of(rule)) == set(pair)
    )


def rules_of(aws: Aws, balancer: str, pair: Collection[str]) -> tuple[RuleRef, ...]:
    """The rules that forward to both target groups (ARNs), and to nothing else."""
    return _refs(_told(aws, balancer), pair)


def only_to(aws: Aws, balancer: str, arn: str) -> tuple[RuleRef, ...]:
    """The rules that forward to one target group, and do nothing else."""
    told = _told(aws, balancer)
    return _refs({name: one for name, one in told.items() if len(one["Actions"]) == 1}, {arn})


def find_rules(
    aws: Aws, first: TargetGroup, second: TargetGroup, without: str = ""
) -> tuple[RuleRef, ...]:
    """The rules of a pair, but for those of the listener `without`.

    Raises:
        InputError: there is none, or one does more than to forward.
    """
    if set(first.load_balancers) != set(second.load_balancers) or not first.load_balancers:
        raise InputError(
            f"expected one load balancer that forwards to both {first.name} and {second.name}: "
            f"let one rule of a listener forward to both (`spotkiln docs traffic`)"
        )
    told = _told(aws, first.load_balancers[0])
    pair = {first.arn, second.arn}
    found = tuple(one for one in _refs(told, pair) if one.listener != without)
    if not found:
        raise InputError(
            f"no rule of {first.load_balancers[0].split('/')[-2]} forwards to both {first.name} "
            f"and {second.name}: give one rule both, with the weights 1 and 0 "
            "(`spotkiln docs traffic`)"
        )
    for one in found:
        if len(told[one.arn]["Actions"]) > 1:
            raise InputError(
                f"rule {one.arn} does more than to forward, and AWS does not tell all of that: "
                "a release cannot change its weights"
            )
    return found


def read(aws: Aws, infra: Infra) -> Weights:
    """The weights of the pair now.

    Raises:
        InputError: its rules have different ones, or one is gone.
    """
    first, second = _pair(infra)
    return read_pair(aws, first, second, infra.rules)


def read_pair(
    aws: Aws, first: TargetGroup, second: TargetGroup, rules: Sequence[RuleRef]
) -> Weights:
    """The same of what was looked up otherwise."""
    told = _only(aws, first.load_balancers[0], rules)
    gone = [one.arn for one in rules if one.arn not in told]
    if gone:
        raise InputError(f"rule {', '.join(gone)} is gone; start the release again")
    found = [weights_of(told[one.arn]) for one in rules]
    each = [
        Weights(of={x.name: weights.get(x.arn, 0) for x in (first, second)}) for weights in found
    ]
    if len({_shares(one) for one in each}) > 1:
        raise InputError(
            f"expected the rules of {first.name} and {second.name} to have the same weights, found "
            f"{'; '.join(map(str, each))}"
        )
    return each[0]


def _shares(weights: Weights) -> tuple[tuple[str, float], ...]:
    whole = sum(weights.of.values()) or 1
    return tuple((name, weight / whole) for name, weight in sorted(weights.of.items()))


def _pair(infra: Infra) -> tuple[TargetGroup, TargetGroup]:
    if infra.second is None:
        raise InfrastructureError(f"{infra.target_group.name} has no second target group")
    return infra.target_group, infra.second


def write(aws: Aws, infra: Infra, weights: Weights, sticky_seconds: int = 0) -> None:
    """Set them: one call a rule. Without stickiness visitors who were kept with a group are let go
    as well: at AWS stickiness comes before weights."""
    arns = {one.name: one.arn for one in _pair(infra)}
    write_all(aws, infra.rules, arns, weights, sticky_seconds)


def write_all(
    aws: Aws, rules: Sequence[RuleRef], arns: Mapping[str, str], weights: Weights, sticky: int = 0
) -> None:
    stickiness: dict[str, Any] = {"Enabled": bool(sticky)}
    if sticky:
        stickiness["DurationSeconds"] = sticky
    action: Any = {
        "Type": "forward",
        "ForwardConfig": {
            "TargetGroups": [
                {"TargetGroupArn": arns[name], "Weight": weight}
                for name, weight in weights.of.items()
            ],
            "TargetGroupStickinessConfig": stickiness,
        },
    }
    for rule in rules:
        with aws_errors(f"setting the weights {weights}"):
            if rule.default:
                aws.elbv2.modify_listener(ListenerArn=rule.listener, DefaultActions=[action])
            else:
                aws.elbv2.modify_rule(RuleArn=rule.arn, Actions=[action])
