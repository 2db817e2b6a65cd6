"""One machine's container: how it is made, ended and read. And a watcher of those that end."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Literal

import docker
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from docker.types import EndpointConfig, LogConfig
from urllib3.exceptions import HTTPError

from sandbox.machines.docker.base_image import KEEP_LABEL
from sandbox.machines.docker.network import OWNER_LABEL

INSTANCE_LABEL = "spotkiln-sandbox.instance"
CONSOLE_BYTES = 64 * 1024

_INIT = "/usr/lib/sandbox/init"
_CONSOLE_LINES = 1000
_RETRY_SECONDS = 0.5

End = Literal["running", "rebooted", "shut down", "died"]


def create(
    client: docker.DockerClient,
    *,
    sandbox: str,
    network: str,
    address: str,
    image: str,
    instance_id: str,
    memory_mib: int,
    environment: Mapping[str, str],
) -> Container:
    """Make a container that boots systemd when it is started. Its disk is its own layer, without
    volumes. All its units have the variables of `environment`. What needs more than its memory is
    killed; there is no swap, as on EC2."""
    return client.containers.create(
        image,
        # In a container systemd reads its arguments instead of the kernel's command line.
        [_INIT, *(f"systemd.setenv={name}={value}" for name, value in environment.items())],
        name=f"spotkiln-sandbox-{sandbox}-{instance_id}",
        labels={OWNER_LABEL: sandbox, INSTANCE_LABEL: instance_id, KEEP_LABEL: "0"},
        hostname=f"ip-{address.replace('.', '-')}",
        network=network,
        networking_config={network: EndpointConfig("1.40", ipv4_address=address)},
        # SYS_ADMIN: systemd mounts file systems. SYS_BOOT: it may reboot and power off.
        cap_add=["SYS_ADMIN", "SYS_BOOT"],
        cgroupns="private",
        tmpfs={"/run": "rw,exec,mode=755,size=512m", "/run/lock": "rw,size=5m"},
        stop_signal="SIGRTMIN+3",
        tty=True,  # gives systemd a console, which docker records
        log_config=LogConfig(type="json-file", config={"max-size": "1m", "max-file": "2"}),
        mem_limit=f"{memory_mib}m",
        memswap_limit=f"{memory_mib}m",
        pids_limit=2048,
    )


def kill(container: Container | None) -> None:
    """End it at once. It may have ended already."""
    if container is not None:
        try:
            container.kill()
        except APIError:
            return


def remove(container: Container, seconds: int) -> str:
    """Shut down for at most `seconds`, then remove it with its disk. Returns the console's text."""
    text = ""
    try:
        if seconds:
            container.stop(timeout=seconds)
        text = console(container)
        container.remove(force=True, v=True)
    except NotFound:
        pass
    return text


def console(container: Container) -> str:
    """The last 64 KB, or "" if the container is gone."""
    try:
        logs: bytes = container.logs(tail=_CONSOLE_LINES)
    except APIError:
        return ""
    return logs[-CONSOLE_BYTES:].decode(errors="replace").replace("\r\n", "\n")


# What systemd exits with before it can say anything.
NOT_BEGUN = 255


def how_it_ended(container: Container) -> End:
    """As a container's first process, systemd ends by SIGHUP to reboot, and by SIGINT or with 0
    to power off. The kernel sends the signal (reboot(2), "Behavior inside PID namespaces")."""
    try:
        container.reload()
    except NotFound:
        return "died"
    state = container.attrs["State"]
    if state["Running"]:
        return "running"
    ends: dict[int, End] = {0: "shut down", 130: "shut down", 129: "rebooted"}
    return ends.get(state["ExitCode"], "died")


def why_it_died(container: Container) -> str:
    """In words. systemd that has no inotify instance left to watch with ends at once, says nothing
    and tells 255: some 16 machines take all that a host has by default."""
    code = container.attrs["State"]["ExitCode"]
    if code == NOT_BEGUN and not console(container).strip():
        return (
            "the machine vanished as it began: its systemd may have found no inotify instance left "
            "on this host; end other machines, or raise fs.inotify.max_user_instances with sysctl"
        )
    return "the machine vanished"


class Watcher:
    """Calls `on_exit(instance id)` from its own thread whenever a machine has ended, and `on_oom`
    when one had no memory left and the kernel killed something on it."""

    def __init__(
        self,
        client: docker.DockerClient,
        sandbox: str,
        on_exit: Callable[[str], None],
        on_oom: Callable[[str], None],
    ) -> None:
        self._client = client
        self._label = f"{OWNER_LABEL}={sandbox}"
        self._calls = {"die": on_exit, "oom": on_oom}
        self._since = int(time.time())
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="docker-events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """The thread waits for docker, and ends with the process."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.is_set():
            try:
                self._follow()
            except (DockerException, OSError, HTTPError):  # docker was restarted
                self._closed.wait(_RETRY_SECONDS)

    def _follow(self) -> None:
        """Returns when the connection ends. The next one tells what happened in between. It may
        tell some of it twice, which does no harm."""
        events = self._client.events(
            decode=True,
            since=self._since,
            filters={"type": "container", "event": list(self._calls), "label": self._label},
        )
        for event in events:
            self._since = int(event["time"])
            if self._closed.is_set():
                return
            self._calls[event["Action"]](event["Actor"]["Attributes"][INSTANCE_LABEL])
