"""The account that the examples release to in the sandbox, and what is looked at in it, with plain
boto3: the product's own eyes would not do."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3

from sandbox.client import Sandbox
from spotkiln.bake.recipe import ROOT, digest_of_files

# Simulated machines take as long as AWS's: let their clock run faster.
SIMULATED_SPEED = 8.0
# Patient with machines that share this one's processors with a bake and with the load. Requests
# take milliseconds, so draining need not last.
PATIENT = {"timeout": 4, "unhealthy": 3, "deregistration_delay": 3}
# The one of a deployment that names no other.
TARGET_GROUP = "website"
# Those of the applications in prefect.yaml.
TARGET_GROUPS = [
    {"name": TARGET_GROUP, **PATIENT},
    {"name": "dice", "port": 8080, "path": "/health", **PATIENT},
]
BASE_FILES = ["packer/base.pkr.hcl", "packer/scripts/base.sh", "packer/scripts/clean.sh"]


def client(box: Sandbox, service: str) -> Any:
    environment = box.environment
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def every(asked: Any, operation: str, of: str, **given: Any) -> list[dict[str, Any]]:
    """All pages of a boto3 client's `operation`; `of` says where its items are (JMESPath)."""
    return list(asked.get_paginator(operation).paginate(**given).search(of))


def fleets_of(ec2: Any) -> list[dict[str, Any]]:
    return every(ec2, "describe_spot_fleet_requests", "SpotFleetRequestConfigs[]")


def instances_of(ec2: Any) -> list[dict[str, Any]]:
    return every(ec2, "describe_instances", "Reservations[].Instances[]")


def own_images(ec2: Any) -> list[dict[str, Any]]:
    return every(ec2, "describe_images", "Images[]", Owners=["self"])


def own_snapshots(ec2: Any) -> list[dict[str, Any]]:
    return every(ec2, "describe_snapshots", "Snapshots[]", OwnerIds=["self"])


def tags_of(resource: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}


# The newest of Debian's 12, for those who still have it.
DEBIAN_12 = "debian-12-amd64-*"


def base_key(source: str = "") -> str:
    """Stands for what a base image is made from: `source` is a name pattern, empty for the default
    line's."""
    return f"{digest_of_files(ROOT, BASE_FILES)} {source}".strip()


def start_sandbox(
    directory: Path,
    machines: str,
    target_groups: list[dict[str, Any]] = TARGET_GROUPS,
    base: str = "",
    *,
    resume: bool = False,
) -> Sandbox:
    """With these target groups, those of the examples if none are named, and with the base image of
    that key, or the default line's, if one was kept. `resume`: as Sandbox.start has it."""
    return Sandbox.start(
        directory,
        machines=machines,
        speed=SIMULATED_SPEED if machines == "simulated" else 1.0,
        account={"target_groups": target_groups},
        kept=(base or base_key(),),
        resume=resume,
    )


def ensure_base_image(box: Sandbox, say: Callable[[str], None], source: str = "") -> None:
    """Bake `rails-base` from Debian's image, unless there is one; keep it for next time."""
    own = own_images(client(box, "ec2"))
    if any(image["Name"].startswith("rails-base") for image in own):
        return
    say("baking the base image once: Debian's updates, Ruby, Rails, puma ... (a minute or two)")
    # It imports Prefect, which takes seconds: only when it is needed.
    from rehearsal.base import bake_first_base

    box.keep(bake_first_base(box, source), base_key(source))


def serving(box: Sandbox, commits: dict[str, str]) -> dict[str, Any]:
    """The ref whose fleet serves, and how many of its targets are healthy."""
    ec2, elbv2 = client(box, "ec2"), client(box, "elbv2")
    group = elbv2.describe_target_groups(Names=[TARGET_GROUP])["TargetGroups"][0]["TargetGroupArn"]
    described = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    healthy = [x["Target"]["Id"] for x in described if x["TargetHealth"]["State"] == "healthy"]
    fleets = [one for one in fleets_of(ec2) if one["SpotFleetRequestState"] == "active"]
    refs = {commit: ref for ref, commit in commits.items()}
    names = [refs.get(tags_of(one).get("spotkiln:commit", ""), "?") for one in fleets]
    return {"ref": ",".join(names), "healthy": len(healthy)}


def left_behind(box: Sandbox) -> dict[str, int]:
    """What neither the serving release nor a kept version owns, counted by kind."""
    ec2 = client(box, "ec2")
    live = [
        one for one in fleets_of(ec2) if one["SpotFleetRequestState"] not in {"cancelled", "failed"}
    ]
    owned = {one["SpotFleetRequestId"] for one in live if _phase(one) == "serving"}
    instances = [one for one in instances_of(ec2) if one["State"]["Name"] != "terminated"]
    # As the fleet tells them: EC2's tag is on Spot instances alone.
    of_serving = {
        one["InstanceId"]
        for fleet in owned
        for one in ec2.describe_spot_fleet_instances(SpotFleetRequestId=fleet)["ActiveInstances"]
    } & {one["InstanceId"] for one in instances}
    images = own_images(ec2)
    kept = [
        image
        for image in images
        if "spotkiln:released" in tags_of(image)
        or image["Name"].startswith("rails-base")
        or tags_of(image).get("spotkiln:state") == "layer"
    ]
    held = {
        mapping["Ebs"]["SnapshotId"]
        for image in kept
        for mapping in image["BlockDeviceMappings"]
        if "Ebs" in mapping
    }
    snapshots = own_snapshots(ec2)
    keys = [pair["KeyName"] for pair in ec2.describe_key_pairs()["KeyPairs"]]
    groups = [group["GroupName"] for group in ec2.describe_security_groups()["SecurityGroups"]]
    containers = box.inventory().get("containers", {}).get("ids", [])
    return {
        "instances": len(instances) - len(of_serving),
        "fleets": len(live) - len(owned),
        "images": len(images) - len(kept),
        "snapshots": sum(one["SnapshotId"] not in held for one in snapshots),
        "key_pairs": sum(key != "demo" for key in keys),
        "security_groups": sum(re.match("packer", group) is not None for group in groups),
        "containers": sum(not any(x in name for x in of_serving) for name in containers),
    }


def _phase(fleet: dict[str, Any]) -> str:
    return tags_of(fleet).get("spotkiln:phase", "")
