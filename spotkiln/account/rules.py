"""What CloudFormation refuses of parameters that do not go together, for those who hand it the
template themselves. `spotkiln account apply` says the same before: refusals.py."""

from typing import Any


def rules() -> dict[str, Any]:
    """The template's Rules."""
    return {
        "LoadBalancerThatIsThere": {
            "RuleCondition": _is("LoadBalancer", "no"),
            "Assertions": [
                _asserted("Listener", "LoadBalancer=no needs the Listener of one that is there"),
                _asserted("BalancerGroup", "LoadBalancer=no needs the BalancerGroup of one"),
            ],
        },
        "WorkerThatSaysAnId": {
            "RuleCondition": {"Fn::And": [_is("Worker", "yes"), _said("WorkerExternalId")]},
            "Assertions": [
                _asserted(
                    "WorkerTrust", "EC2 says no external id: WorkerExternalId needs WorkerTrust"
                )
            ],
        },
    }


def _is(name: str, value: str) -> dict[str, Any]:
    return {"Fn::Equals": [{"Ref": name}, value]}


def _said(name: str) -> dict[str, Any]:
    return {"Fn::Not": [_is(name, "")]}


def _asserted(name: str, why: str) -> dict[str, Any]:
    return {"Assert": _said(name), "AssertDescription": why}
