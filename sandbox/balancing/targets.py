"""The members of target groups: registration, health by real requests, draining."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from moto.elbv2.exceptions import ELBClientError, TargetGroupNotFoundError

from sandbox.balancing import health
from sandbox.balancing.health import HealthCheck
from sandbox.balancing.routes import TargetRoute
from sandbox.compute.instances import Instances
from sandbox.machines.protocol import ProbeResult
from sandbox.state.account import Account
from sandbox.state.records import Target

log = logging.getLogger(__name__)

# How long a registration takes until the first check, in sandbox seconds.
_REGISTRATION = 1.0


class Targets:
    def __init__(self, account: Account, instances: Instances) -> None:
        self._account = account
        self._instances = instances
        self._routes: dict[str, list[tuple[Target, str]]] = {}
        self._probes = ThreadPoolExecutor(max_workers=8, thread_name_prefix="health")

    def stop(self) -> None:
        self._probes.shutdown(wait=False, cancel_futures=True)

    # -- what callers ask for --

    def group(self, arn: str) -> Any:
        group = self._account.elbv2.target_groups.get(arn)
        if group is None:
            raise TargetGroupNotFoundError
        return group

    def register(self, arn: str, targets: list[dict[str, Any]]) -> None:
        """Registers all of them or none. A draining target that is registered again starts over."""
        group = self.group(arn)
        for target in targets:
            self._check(group, target["Id"])
        members = self._account.state.targets.setdefault(arn, {})
        now = self._account.clock.now()
        for target in targets:
            key = target["Id"], int(target.get("Port") or group.port)
            known = members.get(key)
            if known is None or known.draining_until is not None:
                members[key] = Target(*key, registered_at=now, next_check=now + _REGISTRATION)
        self._account.wake()

    def _check(self, group: Any, instance_id: str) -> None:
        record = self._account.state.instances.get(instance_id)
        if record is None:
            raise ELBClientError(
                "InvalidTarget", f"The following targets are not valid instances: '{instance_id}'"
            )
        if not self._instances.running(instance_id):
            raise ELBClientError(
                "InvalidTarget",
                "The following targets are not in a running state and cannot be registered: "
                f"'{instance_id}'",
            )
        if self._instances.get(instance_id).vpc_id != group.vpc_id:
            raise ELBClientError(
                "InvalidTarget",
                "The following targets are not in the target group VPC "
                f"'{group.vpc_id}': '{instance_id}'",
            )

    def deregister(self, arn: str, targets: list[dict[str, Any]]) -> None:
        """Targets that are not registered are ignored, as AWS does."""
        self.group(arn)
        for target in targets:
            for key in list(self._account.state.targets.get(arn, {})):
                if key[0] == target["Id"] and int(target.get("Port") or key[1]) == key[1]:
                    self._drain(arn, key)
        self._account.wake()

    def _drain(self, arn: str, key: tuple[str, int]) -> None:
        target = self._account.state.targets[arn][key]
        if target.draining_until is None:
            delay = float(
                self.group(arn).attributes.get("deregistration_delay.timeout_seconds", 300)
            )
            target.draining_until = self._account.clock.now() + delay

    def instance_leaves(self, instance_id: str) -> None:
        """The instance shuts down for good: every group starts to drain it."""
        for arn, members in self._account.state.targets.items():
            for key in members:
                if key[0] == instance_id and arn in self._account.elbv2.target_groups:
                    self._drain(arn, key)

    def describe(self, arn: str, wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """DescribeTargetHealth's answer. Without `wanted` it has all members, in the order of
        registration."""
        group = self.group(arn)
        members = self._account.state.targets.get(arn, {})
        if not wanted:
            return [self._description(group, target) for target in members.values()]
        described = []
        for one in wanted:
            key = one["Id"], int(one.get("Port") or group.port)
            found = members.get(key) or next(
                (t for t in members.values() if t.instance_id == key[0] and not one.get("Port")),
                None,
            )
            if found is not None:
                described.append(self._description(group, found))
            else:
                described.append(_shape(group, key, "unused", health.NOT_REGISTERED))
        return described

    def _description(self, group: Any, target: Target) -> dict[str, Any]:
        state, reason = self.state_of(group, target)
        return _shape(group, (target.instance_id, target.port), state, reason)

    def state_of(self, group: Any, target: Target) -> tuple[str, tuple[str, str]]:
        if target.draining_until is not None:
            return "draining", health.DRAINING
        instance = self._instances.get(target.instance_id)
        if instance.state in ("stopping", "stopped", "terminated"):
            return "unused", (
                "Target.InvalidState",
                f"Target is in the {instance.state.replace('stopping', 'stopped')} state",
            )
        balancers = [
            lb
            for lb in self._account.elbv2.load_balancers.values()
            if lb.arn in group.load_balancer_arns
        ]
        if not balancers:
            return "unused", health.GROUP_NOT_IN_USE
        zones = {subnet.availability_zone for lb in balancers for subnet in lb.subnets}
        if instance.placement.zone not in zones:
            return "unused", health.ZONE_NOT_ENABLED
        if not HealthCheck.of(group).enabled:
            return "unavailable", health.DISABLED
        return target.state, (target.reason, target.description)

    # -- what the load balancer asks for --

    def routes(self, name: str) -> list[TargetRoute]:
        """The targets of the group of that name; none if there is no such group. While the API
        holds the lock, the answer is the last one: traffic does not wait for API calls."""
        if self._account.lock.acquire(timeout=0.05 if name in self._routes else -1):
            try:
                self._routes[name] = self._states(name)
            finally:
                self._account.lock.release()
        return self._reachable(name, self._routes[name])

    def _states(self, name: str) -> list[tuple[Target, str]]:
        groups = self._account.elbv2.target_groups.values()
        group = next((one for one in groups if one.name == name), None)
        if group is None:
            return []
        members = self._account.state.targets.get(group.arn, {}).values()
        return [(target, self.state_of(group, target)[0]) for target in members]

    def _reachable(self, name: str, found: list[tuple[Target, str]]) -> list[TargetRoute]:
        machines = self._account.machines
        return [
            TargetRoute(
                target.instance_id,
                target.port,
                state if state != "unavailable" else "healthy",  # type: ignore[arg-type]
                None if state == "unused" else machines.endpoint(target.instance_id, target.port),
                name,
            )
            for target, state in found
        ]

    # -- as time passes --

    def tick(self) -> None:
        now = self._account.clock.now()
        for arn, members in list(self._account.state.targets.items()):
            group = self._account.elbv2.target_groups.get(arn)
            if group is None:
                del self._account.state.targets[arn]
                continue
            for key, target in list(members.items()):
                if target.draining_until is not None:
                    if now >= target.draining_until:
                        del members[key]
                elif not target.checking and now >= target.next_check:
                    self._start_check(group, target, now)

    def _start_check(self, group: Any, target: Target, now: float) -> None:
        check = HealthCheck.of(group)
        target.next_check = max(target.next_check + check.interval, now)
        state, _ = self.state_of(group, target)
        if state in ("unused", "unavailable"):
            target.state, target.passed, target.failed = "initial", 0, 0
            target.reason, target.description = health.INITIAL
            return
        if target.reason == "Elb.RegistrationInProgress":
            target.reason, target.description = health.INITIAL
        target.checking = True
        self._probes.submit(self._probe, target, check)

    def _probe(self, target: Target, check: HealthCheck) -> None:
        result = ProbeResult(error="refused")
        try:
            result = self._account.machines.probe(
                target.instance_id, check.port or target.port, check.path, check.timeout
            )
        except Exception:
            log.exception("the health check of %s could not be made", target.instance_id)
        with self._account.lock:
            target.checking = False
            if target.draining_until is None:
                health.judge(target, check, result)


def _shape(group: Any, key: tuple[str, int], state: str, reason: tuple[str, str]) -> dict[str, Any]:
    port = str(group.health_check_port or "traffic-port")
    described: dict[str, Any] = {"State": state}
    if reason[0]:
        described |= {"Reason": reason[0], "Description": reason[1]}
    return {
        "Target": {"Id": key[0], "Port": key[1]},
        "HealthCheckPort": str(key[1]) if port == "traffic-port" else port,
        "TargetHealth": described,
    }
