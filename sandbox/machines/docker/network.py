"""A sandbox's own bridge network, and 169.254.169.254 on it.

The metadata address is routed by policy: only packets from this bridge see it as a local
address. The host may be a cloud machine itself, and its own way to that address stays as it is.
Several sandboxes can run side by side.
"""

import hashlib
import ipaddress
import json
import socket
import subprocess
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import docker
from docker.errors import APIError
from docker.models.networks import Network
from docker.types import IPAMConfig, IPAMPool

from sandbox.machines.protocol import MachineError

OWNER_LABEL = "spotkiln-sandbox"
METADATA_ADDRESS = "169.254.169.254"

# The routing table in which the metadata address is local, and the priority of the rules to it.
_TABLE = _PRIORITY = "16900"
_IP_TRANSPARENT = 19  # from linux/in.h; the socket module lacks it


def network_name(sandbox: str) -> str:
    return f"spotkiln-sandbox-{sandbox}"


def bridge_name(sandbox: str) -> str:
    """At most 15 characters, the kernel's limit."""
    return f"sk-{hashlib.sha256(sandbox.encode()).hexdigest()[:11]}"


def candidate_subnets(sandbox: str) -> Iterator[ipaddress.IPv4Network]:
    """Private /24s, in an order that depends on the name. So two sandboxes rarely try the same
    one."""
    spaces = ("10.200.0.0/13", "172.24.0.0/14", "192.168.128.0/17")
    seed = int.from_bytes(hashlib.sha256(sandbox.encode()).digest()[:4], "big")
    for space in spaces:
        subnets = list(ipaddress.IPv4Network(space).subnets(new_prefix=24))
        start = seed % len(subnets)
        yield from subnets[start:] + subnets[:start]


def host_routes() -> list[ipaddress.IPv4Network]:
    """The networks that the host already routes, without default routes."""
    routes = json.loads(_ip("-json", "-4", "route", "show", "table", "all") or "[]")
    found = []
    for route in routes:
        if route["dst"] != "default":
            network = ipaddress.IPv4Network(route["dst"], strict=False)
            if network.prefixlen > 0:
                found.append(network)
    return found


def free_subnets(
    candidates: Iterable[ipaddress.IPv4Network], taken: list[ipaddress.IPv4Network]
) -> Iterator[ipaddress.IPv4Network]:
    return (net for net in candidates if not any(net.overlaps(other) for other in taken))


class Addresses:
    """Gives out a subnet's addresses in turn, so that a freed one is not used again at once."""

    def __init__(self, subnet: ipaddress.IPv4Network) -> None:
        self._hosts = [str(host) for host in subnet.hosts()][1:]  # the first is the bridge's
        self._used: set[str] = set()
        self._next = 0
        self._lock = threading.Lock()

    def take(self) -> str:
        """Raises MachineError if all are in use."""
        with self._lock:
            for _ in self._hosts:
                address = self._hosts[self._next % len(self._hosts)]
                self._next += 1
                if address not in self._used:
                    self._used.add(address)
                    return address
        raise MachineError(
            f"All {len(self._hosts)} addresses of the sandbox's network are in use. "
            "Terminate some instances first."
        )

    def give_back(self, address: str) -> None:
        with self._lock:
            self._used.discard(address)


class SandboxNetwork:
    """The docker network of one sandbox. The constructor makes it, `remove_network` removes it."""

    def __init__(self, client: docker.DockerClient, sandbox: str) -> None:
        self.name = network_name(sandbox)
        self.bridge = bridge_name(sandbox)
        self.subnet = self._create(client, sandbox)
        self.addresses = Addresses(self.subnet)
        _ip("rule", "add", "priority", _PRIORITY, "iif", self.bridge, *_to_metadata())
        _ip("route", "replace", "local", METADATA_ADDRESS, "dev", "lo", "table", _TABLE)

    def metadata_socket(self) -> socket.socket:
        """Bound to the metadata address, for callers on this bridge only. It does not listen
        yet."""
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.bridge.encode() + b"\0")
        bound.setsockopt(socket.SOL_IP, _IP_TRANSPARENT, 1)
        bound.bind((METADATA_ADDRESS, 80))
        bound.setblocking(False)
        return bound

    def api_socket(self) -> socket.socket:
        """Listens at the bridge's own address, for callers on this bridge only."""
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.bridge.encode() + b"\0")
        bound.bind((str(self.subnet[1]), 0))
        bound.listen(64)
        return bound

    @staticmethod
    def api_address(bound: socket.socket) -> str:
        host, port = bound.getsockname()
        return f"http://{host}:{port}"

    def _create(self, client: docker.DockerClient, sandbox: str) -> ipaddress.IPv4Network:
        refused = ""
        options = {
            "com.docker.network.bridge.name": self.bridge,
            "com.docker.network.driver.mtu": str(_default_mtu()),
        }
        for subnet in free_subnets(candidate_subnets(sandbox), host_routes()):
            pool = IPAMPool(subnet=str(subnet), gateway=str(subnet[1]))
            try:
                client.networks.create(
                    self.name,
                    driver="bridge",
                    check_duplicate=True,
                    options=options,
                    ipam=IPAMConfig(pool_configs=[pool]),
                    labels={OWNER_LABEL: sandbox},
                )
            except APIError as error:
                if "overlap" not in str(error).lower():
                    raise MachineError(
                        f"docker refused to make the network {self.name}: {error}. "
                        "See `docker network ls` and docker's log."
                    ) from error
                refused = str(error)
            else:
                return subnet
        raise MachineError(
            "No free private /24 was found for the sandbox's machines; the host's routes cover "
            f"10.200.0.0/13, 172.24.0.0/14 and 192.168.128.0/17. {refused}"
        )


def remove_network(client: docker.DockerClient, sandbox: str) -> None:
    """Remove the network and the route to its metadata service, if they are there."""
    for network in own_networks(client, sandbox):
        try:
            network.remove()
        except APIError as error:
            if error.status_code != 404:
                raise
    while bridge_name(sandbox) in _ip("rule", "show"):
        _ip("rule", "del", "iif", bridge_name(sandbox), *_to_metadata())
    if _TABLE not in _ip("rule", "show"):
        _ip("route", "flush", "table", _TABLE, check=False)


def own_networks(client: docker.DockerClient, sandbox: str) -> list[Network]:
    return client.networks.list(filters={"label": f"{OWNER_LABEL}={sandbox}"})


def own_rules(sandbox: str) -> list[str]:
    bridge = bridge_name(sandbox)
    return [line.strip() for line in _ip("rule", "show").splitlines() if bridge in line]


def _to_metadata() -> list[str]:
    return ["to", METADATA_ADDRESS, "lookup", _TABLE]


def _default_mtu() -> int:
    """The MTU of the default route. A bridge's must not be larger."""
    for route in json.loads(_ip("-json", "-4", "route", "show", "default") or "[]"):
        path = Path("/sys/class/net") / route.get("dev", "") / "mtu"
        if path.is_file():
            return int(path.read_text())
    return 1500


def _ip(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(
        ["ip", *arguments], capture_output=True, text=True, timeout=10, check=False
    )
    if check and done.returncode != 0:
        raise MachineError(
            f"`ip {' '.join(arguments)}` ended with {done.returncode}: {done.stderr.strip()}. "
            "Machines in docker need root and the package iproute2."
        )
    return done.stdout
