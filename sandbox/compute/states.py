"""EC2's instance states and the reasons for them, as moto's model of an instance holds them."""

from moto.ec2.models.instances import Instance, StateReason

from sandbox.state.records import utcnow

CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}


def reason(code: str, text: str) -> tuple[str, str]:
    return code, f"{code}: {text}"


USER_SHUTDOWN = reason("Client.UserInitiatedShutdown", "User initiated shutdown")
GUEST_SHUTDOWN = reason("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")
SPOT_TERMINATION = reason("Server.SpotInstanceTermination", "Spot instance termination")
INTERNAL_ERROR = reason("Server.InternalError", "Internal error on launch or while running")


def describe(instance: Instance, state: str, why: tuple[str, str]) -> None:
    set_state(instance, state)
    code, message = why
    when = utcnow().strftime("%Y-%m-%d %H:%M:%S GMT")
    text = {"Client.UserInitiatedShutdown": "User initiated"}.get(code, code)
    instance._reason = f"{text} ({when})" if code else ""
    instance.state_reason = StateReason(message, code)


def set_state(instance: Instance, name: str) -> None:
    instance._state.name, instance._state.code = name, CODES[name]
