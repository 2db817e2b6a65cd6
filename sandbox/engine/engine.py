"""Moves instances, images, fleets, groups and targets along as time passes."""

import logging
import threading

from sandbox.balancing.targets import Targets
from sandbox.compute.images import Images
from sandbox.compute.instances import Instances
from sandbox.fleets.fleets import Fleets
from sandbox.scaling.application import ApplicationScaling
from sandbox.scaling.groups import ScalingGroups
from sandbox.state.account import Account

log = logging.getLogger(__name__)

# How often, in sandbox seconds, the engine looks at its machines. At least _SHORTEST real seconds
# lie between two looks, so that a fast clock does not use up the processor.
_TICK = 0.25
_SHORTEST = 0.02


class Engine:
    """Makes the parts of the account, connects them, and calls each in turn."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.instances = Instances(account)
        self.images = Images(account, self.instances)
        self.targets = Targets(account, self.instances)
        self.fleets = Fleets(account, self.instances, self.targets)
        self.scaling_groups = ScalingGroups(account, self.instances, self.targets)
        self.application_scaling = ApplicationScaling(account, self.fleets)
        self.instances.when_leaving(self.targets.instance_leaves)
        self.instances.when_ended(self.fleets.instance_ended)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self.account.wake()
        if self._thread is not None:
            self._thread.join(timeout=10)
        self.targets.stop()

    def _run(self) -> None:
        clock, changed = self.account.clock, self.account.changed
        while not self._stopping.is_set():
            with self.account.lock:
                try:
                    self.tick()
                except Exception:
                    log.exception("a tick failed; the next one tries again")
                idle = self.idle()
            changed.wait(60.0 if idle else max(_SHORTEST, clock.real(_TICK)))
            changed.clear()

    def idle(self) -> bool:
        """Whether nothing moves. The caller holds the account's lock."""
        state = self.account.state
        return not (
            any(record.ended_at is None for record in state.instances.values())
            or any(fleet.ended_at is None for fleet in state.fleets.values())
            or state.scaling_groups
            or any(state.targets.values())
            or self.images.moving()
        )

    def tick(self) -> None:
        self.images.tick()
        self.instances.tick()
        self.application_scaling.tick()
        self.fleets.tick()
        self.scaling_groups.tick()
        self.targets.tick()

    def look_again(self) -> None:
        """Capacity has changed: whatever launches tries again at once."""
        self.fleets.look_again()
        self.scaling_groups.look_again()

    def forget_ended(self) -> None:
        """As if days had passed: AWS lists what has ended for a while, and then no more."""
        with self.account.lock:
            self.fleets.forget_ended(0)
            self.instances.forget_ended(0)
