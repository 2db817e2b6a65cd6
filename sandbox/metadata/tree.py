"""The tree of a machine's metadata: paths, and the text at each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sandbox.machines.protocol import MachineSpec


@dataclass(frozen=True)
class InstanceAction:
    """A spot interruption notice, as spot/instance-action shows it."""

    action: str  # terminate | stop | hibernate
    time: str  # "2026-01-31T12:00:00Z"


@dataclass(frozen=True)
class MetadataInstance:
    """`address` is the machine's own IP address, which identifies it. `notice` is a spot
    interruption's. `rebalance` is the time of a recommendation, or empty."""

    spec: MachineSpec
    address: str
    launched: datetime = field(default_factory=lambda: datetime.now(UTC))
    notice: InstanceAction | None = None
    rebalance: str = ""


def values(instance: MetadataInstance) -> dict[str, str]:
    """The text at each path below `latest/`. Folders are not listed."""
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
    if spec.metadata.tags:
        meta |= {f"tags/instance/{key}": value for key, value in spec.tags.items()}
    tree = {f"meta-data/{path}": text for path, text in meta.items()}
    tree["dynamic/instance-identity/document"] = json.dumps(_identity(instance), indent=2)
    return tree


def look_up(tree: Mapping[str, str], path: str) -> str | None:
    """The text at a path, a folder's listing (folders end in /), or None.

    `public-keys/` is listed as `0=name`, as EC2 does.
    """
    path = path.strip("/")
    return tree[path] if path in tree else _listing(tree, path)


def _listing(tree: Mapping[str, str], folder: str) -> str | None:
    prefix = f"{folder}/" if folder else ""
    below = [known[len(prefix) :] for known in tree if known.startswith(prefix)]
    if not below:
        return None
    if folder == "meta-data/public-keys":
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
    """The instance profile, and the credentials of the role in it."""
    arn, key = instance.spec.instance_profile_arn, instance.spec.role_key
    if not arn:
        return {}
    updated = datetime.now(UTC)
    info = {
        "Code": "Success",
        "LastUpdated": _stamp(updated),
        "InstanceProfileArn": arn,
        "InstanceProfileId": "AIPASANDBOX",
    }
    tree = {"iam/info": json.dumps(info, indent=2)}
    if key is not None:
        credentials = {
            "Code": "Success",
            "LastUpdated": _stamp(updated),
            "Type": "AWS-HMAC",
            "AccessKeyId": key.key_id,
            "SecretAccessKey": key.secret,
            "Token": key.token,
            "Expiration": _stamp(updated + timedelta(hours=6)),
        }
        tree[f"iam/security-credentials/{key.role}"] = json.dumps(credentials, indent=2)
    return tree


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
        "architecture": spec.architecture,
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
