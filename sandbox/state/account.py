"""The account: all of its state, the lock that guards it, and the machines behind it."""

import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.core.base_backend import BackendDict
from moto.ec2.models import EC2Backend, ec2_backends
from moto.elbv2.models import ELBv2Backend, elbv2_backends

from sandbox.machines.protocol import Machines
from sandbox.machines.scripts import Scripts
from sandbox.state.clock import Clock
from sandbox.state.neighbours import Neighbours
from sandbox.state.records import ACCOUNT_ID, State


class Account:
    """Owns the state, ours and moto's. It knows nothing of the parts that change it.

    Whoever reads or changes it holds `lock`, so that the account is always consistent. Whoever
    changes it calls `wake`.
    """

    def __init__(self, region: str, machines: Machines, clock: Clock, scripts: Scripts) -> None:
        self.region = region
        self.machines = machines
        self.clock = clock
        self.scripts = scripts
        self.lock = threading.RLock()
        self.changed = threading.Event()
        self.state = State()
        # Grows whenever something may have changed.
        self.changes = 0
        # How long after a fleet's cancel its missing instances still arrive. None: never.
        self.late_launch_seconds: float | None = None
        self.neighbours = Neighbours(ACCOUNT_ID, region)
        self.ec2: EC2Backend = ec2_backends[ACCOUNT_ID][region]
        self.elbv2: ELBv2Backend = elbv2_backends[ACCOUNT_ID][region]

    def wake(self) -> None:
        """Something has changed: the engine looks at once, and goes on while anything moves."""
        self.changes += 1
        self.changed.set()

    def tags(self, resource_id: str) -> dict[str, str]:
        return dict(self.ec2.tags.get(resource_id, {}))

    def empty(self) -> None:
        """Remove all that is in it, also what it began with. Machines and images vanish at once."""
        for instance_id in self.state.instances:
            self.machines.kill(instance_id)
            self.machines.observe(instance_id)
        for image_id, image in self.ec2.amis.items():
            if getattr(image, "source_image_id", None):  # made here
                self.machines.remove_image(image_id)
        self.state = State()
        self.late_launch_seconds = None
        for service in BackendDict._instances:  # type: ignore[misc]
            for backends in service.values():
                backends.reset()

    # -- copies, for stale reads --

    def snapshot(self) -> bytes:
        return pickle.dumps((self.ec2, self.elbv2, self.state))

    @contextmanager
    def as_of(self, snapshot: bytes) -> Iterator[None]:
        """Inside the block every read answers from the snapshot. The caller holds the lock and
        changes nothing."""
        ec2, elbv2, state = pickle.loads(snapshot)  # noqa: S301 - our own bytes
        present: Any = self.ec2.__dict__, self.elbv2.__dict__, self.state
        self.ec2.__dict__, self.elbv2.__dict__, self.state = ec2.__dict__, elbv2.__dict__, state
        try:
            yield
        finally:
            self.ec2.__dict__, self.elbv2.__dict__, self.state = present
