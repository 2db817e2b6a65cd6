"""EC2's words for launches that failed, as fleets' histories and errors have them."""

from sandbox.fleets.pools import Pool
from sandbox.state.refusals import Refusal


def refused(refusal: Refusal, pool: Pool) -> str:
    return refusal.text(instance_type=pool.instance_type, zone=pool.zone, subnet=pool.subnet_id)


def left_out(pool: Pool, text: str) -> str:
    """What a fleet's history says of a launch specification that is left out for a while."""
    return (
        f'{pool}: Repeated errors have occurred processing the launch specification "{pool}". It '
        f"will not be retried for at least 13 minutes. Error message: {text}"
    )


def no_room(pool: Pool) -> str:
    return (
        f"{no_capacity(pool.instance_type, pool.zone)} (Service: AmazonEC2; Status Code: 500; "
        "Error Code: InsufficientInstanceCapacity)"
    )


def no_capacity(instance_type: str, zone: str) -> str:
    return (
        f"We currently do not have sufficient {instance_type} capacity in the Availability Zone "
        f"you requested ({zone}). Our system will be working on provisioning additional capacity."
    )
