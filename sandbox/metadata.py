"""Instance metadata, version 2 only: what a machine asks at 169.254.169.254.

`MetadataInstance` is what is told of one machine, `values` the tree made of it, and
`MetadataServer` serves it on a socket that the caller has bound (docker_network.py), telling
machines apart by the address they ask from.
"""

import json
import re
import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aiohttp import web

from sandbox.loop_thread import LoopThread
from sandbox.machines import MachineSpec
from sandbox.views import InstanceAction

TOKEN_TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"  # noqa: S105 - a header's name
TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105 - a header's name
MAX_TTL_SECONDS = 21600

_VERSION = re.compile(r"^(latest|\d{4}-\d{2}-\d{2})$")
_SERVER_HEADER = {"Server": "EC2ws"}


@dataclass(frozen=True)
class MetadataInstance:
    """`address`: the machine's own IP, by which it is known. `notice`: of a spot interruption.
    `rebalance`: the time of a recommendation, empty while there is none."""

    spec: MachineSpec
    address: str
    launched: datetime = field(default_factory=lambda: datetime.now(UTC))
    notice: InstanceAction | None = None
    rebalance: str = ""


def values(instance: MetadataInstance) -> dict[str, str]:
    """Path below `latest/` to text. Folders are implied."""
    spec, ip = instance.spec, instance.address
    suffix = f"{spec.region}.compute.internal"
    meta = {
        "ami-id": spec.image_id,
        "ami-launch-index": "0",
        "ami-manifest-path": "(unknown)",
        "hostname": f"ip-{ip.replace('.', '-')}.{suffix}",
        "instance-action": "none",
        "instance-id": spec.instance_id,
        "instance-life-cycle": "spot" if spec.spot else "on-demand",
        "instance-type": spec.instance_type,
        "local-hostname": f"ip-{ip.replace('.', '-')}.{suffix}",
        "local-ipv4": ip,
        "placement/availability-zone": spec.zone,
        "placement/availability-zone-id": spec.zone_id,
        "placement/region": spec.region,
        "public-ipv4": ip,
        "reservation-id": f"r-{spec.instance_id.removeprefix('i-')}",
        "security-groups": "\n".join(spec.security_groups),
        "services/domain": "amazonaws.com",
        "services/partition": "aws",
    }
    meta |= _key(spec) | _role(instance) | _spot(instance.notice)
    if instance.rebalance:
        meta["events/recommendations/rebalance"] = json.dumps({"noticeTime": instance.rebalance})
    if spec.tags_in_metadata:
        meta |= {f"tags/instance/{key}": value for key, value in spec.tags.items()}
    tree = {f"meta-data/{path}": text for path, text in meta.items()}
    tree["dynamic/instance-identity/document"] = json.dumps(_identity(instance), indent=2)
    return tree


def look_up(tree: Mapping[str, str], path: str) -> str | None:
    """The text at a path, a folder's listing (folders end in /), or None.

    `public-keys/` is listed as `0=name`, as EC2 does.
    """
    path = path.strip("/")
    if path in tree:
        return tree[path]
    prefix = f"{path}/" if path else ""
    below = [known[len(prefix) :] for known in tree if known.startswith(prefix)]
    if not below:
        return None
    if path == "meta-data/public-keys":
        return "\n".join(name for name in below if "=" in name)
    names = {name.split("/")[0] + ("/" if "/" in name else "") for name in below}
    return "\n".join(sorted(name for name in names if "=" not in name))


def _key(spec: MachineSpec) -> dict[str, str]:
    if not spec.public_key:
        return {}
    return {
        f"public-keys/0={spec.key_name or 'key'}": "",
        "public-keys/0/openssh-key": spec.public_key.strip(),
    }


def _role(instance: MetadataInstance) -> dict[str, str]:
    """The role has the instance profile's name here; its credentials open nothing."""
    arn = instance.spec.instance_profile_arn
    if not arn:
        return {}
    updated = datetime.now(UTC)
    info = {
        "Code": "Success",
        "LastUpdated": _stamp(updated),
        "InstanceProfileArn": arn,
        "InstanceProfileId": "AIPASANDBOX",
    }
    credentials = {
        "Code": "Success",
        "LastUpdated": _stamp(updated),
        "Type": "AWS-HMAC",
        "AccessKeyId": "sandbox",
        "SecretAccessKey": "sandbox",
        "Token": "sandbox",
        "Expiration": _stamp(updated + timedelta(hours=6)),
    }
    return {
        "iam/info": json.dumps(info, indent=2),
        f"iam/security-credentials/{arn.rsplit('/', 1)[-1]}": json.dumps(credentials, indent=2),
    }


def _spot(notice: InstanceAction | None) -> dict[str, str]:
    if notice is None:
        return {}
    action = {"action": notice.action, "time": notice.time}
    tree = {"spot/instance-action": json.dumps(action)}
    if notice.action == "terminate":
        tree["spot/termination-time"] = notice.time
    return tree


def _identity(instance: MetadataInstance) -> dict[str, str | None]:
    spec = instance.spec
    return {
        "accountId": spec.account_id,
        "architecture": "x86_64",
        "availabilityZone": spec.zone,
        "billingProducts": None,
        "imageId": spec.image_id,
        "instanceId": spec.instance_id,
        "instanceType": spec.instance_type,
        "kernelId": None,
        "marketplaceProductCodes": None,
        "pendingTime": _stamp(instance.launched),
        "privateIp": instance.address,
        "ramdiskId": None,
        "region": spec.region,
        "version": "2017-09-30",
    }


def _stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


class MetadataServer:
    """Serves on an already bound socket, in a thread of its own, until `close`."""

    def __init__(self, bound: socket.socket) -> None:
        self._instances: dict[str, MetadataInstance] = {}  # by address
        self._tokens: dict[str, tuple[str, float]] = {}  # token to instance id, end
        self._thread = LoopThread("metadata")
        self._runner: web.AppRunner | None = None
        self._thread.run(self._start(bound))

    def put(self, instance: MetadataInstance) -> None:
        """Tell of a machine, or tell anew. May be called from any thread."""
        self._instances[instance.address] = instance

    def remove(self, address: str) -> None:
        self._instances.pop(address, None)

    def close(self) -> None:
        """Safe to repeat."""
        if self._runner is not None:
            self._thread.run(self._runner.cleanup())
            self._runner = None
        self._thread.close()

    async def _start(self, bound: socket.socket) -> None:
        app = web.Application()
        app.router.add_put("/latest/api/token", self._token)
        app.router.add_get("/{path:.*}", self._get)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.SockSite(self._runner, bound).start()

    def _caller(self, request: web.Request) -> MetadataInstance:
        instance = self._instances.get(request.remote or "")
        if instance is None:
            raise web.HTTPNotFound(text=f"no instance has the address {request.remote}")
        return instance

    async def _token(self, request: web.Request) -> web.Response:
        instance = self._caller(request)
        if "X-Forwarded-For" in request.headers:
            raise web.HTTPForbidden
        ttl = request.headers.get(TOKEN_TTL_HEADER, "")
        if not (
            ttl.isascii() and ttl.isdigit() and len(ttl) < 6 and 1 <= int(ttl) <= MAX_TTL_SECONDS
        ):
            raise web.HTTPBadRequest(
                text=f"{TOKEN_TTL_HEADER} must be 1 to {MAX_TTL_SECONDS}, not {ttl!r}"
            )
        now = time.monotonic()
        self._tokens = {key: kept for key, kept in self._tokens.items() if kept[1] > now}
        token = secrets.token_urlsafe(40)
        self._tokens[token] = (instance.spec.instance_id, now + int(ttl))
        return web.Response(text=token, headers={TOKEN_TTL_HEADER: ttl, **_SERVER_HEADER})

    async def _get(self, request: web.Request) -> web.Response:
        instance = self._caller(request)
        owner, end = self._tokens.get(request.headers.get(TOKEN_HEADER, ""), ("", 0.0))
        if owner != instance.spec.instance_id or end <= time.monotonic():
            raise web.HTTPUnauthorized(text="a valid token is required (IMDSv2)")
        version, _, path = request.match_info["path"].lstrip("/").partition("/")
        if not version:
            return web.Response(text="latest", headers=_SERVER_HEADER)
        if not _VERSION.match(version):
            raise web.HTTPNotFound
        if path == "user-data":
            return self._user_data(instance)
        text = look_up(values(instance), path)
        if text is None:
            raise web.HTTPNotFound
        return web.Response(text=text, headers=_SERVER_HEADER)

    def _user_data(self, instance: MetadataInstance) -> web.Response:
        if not instance.spec.user_data:
            raise web.HTTPNotFound
        return web.Response(
            body=instance.spec.user_data,
            content_type="application/octet-stream",
            headers=_SERVER_HEADER,
        )
