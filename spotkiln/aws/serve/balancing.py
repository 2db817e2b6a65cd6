"""What CloudWatch calls a target group and its load balancer, and policies that go by it."""

from typing import Any

from spotkiln.bake.infra import Infra, TargetGroup
from spotkiln.errors import InputError
from spotkiln.serve.spec import FleetSpec


def label(group: TargetGroup) -> str:
    """`app/NAME/ID/targetgroup/NAME/ID`: by it a scaling policy knows whose requests count.

    Raises:
        InputError: no Application Load Balancer sends it requests.
    """
    balancers = [one.partition(":loadbalancer/")[2] for one in group.load_balancers]
    found = next((one for one in balancers if one.startswith("app/")), "")
    if not found:
        raise InputError(
            f"fleet.scaling.requests_per_target needs an Application Load Balancer that forwards "
            f"to {group.name}: let a listener's rule do so, or leave it out"
        )
    return f"{found}/{group.arn.rpartition(':')[2]}"


def target_tracking(
    metric: str, value: int, requests_of: TargetGroup | None = None
) -> dict[str, Any]:
    """What a policy of Auto Scaling's, or of Application Auto Scaling's, is to keep, and where:
    `metric` in the service's own word, of the requests of a target group where these count.

    Raises:
        InputError: no Application Load Balancer sends the group requests.
    """
    told: dict[str, Any] = {"PredefinedMetricType": metric}
    if requests_of:
        told["ResourceLabel"] = label(requests_of)
    return {"PredefinedMetricSpecification": told, "TargetValue": float(value)}


def require_label(infra: Infra, spec: FleetSpec) -> None:
    """Before anything is launched: each group that its servers may join must have one, if requests
    count.

    Raises:
        InputError: one has none.
    """
    if spec.scaling.requests_per_target:
        for group in (infra.target_group, infra.second):
            if group:
                label(group)
