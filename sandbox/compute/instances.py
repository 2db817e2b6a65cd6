"""Instances: their states follow the machines."""

import logging
from collections.abc import Callable
from datetime import timedelta

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import Instance, Reservation
from moto.ec2.utils import random_spot_request_id

from sandbox.compute.details import (
    give_back_addresses,
    give_public_address,
    give_root_volume,
    machine_spec,
    metadata_options,
    set_address,
)
from sandbox.compute.roles import make_role_key
from sandbox.compute.states import (
    GUEST_SHUTDOWN,
    INTERNAL_ERROR,
    SPOT_TERMINATION,
    USER_SHUTDOWN,
    describe,
    reason,
    set_state,
)
from sandbox.machines.protocol import MachineState
from sandbox.machines.scripts import Subject
from sandbox.state.account import Account
from sandbox.state.records import Fleet, InstanceRecord, utcnow

log = logging.getLogger(__name__)

# EC2 shows a terminated instance for about an hour.
_FORGET_AFTER = 3600.0


class Instances:
    def __init__(self, account: Account) -> None:
        self._account = account
        self._when_leaving: list[Callable[[str], object]] = []
        self._when_ended: list[Callable[[InstanceRecord], object]] = []
        self._waiting: list[str] = []  # ids of those whose machines have not begun

    def when_leaving(self, listener: Callable[[str], object]) -> None:
        """Have `listener` called with the id of each instance that shuts down for good."""
        self._when_leaving.append(listener)

    def when_ended(self, listener: Callable[[InstanceRecord], object]) -> None:
        """Have `listener` called with the record of each instance that has ended."""
        self._when_ended.append(listener)

    # -- what callers ask for --

    def adopt(
        self,
        reservation: Reservation,
        *,
        spot: bool,
        fleet: Fleet | None = None,
        weight: float = 1.0,
    ) -> list[str]:
        """A record for each of moto's new instances; they are `pending` from now on. Their machines
        start with `begin`: until the call ends moto adds to them."""
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
                launched_at=self._account.clock.now(),
            )
            instance.lifecycle = "spot" if spot else None
            instance.spot_instance_request_id = record.spot_request_id  # type: ignore[attr-defined]
            set_state(instance, "pending")
            give_root_volume(self._account, instance)
            give_public_address(instance)
            self._account.state.instances[instance.id] = record
            self._waiting.append(instance.id)
            ids.append(instance.id)
        return ids

    def begin(self) -> None:
        """Start the machines of all that were adopted. The caller has held the account's lock since
        then."""
        waiting, self._waiting = self._waiting, []
        for instance_id in waiting:
            record = self._account.state.instances.get(instance_id)
            if record is not None:  # its launch did not fail
                self._begin(record)
        if waiting:
            self._account.wake()

    def _begin(self, record: InstanceRecord) -> None:
        instance: Instance = record.moto
        record.role_key = make_role_key(instance)
        if record.role_key:
            self._account.state.role_keys[record.role_key.key_id] = instance.id
        self._account.machines.launch(machine_spec(self._account, instance, record))
        if address := self._account.machines.observe(record.instance_id).address:
            set_address(instance, address)

    def terminate(self, instance_ids: list[str], why: tuple[str, str] = USER_SHUTDOWN) -> None:
        """All ids must exist. Safe to repeat."""
        for instance_id in instance_ids:
            record = self.record(instance_id)
            if record.ended_at is not None:
                continue
            if record.intent != "terminate":
                record.intent, record.reason = "terminate", why
                describe(self.get(instance_id), "shutting-down", why)
                self._tell_leaving(instance_id)
            self._account.machines.terminate(instance_id)
        self._account.wake()

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
            describe(instance, "stopping", USER_SHUTDOWN)
            self._account.machines.stop(instance_id)
            self._account.wake()

    def start(self, instance_id: str) -> None:
        record, instance = self.record(instance_id), self.get(instance_id)
        self._must_be(instance, "started", {"pending", "running", "stopped"})
        if instance.state == "stopped":
            record.intent, record.reason, record.running_since = "run", ("", ""), None
            record.starting = True
            describe(instance, "pending", ("", ""))
            self._account.machines.start(instance_id)
            self._account.wake()

    def reboot(self, instance_id: str) -> None:
        self._must_be(self.get(instance_id), "rebooted", {"running"})
        self._account.machines.reboot(instance_id)

    def interrupt(self, instance_id: str, notice_seconds: float) -> None:
        """Give a spot interruption notice. The instance is terminated `notice_seconds` later."""
        record = self.record(instance_id)
        if not record.spot:
            raise EC2ClientError("InvalidInstanceID.NotFound", f"{instance_id} is no spot instance")
        if not record.alive or record.interrupt_at is not None:
            return
        record.interrupt_at = self._account.clock.now() + notice_seconds
        when = utcnow() + timedelta(seconds=self._account.clock.real(notice_seconds))
        self._account.machines.notice(instance_id, "terminate", when.strftime("%Y-%m-%dT%H:%M:%SZ"))
        self._account.wake()

    def recommend_rebalance(self, instance_id: str) -> None:
        """Recommend to rebalance. An interruption may never come."""
        record = self.record(instance_id)
        if not record.spot:
            raise EC2ClientError("InvalidInstanceID.NotFound", f"{instance_id} is no spot instance")
        record.rebalance = True
        self._account.machines.recommend_rebalance(instance_id, f"{utcnow():%Y-%m-%dT%H:%M:%SZ}")
        self._account.wake()

    def tell_metadata(self, instance_id: str) -> None:
        """Its tags or its metadata options have changed."""
        self._account.machines.change_metadata(
            instance_id, metadata_options(self.get(instance_id)), self._account.tags(instance_id)
        )

    # -- lookups --

    def get(self, instance_id: str) -> Instance:
        instance: Instance = self.record(instance_id).moto
        return instance

    def record(self, instance_id: str) -> InstanceRecord:
        record = self._account.state.instances.get(instance_id)
        if record is None:
            raise EC2ClientError(
                "InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist"
            )
        return record

    def running(self, instance_id: str) -> bool:
        record = self._account.state.instances.get(instance_id)
        return (
            record is not None
            and record.alive
            and record.running_since is not None
            and (record.intent == "run")
        )

    def of_fleet(self, fleet_id: str) -> list[InstanceRecord]:
        """The fleet's instances that have not ended yet, oldest first."""
        return [
            record
            for record in self._account.state.instances.values()
            if record.fleet_id == fleet_id and record.ended_at is None
        ]

    # -- as time passes --

    def tick(self) -> None:
        now = self._account.clock.now()
        self.forget_ended(_FORGET_AFTER)
        for record in list(self._account.state.instances.values()):
            if record.ended_at is None:
                self._script(record, now)
                if record.interrupt_at is not None and now >= record.interrupt_at and record.alive:
                    self.terminate([record.instance_id], SPOT_TERMINATION)
                self._follow(record, self._account.machines.observe(record.instance_id))

    def forget_ended(self, after_seconds: float) -> None:
        """Those that ended longer ago are listed no more."""
        before = self._account.clock.now() - after_seconds
        for record in list(self._account.state.instances.values()):
            if record.ended_at is not None and record.ended_at < before:
                self._forget(record)

    def _script(self, record: InstanceRecord, now: float) -> None:
        """Carry out what the script asks for: an end some time after the launch, or an interruption
        some time after `running`."""
        behaviour = self._account.scripts.behaviour(self.subject(self.get(record.instance_id)))
        if behaviour.ends_by and now - record.launched_at >= behaviour.ends_after:
            self.terminate([record.instance_id], reason(behaviour.ends_by, "as the script says"))
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
                record.running_since = self._account.clock.now()
                record.posted = self._account.machines.console(record.instance_id)
            set_state(instance, "running")
        elif machine.status in ("stopping", "stopped"):
            self._shut_down(record, instance, machine)

    def _shut_down(self, record: InstanceRecord, instance: Instance, machine: MachineState) -> None:
        if record.intent == "run":  # the machine shut itself down
            if record.spot or instance.instance_initiated_shutdown_behavior == "terminate":
                self.terminate([record.instance_id], GUEST_SHUTDOWN)
                return
            record.intent, record.reason = "stop", GUEST_SHUTDOWN
        if record.intent == "terminate":
            set_state(instance, "shutting-down")
        else:
            describe(instance, machine.status, record.reason)

    def _end(self, record: InstanceRecord, instance: Instance, machine: MachineState) -> None:
        if record.intent != "terminate":
            record.reason = SPOT_TERMINATION if record.spot else INTERNAL_ERROR
            log.info("%s is gone by itself: %s", record.instance_id, machine.reason)
        record.intent, record.ended_at = "terminate", self._account.clock.now()
        record.posted = self._account.machines.console(record.instance_id)
        self._tell_leaving(record.instance_id)
        Instance.terminate(instance)  # also removes volumes and associations
        for nic in instance.nics.values():
            nic.public_ip = None
            self._account.ec2.enis.pop(nic.id, None)
        give_back_addresses(self._account, instance)
        describe(instance, "terminated", record.reason)
        for listener in self._when_ended:
            listener(record)

    def _tell_leaving(self, instance_id: str) -> None:
        for listener in self._when_leaving:
            listener(instance_id)

    def _forget(self, record: InstanceRecord) -> None:
        ec2 = self._account.ec2
        for reservation in list(ec2.reservations.values()):
            kept = [i for i in reservation.instances if i.id != record.instance_id]
            reservation.instances = kept
            if not kept:
                del ec2.reservations[reservation.id]
        ec2.tags.pop(record.instance_id, None)
        del self._account.state.instances[record.instance_id]
        if record.role_key:
            del self._account.state.role_keys[record.role_key.key_id]

    # -- details --

    def subject(self, instance: Instance) -> Subject:
        image = self._account.ec2.amis.get(instance.image_id)
        tags = {**self._account.tags(instance.image_id), **self._account.tags(instance.id)}
        return Subject(instance.image_id, (image.name or "") if image else "", tags, instance.id)

    def _must_be(self, instance: Instance, verb: str, states: set[str]) -> None:
        if instance.state not in states:
            raise EC2ClientError(
                "IncorrectInstanceState",
                f"The instance '{instance.id}' is not in a state from which it can be {verb}.",
            )
