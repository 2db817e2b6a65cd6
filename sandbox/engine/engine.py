"""The account's life: moves instances, images, fleets and targets along as time passes."""

import logging
import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.ec2.models import EC2Backend, ec2_backends
from moto.elbv2.models import ELBv2Backend, elbv2_backends
from moto.iam.models import iam_backends

from sandbox.balancing.targets import Targets
from sandbox.compute.images import Images
from sandbox.compute.instances import Instances
from sandbox.fleets.fleets import Fleets
from sandbox.machines.protocol import Machines
from sandbox.machines.scripts import Scripts
from sandbox.state.clock import Clock
from sandbox.state.records import ACCOUNT_ID, State

log = logging.getLogger(__name__)

# How far apart, in sandbox seconds, the engine looks at its machines; never less than
# _SHORTEST real seconds, so that a fast clock does not eat the processor.
_TICK = 0.25
_SHORTEST = 0.02


class Engine:
    """Everything under one lock: an API call or a tick sees and leaves a whole world."""

    def __init__(self, region: str, machines: Machines, clock: Clock, scripts: Scripts) -> None:
        self.region = region
        self.machines = machines
        self.clock = clock
        self.scripts = scripts
        self.lock = threading.RLock()
        self.state = State()
        # Launches that were under way when a fleet was cancelled arrive so much later; None: never.
        self.late_launch_seconds: float | None = None
        self.ec2: EC2Backend = ec2_backends[ACCOUNT_ID][region]
        self.elbv2: ELBv2Backend = elbv2_backends[ACCOUNT_ID][region]
        self.instances = Instances(self)
        self.images = Images(self)
        self.targets = Targets(self)
        self.fleets = Fleets(self)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    # -- time --

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        self.targets.stop()

    def wake(self) -> None:
        """Something changed: look at once, and go on looking while anything moves."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self.lock:
                try:
                    self.tick()
                except Exception:
                    log.exception("a tick failed; the next one tries again")
                idle = self._idle()
            self._wake.wait(60.0 if idle else max(_SHORTEST, self.clock.real(_TICK)))
            self._wake.clear()

    def _idle(self) -> bool:
        return not (
            any(record.ended_at is None for record in self.state.instances.values())
            or any(fleet.ended_at is None for fleet in self.state.fleets.values())
            or any(self.state.targets.values())
            or self.images.moving()
        )

    def tick(self) -> None:
        self.images.tick()
        self.instances.tick()
        self.fleets.tick()
        self.targets.tick()

    def empty(self) -> None:
        """An account with nothing in it, not even its furniture; machines and images go at once."""
        for instance_id in self.state.instances:
            self.machines.kill(instance_id)
            self.machines.observe(instance_id)
        for image_id, image in self.ec2.amis.items():
            if getattr(image, "source_image_id", None):  # made here
                self.machines.remove_image(image_id)
        self.state = State()
        self.late_launch_seconds = None
        for backend in (self.ec2, self.elbv2, iam_backends[ACCOUNT_ID]["aws"]):
            backend.reset()

    # -- copies, for stale reads --

    def snapshot(self) -> bytes:
        return pickle.dumps((self.ec2, self.elbv2, self.state))

    @contextmanager
    def as_of(self, snapshot: bytes) -> Iterator[None]:
        """Within, every read answers from the snapshot. Only under the lock; nothing may be
        changed within."""
        ec2, elbv2, state = pickle.loads(snapshot)  # noqa: S301 - our own bytes
        present: Any = self.ec2.__dict__, self.elbv2.__dict__, self.state
        self.ec2.__dict__, self.elbv2.__dict__, self.state = ec2.__dict__, elbv2.__dict__, state
        try:
            yield
        finally:
            self.ec2.__dict__, self.elbv2.__dict__, self.state = present
