"""Starts a sandbox or attaches to a running one, and calls its control API."""

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from sandbox.packer_standin.control import OWNERS_KEY
from sandbox.process.directory import Directory
from sandbox.process.say import COMMAND

_ROOT = Path(__file__).parent.parent


class SandboxError(Exception):
    """Says what was asked of the sandbox, what it answered, and what to do next."""


def by_address(load_balancers: Mapping[str, str]) -> dict[str, list[str]]:
    """Names of target groups, in order, by the address of their listener: a pair has one."""
    found: dict[str, list[str]] = {}
    for name, address in sorted(load_balancers.items()):
        found.setdefault(address, []).append(name)
    return found


class Sandbox:
    def __init__(self, directory: Path, description: Mapping[str, Any]) -> None:
        self.directory = directory
        self.description = dict(description)
        self._http = httpx.Client(
            base_url=self.control,
            headers={"Authorization": f"Bearer {self.environment['AWS_ACCESS_KEY_ID']}"},
            timeout=60,
            trust_env=False,
            # Nothing speaks TLS: to read everybody's certificates would take longer than the rest.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )

    @property
    def account_id(self) -> str:
        return str(self.description["account"])

    # -- life --

    @classmethod
    def start(
        cls,
        directory: Path,
        *,
        machines: str = "simulated",
        speed: float = 1.0,
        account: Mapping[str, Any] | None = None,
        kept: tuple[str, ...] = (),
        region: str = "eu-west-1",
        name: str | None = None,
        resume: bool = False,
        account_id: str = "",
    ) -> "Sandbox":
        """Start the process and wait until it is ready. `account_id`: of twelve digits, if it is
        not the usual one. `account`: see AccountSettings. `resume`:
        go on with what the last one of this directory left, and leave it for the next."""
        directory = directory.resolve()
        command = [sys.executable, "-m", "sandbox", "up", "--detach", "--dir", str(directory)]
        command += ["--machines", machines, "--speed", str(speed), "--region", region]
        command += ["--account", json.dumps(dict(account or {}))]
        command += ["--name", name] if name else []
        command += ["--resume"] if resume else []
        for key in kept:
            command += ["--kept", key]
        done = subprocess.run(
            command,
            cwd=_ROOT,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **({"MOTO_ACCOUNT_ID": account_id} if account_id else {})},
        )
        if done.returncode != 0:
            raise SandboxError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
        return cls.attach(directory)

    @classmethod
    def attach(cls, directory: Path) -> "Sandbox":
        found = Directory(directory)
        description = found.read()
        if description is None or not found.running():
            raise SandboxError(
                f"no sandbox runs in {found.path}; start one with "
                f"`{COMMAND} up --detach --dir {directory}`"
            )
        return cls(found.path, description)

    def stop(self) -> None:
        """Safe to repeat. Raises SandboxError if something could not be removed."""
        self._http.close()
        done = subprocess.run(
            [sys.executable, "-m", "sandbox", "down", "--dir", str(self.directory)],
            cwd=_ROOT,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            # A second Ctrl-C is not for what cleans up.
            start_new_session=True,
        )
        if done.returncode != 0:
            raise SandboxError(
                f"the sandbox in {self.directory} did not end: {done.stderr.strip()}"
            )

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def reset(self) -> None:
        """Bring the account's start back, in milliseconds: instances, fleets, images, faults,
        scripts and recorded calls are gone. Addresses stay. No client may be calling meanwhile."""
        self._call("POST", "/reset")

    def forget_ended(self) -> None:
        """As if days had passed: instances and fleets that have ended are listed no more. Each of
        them makes every list longer, and so every call slower, for hours."""
        self._call("DELETE", "/ended")

    # -- what it is --

    @property
    def control(self) -> str:
        return str(self.description["control"])

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which a process uses the sandbox as its AWS. Add them to its own."""
        return dict(self.description["environment"])

    def environment_of(self, session: Mapping[str, str]) -> dict[str, str]:
        """The same for a process that signs with other credentials, those of a role. Packer's
        stand-in also steers its machines, which is the owner's alone."""
        own = self.environment
        return {**own, **session, OWNERS_KEY: own["AWS_ACCESS_KEY_ID"]}

    @property
    def speed(self) -> float:
        return float(self.description["speed"])

    def process_environment(self) -> dict[str, str]:
        """This process's environment with the sandbox's variables, and without any other AWS
        setting."""
        ours = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        return {**ours, **self.environment}

    def load_balancers(self) -> dict[str, str]:
        """Addresses of the listeners, by target group."""
        return dict(self._call("GET", "/status")["load_balancers"])

    def load_balancer(self, target_group: str) -> str:
        """The address of the listener in front of that target group."""
        addresses = self.load_balancers()
        if target_group not in addresses:
            raise SandboxError(
                f"no load balancer {target_group!r}; there are {sorted(addresses) or 'none'}"
            )
        return str(addresses[target_group])

    def load_balancer_counters(self, target_group: str) -> dict[str, Any]:
        """requests, in_flight, codes, generated and targets, since the start."""
        return dict(self._call("GET", f"/load_balancers/{target_group}"))

    def inventory(self) -> dict[str, dict[str, Any]]:
        """{"count", "ids"} by kind: instances (not terminated), fleets (not cancelled),
        scaling_groups, images and snapshots (the account's own), key_pairs, security_groups,
        volumes, launch_templates, containers. Key pairs and security groups that the account began
        with are left out."""
        return dict(self._call("GET", "/inventory"))

    # -- calls --

    def calls(self) -> list[dict[str, Any]]:
        """Every AWS call: n, service, operation, mutating, time, parameters (without secret
        values), status, error, agent, caller (the instance whose role signed it), fault."""
        return list(self._call("GET", "/calls"))

    def clear_calls(self) -> None:
        self._call("DELETE", "/calls")

    # -- rights --

    def rights(self) -> dict[str, Any]:
        """What was asked for, by role: `allowed`, each an action with the statements that allow it
        (`by`) and how often, and `refused`."""
        return dict(self._call("GET", "/rights"))

    def forget_rights(self) -> None:
        """Count from here on."""
        self._call("DELETE", "/rights")

    # -- faults --

    def fault(
        self, operation: str, kind: str, nth: int = 1, count: int = 1, **arguments: Any
    ) -> str:
        """Set a fault and return its id. Kinds and arguments: faults/faults.py."""
        body = {"operation": operation, "kind": kind, "nth": nth, "count": count, **arguments}
        return str(self._call("POST", "/faults", body)["id"])

    def faults(self) -> list[dict[str, Any]]:
        return list(self._call("GET", "/faults"))

    def clear_faults(self) -> None:
        """Remove all faults. Calls that are paused or hang go on."""
        self._call("DELETE", "/faults")

    def wait_paused(self, fault_id: str, timeout: float = 30.0) -> None:
        """Wait until a call has stopped at this pause."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if any(fault["id"] == fault_id and fault["waiting"] for fault in self.faults()):
                return
            time.sleep(0.02)
        raise SandboxError(f"no call reached the pause {fault_id} within {timeout} s")

    def release(self, fault_id: str, *, drop: bool = False) -> None:
        """Let a paused call go on. drop: if it was paused before it was carried out, it never is,
        and its client gets no answer."""
        self._call("POST", f"/faults/{fault_id}/release", {"drop": drop})

    def limit_requests(self, operation: str, rate: float, burst: float) -> None:
        """Give each operation that matches its own token bucket. `rate`: per sandbox second."""
        self._call("POST", "/limits", {"operation": operation, "rate": rate, "burst": burst})

    def date_ahead(self, seconds: float) -> None:
        """Set the Date of AWS's answers this far ahead of this host's clock, or behind it if below
        0."""
        self._call("POST", "/date", {"ahead_seconds": seconds})

    def clear_limits(self) -> None:
        self._call("DELETE", "/limits")

    # -- machines and capacity --

    def interrupt(self, instance_id: str, notice_seconds: float = 120) -> None:
        """Interrupt a spot instance, with its notice."""
        body = {"notice_seconds": notice_seconds}
        self._call("POST", f"/instances/{instance_id}/interrupt", body)

    def recommend_rebalance(self, instance_id: str) -> None:
        """Recommend to rebalance. The interruption itself may never come."""
        self._call("POST", f"/instances/{instance_id}/rebalance")

    def kill_machine(self, instance_id: str) -> None:
        """Make the machine vanish without notice."""
        self._call("POST", f"/instances/{instance_id}/kill")

    def mark(self, resource_id: str, tags: Mapping[str, str]) -> None:
        """Give a resource of EC2 tags as AWS's own services do: they may begin with `aws:`."""
        self._call("POST", f"/tags/{resource_id}", {"tags": dict(tags)})

    def role_credentials(self, instance_id: str) -> dict[str, str]:
        """Variables with which a process calls AWS as this instance does, with the rights of its
        role alone."""
        return dict(self._call("GET", f"/instances/{instance_id}/role"))

    def capacity(
        self, limit: int | None, *, market: str = "spot", instance_type: str = "*", zone: str = "*"
    ) -> None:
        """Allow at most so many instances of that type in that zone. None removes the limit."""
        body = {"market": market, "type": instance_type, "zone": zone, "limit": limit}
        self._call("POST", "/capacity", body)

    def spot_instance_limit(self, limit: int | None, *, inside: bool = False) -> None:
        """Set the account's quota of spot instances. inside: a fleet's history tells it inside
        launchSpecTemporarilyBlacklisted, instead of as spotInstanceCountLimitExceeded."""
        self._call("POST", "/capacity", {"account": limit, "inside": inside})

    def refuse_launches(
        self,
        code: str,
        envelope: str = "blacklisted",
        *,
        market: str = "*",
        instance_type: str = "*",
        zone: str = "*",
    ) -> None:
        """Have fleets launch nothing there, for this error code. Their history tells it inside
        launchSpecTemporarilyBlacklisted, or with envelope="error" as an error of the fleet."""
        body = {"market": market, "type": instance_type, "zone": zone}
        self._call("POST", "/refusals", {"code": code, "envelope": envelope, **body})

    def quota(self, code: str, value: float | None) -> None:
        """Set a value of Service Quotas, such as L-34B43A08 (vCPUs of standard Spot instances).
        None: AWS's default. It is reported, but not enforced: see spot_instance_limit."""
        self._call("POST", "/quotas", {"code": code, "value": value})

    def clear_capacity(self) -> None:
        """Remove all limits of capacity and all refusals."""
        self._call("DELETE", "/capacity")

    def late_launches(self, seconds: float | None) -> None:
        """Let a cancelled fleet still launch what was missing, so many seconds after the cancel.
        None, the default: never."""
        self._call("POST", "/late", {"seconds": seconds})

    def load(self, of: str, *, cpu: float | None = None, requests: float | None = None) -> None:
        """Let the servers of a group, or of a Spot Fleet that is a scalable target, have so much to
        do together: `cpu` in percent of one server, `requests` a minute. Policies that track it
        scale at once. None: it is not measured."""
        self._call("POST", "/load", {"of": of, "cpu": cpu, "requests": requests})

    def come_due(self, of: str, action: str) -> None:
        """Let the time of a scheduled action come."""
        self._call("POST", "/scheduled", {"of": of, "action": action})

    def script(self, **rule: Any) -> None:
        """Add a rule of how simulated machines behave: see machines/scripts.py. match={...} selects
        images."""
        self._call("POST", "/scripts", rule)

    def clear_scripts(self) -> None:
        self._call("DELETE", "/scripts")

    def keep(self, image_id: str, key: str) -> None:
        self._call("POST", f"/images/{image_id}/keep", {"key": key})

    def join(self, other: "Sandbox") -> None:
        """From now on each is another account, or another region, of one AWS: the address of either
        leads to both, by the role or the region that a call is signed with."""
        for one, neighbour in ((self, other), (other, self)):
            told = {
                "account": neighbour.account_id,
                "region": neighbour.environment["AWS_DEFAULT_REGION"],
                "endpoint": neighbour.environment["AWS_ENDPOINT_URL"],
                "key": neighbour.environment["AWS_ACCESS_KEY_ID"],
            }
            one._call("POST", "/neighbours", told)

    def deprecate(self, image_id: str, when: str) -> None:
        """As the image's owner does, whoever that is: from then on (ISO 8601 in UTC)."""
        self._call("POST", f"/images/{image_id}/deprecated", {"when": when})

    def forget(self) -> list[str]:
        return list(self._call("POST", "/forget"))

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        try:
            response = self._http.request(method, f"{self.control}{path}", json=body)
        except httpx.TransportError as error:
            raise SandboxError(
                f"{method} {path}: the sandbox in {self.directory} does not answer ({error}); "
                f"its log is {self.directory / 'sandbox.log'}"
            ) from error
        answer = response.json()
        if response.is_error:
            raise SandboxError(f"{method} {path}: {answer.get('error', response.text)}")
        return answer
