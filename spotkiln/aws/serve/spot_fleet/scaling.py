"""Scaling of a Spot Fleet: Application Auto Scaling does it. A fleet is a scalable target there,
which has the policies and scheduled actions, and can be suspended."""

from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.errors import AwsMissing, aws_errors, code_of
from spotkiln.aws.serve.balancing import target_tracking
from spotkiln.aws.session import Aws, client_of
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.order import Order
from spotkiln.serve.scaling import CPU, ON, REQUESTS, Scheduled, aws_schedule, to_suspend

SERVICE = "application-autoscaling"
DIMENSION = "ec2:spot-fleet-request:TargetCapacity"
METRICS = {CPU: "EC2SpotFleetRequestAverageCPUUtilization", REQUESTS: "ALBRequestCountPerTarget"}
# What can be suspended, as AWS calls it.
PARTS = (
    "DynamicScalingInSuspended",
    "DynamicScalingOutSuspended",
    "ScheduledScalingSuspended",
)


def target_of(fleet: str) -> dict[str, str]:
    return {
        "ServiceNamespace": "ec2",
        "ResourceId": f"spot-fleet-request/{fleet}",
        "ScalableDimension": DIMENSION,
    }


def target_request(order: Order, fleet: str) -> dict[str, Any]:
    """RegisterScalableTarget's parameters, all of it suspended."""
    return {
        **target_of(fleet),
        "MinCapacity": order.bounds.least,
        "MaxCapacity": order.bounds.most,
        "SuspendedState": dict.fromkeys(PARTS, True),
    }


def policy_request(order: Order, fleet: str, name: str, value: int) -> dict[str, Any]:
    """PutScalingPolicy's parameters."""
    return {
        **target_of(fleet),
        "PolicyName": name,
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": target_tracking(
            METRICS[name], value, order.infra.target_group if name == REQUESTS else None
        ),
    }


def action_request(fleet: str, name: str, one: Scheduled) -> dict[str, Any]:
    """PutScheduledAction's parameters. What is not given stays as it is then."""
    sizes = {"MinCapacity": one.minimum, "MaxCapacity": one.most}
    return {
        **target_of(fleet),
        "ScheduledActionName": name,
        "Schedule": aws_schedule(one),
        "Timezone": one.timezone,
        "ScalableTargetAction": {key: value for key, value in sizes.items() if value is not None},
    }


def put(aws: Aws, order: Order, fleet: str) -> None:
    """Give a new fleet its scaling, suspended. Each call can be repeated.

    Raises:
        AwsMissing: the fleet was asked for a moment ago, and AWS does not see it everywhere yet.
    """
    scaling = order.asked.scaling
    if not scaling.used:
        return
    client = client_of(aws, SERVICE)
    try:
        client.register_scalable_target(**target_request(order, fleet))
    except ClientError as error:
        text = error.response.get("Error", {}).get("Message", "")
        if code_of(error) == "ValidationException" and fleet in text:
            raise AwsMissing(f"scaling of fleet {fleet}: {text}", code_of(error)) from error
        with aws_errors(f"scaling of fleet {fleet}"):
            raise
    with aws_errors(f"scaling of fleet {fleet}"):
        for name, value in scaling.targets.items():
            client.put_scaling_policy(**policy_request(order, fleet, name, value))
        for name, one in scaling.actions.items():
            client.put_scheduled_action(**action_request(fleet, name, one))


def _open(aws: Aws, fleet: str) -> tuple[str, ...]:
    """What of its scaling nobody has suspended; nothing if it is no scalable target."""
    asked = target_of(fleet)
    with aws_errors(f"scaling of fleet {fleet}"):
        answer = client_of(aws, SERVICE).describe_scalable_targets(
            ServiceNamespace=asked["ServiceNamespace"],
            ScalableDimension=DIMENSION,
            ResourceIds=[asked["ResourceId"]],
        )
    told = answer["ScalableTargets"][:1]
    return tuple(x for one in told for x in PARTS if not one.get("SuspendedState", {}).get(x))


def _set(aws: Aws, fleet: str, suspended: dict[str, bool]) -> None:
    """The whole state: what AWS makes of one that is not named is nowhere told."""
    with aws_errors(f"scaling of fleet {fleet}"):
        client_of(aws, SERVICE).register_scalable_target(
            **target_of(fleet), SuspendedState=suspended
        )


def _tag(aws: Aws, fleet: str, value: str) -> None:
    with aws_errors(f"tagging fleet {fleet}"):
        aws.ec2.create_tags(Resources=[fleet], Tags=t.to_aws({t.SCALING: value}))


def suspend(aws: Aws, fleet: Fleet, release: str) -> None:
    """The tag before the call. What a release that died had suspended is taken over."""
    new = to_suspend(fleet.suspension, release, partial(_open, aws, fleet.id))
    if new is None:
        return
    if fleet.suspension != new:
        _tag(aws, fleet.id, new.to_tag())
    _set(aws, fleet.id, dict.fromkeys(PARTS, True))


def resume(aws: Aws, fleet: Fleet) -> None:
    """The call before the tag: until it is done the tag says what is to be done."""
    if fleet.suspension is None:
        return
    ours = fleet.suspension.of or PARTS
    _set(aws, fleet.id, {one: one not in ours for one in PARTS})
    _tag(aws, fleet.id, ON)


def end(aws: Aws, fleet: str) -> None:
    """Its policies and scheduled actions go with the target; gone already is no error."""
    try:
        client_of(aws, SERVICE).deregister_scalable_target(**target_of(fleet))
    except ClientError as error:
        if code_of(error) != "ObjectNotFoundException":
            with aws_errors(f"ending the scaling of fleet {fleet}"):
                raise
