"""Instances: EC2's states, following the machines."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import Instance, Reservation, StateReason
from moto.ec2.utils import random_spot_request_id

from sandbox.compute.details import give_root_volume, machine_spec, set_address
from sandbox.machines.protocol import MachineState
from sandbox.machines.scripts import Subject
from sandbox.state.records import Fleet, InstanceRecord, utcnow

if TYPE_CHECKING:
    from sandbox.engine.engine import Engine

log = logging.getLogger(__name__)

CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}


def _reason(code: str, text: str) -> tuple[str, str]:
    return code, f"{code}: {text}"


USER_SHUTDOWN = _reason("Client.UserInitiatedShutdown", "User initiated shutdown")
GUEST_SHUTDOWN = _reason("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")
SPOT_TERMINATION = _reason("Server.SpotInstanceTermination", "Spot instance termination")
INTERNAL_ERROR = _reason("Server.InternalError", "Internal error on launch or while running")

# EC2 shows a terminated instance for about an hour.
_FORGET_AFTER = 3600.0


class Instances:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # -- what callers ask for --

    def adopt(
        self,
        reservation: Reservation,
        *,
        spot: bool,
        fleet: Fleet | None = None,
        weight: float = 1.0,
    ) -> list[str]:
        """Give each of moto's new instances a machine; they are `pending` from now on."""
        ids = []
        for instance in reservation.instances:
            record = InstanceRecord(
                instance.id,
                moto=instance,
                spot=spot,
                fleet_id=fleet.fleet_id if fleet else None,
                weight=weight,
                pool=f"{instance.instance_type}/{instance.placement.zone}",
                spot_request_id=random_spot_request_id() if spot else None,
                launched_at=self._engine.clock.now(),
            )
            instance.lifecycle = "spot" if spot else None
            instance.spot_instance_request_id = record.spot_request_id  # type: ignore[attr-defined]
            _set_state(instance, "pending")
            give_root_volume(self._engine, instance)
            self._engine.state.instances[instance.id] = record
            self._engine.machines.launch(machine_spec(self._engine, instance, record))
            ids.append(instance.id)
        self._engine.wake()
        return ids

    def terminate(self, instance_ids: list[str], reason: tuple[str, str] = USER_SHUTDOWN) -> None:
        """Ids must exist. Repeating it does no harm."""
        for instance_id in instance_ids:
            record = self.record(instance_id)
            if record.ended_at is not None:
                continue
            if record.intent != "terminate":
                record.intent, record.reason = "terminate", reason
                self._describe(self.get(instance_id), "shutting-down", reason)
                self._engine.targets.instance_leaves(instance_id)
            self._engine.machines.terminate(instance_id)
        self._engine.wake()

    def stop(self, instance_id: str) -> None:
        record, instance = self.record(instance_id), self.get(instance_id)
        if record.spot:
            raise EC2ClientError(
                "UnsupportedOperation",
                f"You can't stop the Spot Instance '{instance_id}' because it is associated "
                "with a one-time Spot Instance request.",
            )
        self._must_be(instance, "stopped", {"pending", "running", "stopping", "stopped"})
        if instance.state in ("pending", "running"):
            record.intent, record.reason = "stop", USER_SHUTDOWN
            self._describe(instance, "stopping", USER_SHUTDOWN)
            self._engine.machines.stop(instance_id)
            self._engine.wake()

    def start(self, instance_id: str) -> None:
        record, instance = self.record(instance_id), self.get(instance_id)
        self._must_be(instance, "started", {"pending", "running", "stopped"})
        if instance.state == "stopped":
            record.intent, record.reason, record.running_since = "run", ("", ""), None
            record.starting = True
            self._describe(instance, "pending", ("", ""))
            self._engine.machines.start(instance_id)
            self._engine.wake()

    def reboot(self, instance_id: str) -> None:
        self._must_be(self.get(instance_id), "rebooted", {"running"})
        self._engine.machines.reboot(instance_id)

    def interrupt(self, instance_id: str, notice_seconds: float) -> None:
        """A spot interruption notice; the instance is terminated that much later."""
        record = self.record(instance_id)
        if not record.spot:
            raise EC2ClientError("InvalidInstanceID.NotFound", f"{instance_id} is no spot instance")
        if not record.alive or record.interrupt_at is not None:
            return
        record.interrupt_at = self._engine.clock.now() + notice_seconds
        when = utcnow() + timedelta(seconds=self._engine.clock.real(notice_seconds))
        self._engine.machines.notice(instance_id, "terminate", when.strftime("%Y-%m-%dT%H:%M:%SZ"))
        self._engine.wake()

    def recommend_rebalance(self, instance_id: str) -> None:
        """An elevated risk of interruption, which may never come."""
        record = self.record(instance_id)
        if not record.spot:
            raise EC2ClientError("InvalidInstanceID.NotFound", f"{instance_id} is no spot instance")
        record.rebalance = True
        self._engine.machines.recommend_rebalance(instance_id, f"{utcnow():%Y-%m-%dT%H:%M:%SZ}")
        self._engine.wake()

    # -- lookups --

    def get(self, instance_id: str) -> Instance:
        instance: Instance = self.record(instance_id).moto
        return instance

    def record(self, instance_id: str) -> InstanceRecord:
        record = self._engine.state.instances.get(instance_id)
        if record is None:
            raise EC2ClientError(
                "InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist"
            )
        return record

    def running(self, instance_id: str) -> bool:
        record = self._engine.state.instances.get(instance_id)
        return (
            record is not None
            and record.alive
            and record.running_since is not None
            and (record.intent == "run")
        )

    def of_fleet(self, fleet_id: str) -> list[InstanceRecord]:
        """Those that have not ended yet, oldest first."""
        return [
            record
            for record in self._engine.state.instances.values()
            if record.fleet_id == fleet_id and record.ended_at is None
        ]

    # -- as time passes --

    def tick(self) -> None:
        now = self._engine.clock.now()
        for record in list(self._engine.state.instances.values()):
            if record.ended_at is None:
                self._script(record, now)
                if record.interrupt_at is not None and now >= record.interrupt_at and record.alive:
                    self.terminate([record.instance_id], SPOT_TERMINATION)
                self._follow(record, self._engine.machines.observe(record.instance_id))
            elif now - record.ended_at > _FORGET_AFTER:
                self._forget(record)

    def _script(self, record: InstanceRecord, now: float) -> None:
        """A script may ask for an end so long after the launch, or for an interruption so long
        after `running`."""
        behaviour = self._engine.scripts.behaviour(self.subject(self.get(record.instance_id)))
        if behaviour.ends_by and now - record.launched_at >= behaviour.ends_after:
            self.terminate([record.instance_id], _reason(behaviour.ends_by, "as the script says"))
        after = behaviour.interrupt_after
        if after is None or not record.spot or record.interrupt_at is not None:
            return
        if record.running_since is not None and now - record.running_since >= after:
            self.interrupt(record.instance_id, 120.0)

    def _follow(self, record: InstanceRecord, machine: MachineState) -> None:
        instance = self.get(record.instance_id)
        if machine.address:
            set_address(instance, machine.address)
        record.starting = record.starting and machine.status in ("stopping", "stopped")
        if record.starting:
            return
        if machine.status == "gone":
            self._end(record, instance, machine)
        elif machine.status == "running" and record.intent == "run":
            if record.running_since is None:
                record.running_since = self._engine.clock.now()
                record.posted = self._engine.machines.console(record.instance_id)
            _set_state(instance, "running")
        elif machine.status in ("stopping", "stopped"):
            self._shut_down(record, instance, machine)

    def _shut_down(self, record: InstanceRecord, instance: Instance, machine: MachineState) -> None:
        if record.intent == "run":  # from inside
            if record.spot or instance.instance_initiated_shutdown_behavior == "terminate":
                self.terminate([record.instance_id], GUEST_SHUTDOWN)
                return
            record.intent, record.reason = "stop", GUEST_SHUTDOWN
        if record.intent == "terminate":
            _set_state(instance, "shutting-down")
        else:
            self._describe(instance, machine.status, record.reason)

    def _end(self, record: InstanceRecord, instance: Instance, machine: MachineState) -> None:
        if record.intent != "terminate":
            record.reason = SPOT_TERMINATION if record.spot else INTERNAL_ERROR
            log.info("%s is gone by itself: %s", record.instance_id, machine.reason)
        record.intent, record.ended_at = "terminate", self._engine.clock.now()
        record.posted = self._engine.machines.console(record.instance_id)
        self._engine.targets.instance_leaves(record.instance_id)
        Instance.terminate(instance)  # volumes and associations go with it
        for nic in instance.nics.values():
            nic.public_ip = None
            self._engine.ec2.enis.pop(nic.id, None)
        self._describe(instance, "terminated", record.reason)
        self._engine.fleets.instance_ended(record)

    def _forget(self, record: InstanceRecord) -> None:
        ec2 = self._engine.ec2
        for reservation in list(ec2.reservations.values()):
            kept = [i for i in reservation.instances if i.id != record.instance_id]
            reservation.instances = kept
            if not kept:
                del ec2.reservations[reservation.id]
        ec2.tags.pop(record.instance_id, None)
        del self._engine.state.instances[record.instance_id]

    # -- details --

    def subject(self, instance: Instance) -> Subject:
        image = self._engine.ec2.amis.get(instance.image_id)
        tags = {**self.tags(instance.image_id), **self.tags(instance.id)}
        return Subject(instance.image_id, (image.name or "") if image else "", tags, instance.id)

    def tags(self, resource_id: str) -> dict[str, str]:
        return dict(self._engine.ec2.tags.get(resource_id, {}))

    def _describe(self, instance: Instance, state: str, reason: tuple[str, str]) -> None:
        _set_state(instance, state)
        code, message = reason
        when = utcnow().strftime("%Y-%m-%d %H:%M:%S GMT")
        text = {"Client.UserInitiatedShutdown": "User initiated"}.get(code, code)
        instance._reason = f"{text} ({when})" if code else ""
        instance.state_reason = StateReason(message, code)

    def _must_be(self, instance: Instance, verb: str, states: set[str]) -> None:
        if instance.state not in states:
            raise EC2ClientError(
                "IncorrectInstanceState",
                f"The instance '{instance.id}' is not in a state from which it can be {verb}.",
            )


def _set_state(instance: Instance, name: str) -> None:
    instance._state.name, instance._state.code = name, CODES[name]
