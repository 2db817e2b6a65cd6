"""Forward actions: what AWS refuses of them, and how it tells them afterwards."""

from collections.abc import Iterable
from typing import Any

from moto.elbv2.exceptions import ELBClientError

MOST_GROUPS = 5
MOST_WEIGHT = 999
LONGEST_STICKY = 604800


def is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def as_aws_has_it(action: dict[str, Any]) -> dict[str, Any]:
    """A forward action as AWS tells it afterwards: always with its shares, and with the ARN beside
    them where there is one alone."""
    if action.get("Type") != "forward":
        return action
    config = action.get("ForwardConfig") or {}
    named = config.get("TargetGroups") or [{"TargetGroupArn": action["TargetGroupArn"]}]
    shares = [{"Weight": 1, **one} for one in named]
    sticky = {"Enabled": False, **(config.get("TargetGroupStickinessConfig") or {})}
    whole = {**action, "ForwardConfig": {**config, "TargetGroups": shares}}
    whole["ForwardConfig"]["TargetGroupStickinessConfig"] = sticky
    if len(shares) == 1:
        whole["TargetGroupArn"] = shares[0]["TargetGroupArn"]
    return whole


def check(elbv2: Any, actions: Iterable[dict[str, Any]]) -> None:
    """Raises ELBClientError, as AWS does, for a forward action that cannot be."""
    for action in actions:
        if action.get("Type") != "forward":
            continue
        _check_shares(action)
        _check_sticky(elbv2, as_aws_has_it(action)["ForwardConfig"])


def _check_shares(action: dict[str, Any]) -> None:
    config = action.get("ForwardConfig") or {}
    shares = config.get("TargetGroups") or []
    arns = [one["TargetGroupArn"] for one in shares]
    if shares and action.get("TargetGroupArn") and arns != [action["TargetGroupArn"]]:
        raise ELBClientError(
            "ValidationError",
            "You can specify only one target group using ForwardConfig, and it must be the one in "
            "TargetGroupArn",
        )
    if len(shares) > MOST_GROUPS:
        raise ELBClientError(
            "ValidationError", f"A forward action can have at most {MOST_GROUPS} target groups"
        )
    if len(set(arns)) < len(arns):
        raise ELBClientError(
            "ValidationError", "A target group can be specified only once in a forward action"
        )
    for one in shares:
        if not 0 <= int(one.get("Weight", 1)) <= MOST_WEIGHT:
            raise ELBClientError(
                "ValidationError",
                f"Target group weight '{one['Weight']}' must be between 0 and {MOST_WEIGHT}",
            )


def _check_sticky(elbv2: Any, config: dict[str, Any]) -> None:
    sticky = config["TargetGroupStickinessConfig"]
    if is_true(sticky["Enabled"]):
        if not 1 <= int(sticky.get("DurationSeconds") or 0) <= LONGEST_STICKY:
            raise ELBClientError(
                "ValidationError",
                f"Target group stickiness duration must be between 1 and {LONGEST_STICKY} seconds",
            )
        return
    known = [elbv2.target_groups.get(one["TargetGroupArn"]) for one in config["TargetGroups"]]
    each = [one for one in known if one and is_true(one.attributes.get("stickiness.enabled"))]
    if len(known) > 1 and each:
        raise ELBClientError(
            "InvalidLoadBalancerAction",
            "You must enable group stickiness on a rule if you enabled target stickiness on one of "
            "its target groups",
        )
