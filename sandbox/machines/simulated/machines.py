"""Machines that are a script and a clock. Thousands of them fit into one process."""

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sandbox.machines.protocol import (
    ImageStatus,
    InitialImage,
    MachineSpec,
    MachineState,
    MachineStatus,
    MetadataOptions,
    ProbeResult,
)
from sandbox.machines.scripts import Answer, Behaviour, Scripts, Subject
from sandbox.machines.simulated.web import WebFront
from sandbox.machines.vendors import ARCHITECTURES, DEBIANS, UBUNTU_NAME, UBUNTU_OWNER, Debian
from sandbox.state.clock import Clock

# As in /assets/application-2f0e….css.
_FINGERPRINT = re.compile(r"-([0-9a-f]{40})\.\w+$")
_CREATED = "2026-01-01T00:00:00.000Z"


def _debian(one: Debian, architecture: str, letter: str) -> InitialImage:
    return InitialImage(
        image_id=f"ami-0deb1a2000000{one.number:03d}{letter}",
        name=one.image_name("20260101-0001", architecture),
        owner_id=one.owner,
        created=_CREATED,
        description=f"Debian {one.number} (20260101-0001), simulated",
        architecture=architecture,
    )


def _ubuntu(architecture: str, letter: str) -> InitialImage:
    kind = ARCHITECTURES[architecture]
    return InitialImage(
        image_id=f"ami-0bb0000000002404{letter}",
        name=UBUNTU_NAME.format(kind=kind, date="20260101"),
        owner_id=UBUNTU_OWNER,
        created=_CREATED,
        description="Ubuntu 24.04, simulated",
        architecture=architecture,
    )


INITIAL = tuple(
    image
    for architecture, letter in zip(ARCHITECTURES, "ab", strict=True)
    for image in (
        *(_debian(one, architecture, letter) for one in DEBIANS),
        _ubuntu(architecture, letter),
    )
)
DEBIAN = INITIAL[0]


@dataclass
class _Machine:
    spec: MachineSpec
    booted_from: float  # when the present boot began, in sandbox seconds
    down_at: float | None = None  # when it began to stop or to terminate
    terminated: bool = False
    lost: str = ""  # why it vanished, if it did
    gone_at: float | None = None
    health_path: str = ""  # the path that health checks ask for


@dataclass
class _Image:
    name: str
    tags: Mapping[str, str]
    ready_at: float


class SimulatedMachines:
    """Implements `sandbox.machines.protocol.Machines`. Each state is computed from the clock
    when somebody asks for it."""

    def __init__(self, clock: Clock, scripts: Scripts) -> None:
        self._clock = clock
        self._scripts = scripts
        self._lock = threading.RLock()
        self._machines: dict[str, _Machine] = {}
        self._images: dict[str, _Image] = {}
        self._web = WebFront(self.page)

    # -- images --

    def initial_images(self, kept: Sequence[str]) -> list[InitialImage]:
        del kept  # a simulated image has no content that could be kept
        self._images |= {one.image_id: _Image(one.name, {}, ready_at=0.0) for one in INITIAL}
        return list(INITIAL)

    def create_image(
        self, instance_id: str, image_id: str, name: str, tags: Mapping[str, str]
    ) -> None:
        with self._lock:
            machine = self._machines.get(instance_id)
            seconds = self._behaviour(machine).image_seconds if machine else 0.0
            self._images[image_id] = _Image(name, dict(tags), self._clock.now() + seconds)

    def copy_image(self, source_id: str, image_id: str, name: str, tags: Mapping[str, str]) -> None:
        del source_id  # scripts match its name and tags; it has no other content
        with self._lock:
            self._images[image_id] = _Image(name, dict(tags), self._clock.now())

    def image_state(self, image_id: str) -> ImageStatus:
        with self._lock:
            image = self._images.get(image_id)
        if image is None:
            return "absent"
        return "available" if self._clock.now() >= image.ready_at else "pending"

    def remove_image(self, image_id: str) -> None:
        with self._lock:
            self._images.pop(image_id, None)

    def keep_image(
        self,
        image_id: str,
        key: str,
        name: str,
        tags: Mapping[str, str],
        architecture: str = "x86_64",
    ) -> None:
        """Does nothing: a simulated image has no content, and takes no time to make again."""

    def forget_images(self) -> list[str]:
        return []

    def restore_images(self, images: Mapping[str, tuple[str, Mapping[str, str]]]) -> set[str]:
        with self._lock:
            for image_id, (name, tags) in images.items():
                self._images[image_id] = _Image(name, tags, ready_at=0.0)
        return set(images)

    # -- machines --

    def launch(self, spec: MachineSpec) -> None:
        with self._lock:
            self._machines[spec.instance_id] = _Machine(spec, booted_from=self._clock.now())

    def observe(self, instance_id: str) -> MachineState:
        with self._lock:
            machine = self._machines.get(instance_id)
            if machine is None:
                return MachineState("gone", reason="no such machine")
            return MachineState(self._status(machine), reason=machine.lost)

    def _status(self, machine: _Machine) -> MachineStatus:
        now, behaviour = self._clock.now(), self._behaviour(machine)
        if machine.lost:
            return self._gone(machine)
        if machine.down_at is not None:
            if now < machine.down_at + behaviour.stop_seconds:
                return "stopping"
            return self._gone(machine) if machine.terminated else "stopped"
        up_for = now - machine.booted_from - behaviour.boot_seconds
        if behaviour.vanish_after is not None and up_for >= behaviour.vanish_after:
            machine.lost = "the script says that it vanished"
            return self._gone(machine)
        return "running" if up_for >= 0 else "booting"

    def _gone(self, machine: _Machine) -> MachineStatus:
        if machine.gone_at is None:
            machine.gone_at = self._clock.now()
            self._web.close(machine.spec.instance_id)
            self._forget_old()
        return "gone"

    def _forget_old(self) -> None:
        """Consoles stay for an hour, as long as EC2 keeps terminated instances."""
        limit = self._clock.now() - 3600
        old = [i for i, m in self._machines.items() if m.gone_at is not None and m.gone_at < limit]
        for instance_id in old:
            del self._machines[instance_id]

    def stop(self, instance_id: str) -> None:
        self._shut_down(instance_id, terminate=False)

    def terminate(self, instance_id: str) -> None:
        self._shut_down(instance_id, terminate=True)

    def _shut_down(self, instance_id: str, *, terminate: bool) -> None:
        with self._lock:
            machine = self._machines.get(instance_id)
            if machine is None:
                return
            if machine.down_at is None:
                machine.down_at = self._clock.now()
            machine.terminated = machine.terminated or terminate

    def start(self, instance_id: str) -> None:
        with self._lock:
            machine = self._machines[instance_id]
            machine.down_at = None
            machine.booted_from = self._clock.now()

    def reboot(self, instance_id: str) -> None:
        """The application does not answer for its serve_seconds. The status stays `running`."""
        with self._lock:
            machine = self._machines[instance_id]
            machine.booted_from = self._clock.now() - self._behaviour(machine).boot_seconds

    def kill(self, instance_id: str) -> None:
        with self._lock:
            if machine := self._machines.get(instance_id):
                machine.lost = machine.lost or "killed"

    # -- what it answers --

    def probe(self, instance_id: str, port: int, path: str, timeout_seconds: float) -> ProbeResult:
        del port  # the application listens on every port
        with self._lock:
            if machine := self._machines.get(instance_id):
                machine.health_path = path
        answer, latency = self.answer(instance_id)
        if answer == "timeout" or latency > timeout_seconds:
            self._clock.sleep(timeout_seconds)
            return ProbeResult(error="timeout")
        if not isinstance(answer, int):
            return ProbeResult(error="refused")
        if latency:
            self._clock.sleep(latency)
        return ProbeResult(code=answer)

    def answer(self, instance_id: str, *, leaving: bool = False) -> tuple[Answer, float]:
        """A status code, "timeout" or "refused", and the latency in sandbox seconds. `leaving`: as
        long as it shuts down, too."""
        up = ("running", "stopping") if leaving else ("running",)
        with self._lock:
            machine = self._machines.get(instance_id)
            if machine is None or self._status(machine) not in up:
                return "refused", 0.0
            behaviour = self._behaviour(machine)
            serving = self._clock.now() - machine.booted_from
            serving -= behaviour.boot_seconds + behaviour.serve_seconds
            return ("refused" if serving < 0 else behaviour.answer(serving)), (
                behaviour.latency_seconds
            )

    def page(self, instance_id: str, path: str) -> tuple[Answer, float, str, str]:
        """The answer to a request through the load balancer: code, latency in real seconds,
        revision and text. Other paths answer 200 even if the health path does not; an asset whose
        name has the fingerprint of another revision is not there.

        A machine that shuts down still answers: the load balancer reads ten times a second who is
        leaving, and an application that stops as it should takes no request along meanwhile.
        """
        answer, latency = self.answer(instance_id, leaving=True)
        with self._lock:
            machine = self._machines.get(instance_id)
        if machine is None:
            return "refused", 0.0, "", ""
        if isinstance(answer, int) and path != machine.health_path:
            answer = 200
        tags = {**machine.spec.image_tags, **machine.spec.tags}
        revision = tags.get("spotkiln:commit", machine.spec.image_id)
        named = _FINGERPRINT.search(path)
        if answer == 200 and named and named[1] != revision:
            answer = 404
        body = self._behaviour(machine).body
        text = body if body is not None else f"revision {revision}\nhost {instance_id}\n"
        return answer, self._clock.real(latency), revision, text

    def endpoint(self, instance_id: str, port: int) -> tuple[str, int] | None:
        del port
        if self.observe(instance_id).status not in ("running", "stopping"):
            return None
        return self._web.open(instance_id)

    def console(self, instance_id: str) -> str:
        with self._lock:
            machine = self._machines.get(instance_id)
        if machine is None:
            return ""
        answer, _ = self.answer(instance_id)
        behaviour = self._behaviour(machine)
        started = machine.booted_from + behaviour.boot_seconds + behaviour.serve_seconds
        lines = [
            f"[simulated] {instance_id} booted from {machine.spec.image_id}",
            f"[simulated] {machine.spec.instance_type}: {machine.spec.memory_mib} MiB of memory",
            f"[simulated] the application's answer now: {answer}",
            behaviour.console if self._clock.now() >= started else "",
        ]
        return "\n".join(line for line in lines if line) + "\n"

    def notice(self, instance_id: str, action: str, time: str) -> None:
        """Does nothing: no program in a simulated machine reads metadata."""

    def recommend_rebalance(self, instance_id: str, time: str) -> None:
        """Does nothing, as `notice`."""

    def change_metadata(
        self, instance_id: str, options: MetadataOptions, tags: Mapping[str, str]
    ) -> None:
        """Does nothing, as `notice`."""

    def api_socket(self) -> None:
        """None: no program in a simulated machine calls the API."""

    def leftovers(self) -> dict[str, list[str]]:
        return {"containers": []}

    def close(self, *, spare_images: bool = False) -> None:
        del spare_images  # they have no content
        self._web.stop()

    def _behaviour(self, machine: _Machine) -> Behaviour:
        return self._scripts.behaviour(subject_of(machine.spec))


def subject_of(spec: MachineSpec) -> Subject:
    return Subject(
        image_id=spec.image_id,
        name=spec.image_name,
        tags={**spec.image_tags, **spec.tags},
        instance_id=spec.instance_id,
    )
