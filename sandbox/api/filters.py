"""EC2's filters: values with `*` and `?`, of which any may fit; what can be asked of instances."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from moto.ec2 import utils
from moto.ec2.models import instances as instances_model
from moto.ec2.models import tags as tags_model
from moto.ec2.models.instances import Instance, Reservation

Values = Callable[[Any], Iterable[Any]]


def fits(found: Any, patterns: Sequence[str] | str | None) -> bool:
    """Whether any of the values fits any of the patterns. They are case-sensitive."""
    wanted = [patterns] if isinstance(patterns, str) else patterns or ()
    several = not isinstance(found, str) and isinstance(found, Iterable)
    texts = [_text(one) for one in (found if several else [found]) if one is not None]
    return any(_pattern(one).fullmatch(text) for one in wanted for text in texts)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return utils.format_timestamp(value)
    return str(value)


@lru_cache(maxsize=10_000)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(regular(pattern), re.DOTALL)


def regular(pattern: str) -> str:
    r"""As a regular expression: `*` is any text, `?` any character, behind a `\` they are
    themselves."""
    parts = re.findall(r"\\[*?\\]|\*|\?|[^*?\\]+|\\", pattern)
    known = {"*": ".*", "?": "."}
    return "".join(
        known.get(part) or re.escape(part[1] if len(part) == 2 and part[0] == "\\" else part)
        for part in parts
    )


# -- DescribeInstances --


def _devices(instance: Instance) -> list[tuple[str, Any]]:
    return list(instance.block_device_mapping.items())


def _groups(instance: Instance) -> list[Any]:
    return [*instance.security_groups, *(x for nic in _nics(instance) for x in nic.group_set)]


def _nics(instance: Instance) -> list[Any]:
    return list(instance.nics.values())


def _profile(instance: Instance, key: str) -> list[str]:
    profile: Any = instance.iam_instance_profile
    return [profile[key]] if profile and key in profile else []


def _zone_id(instance: Instance) -> list[Any]:
    zones = instance.ec2_backend.describe_availability_zones()
    return [one.zone_id for one in zones if one.name == instance.placement.zone]


def _of(path: str) -> Values:
    """The values at a path of attributes, of moto's instance."""
    return lambda instance: [utils.get_object_value(instance, path)]


def _of_nics(path: str) -> Values:
    return lambda instance: [utils.get_object_value(nic, path) for nic in _nics(instance)]


def _of_devices(path: str) -> Values:
    return lambda instance: [utils.get_object_value(one, path) for _, one in _devices(instance)]


_OPTIONS = {
    "http-endpoint": "http_endpoint",
    "http-protocol-ipv6": "http_protocol_ipv6",
    "http-put-response-hop-limit": "http_put_response_hop_limit",
    "http-tokens": "http_tokens",
    "instance-metadata-tags": "instance_metadata_tags",
    "state": "state",
}
_INSTANCE: dict[str, Values] = {
    "architecture": _of("architecture"),
    "availability-zone": _of("placement.zone"),
    "availability-zone-id": _zone_id,
    "block-device-mapping.attach-time": _of_devices("attach_time"),
    "block-device-mapping.delete-on-termination": _of_devices("delete_on_termination"),
    "block-device-mapping.device-name": lambda one: [name for name, _ in _devices(one)],
    "block-device-mapping.status": lambda one: ["attached" for _ in _devices(one)],
    "block-device-mapping.volume-id": _of_devices("volume_id"),
    "client-token": _of("client_token"),
    "dns-name": _of("public_dns_name"),
    "ebs-optimized": _of("ebs_optimized"),
    "hypervisor": _of("hypervisor"),
    "iam-instance-profile.arn": lambda one: _profile(one, "Arn"),
    "iam-instance-profile.id": lambda one: _profile(one, "Id"),
    "image-id": _of("image_id"),
    "instance-id": _of("id"),
    "instance-lifecycle": _of("lifecycle"),
    "instance-state-code": _of("state_code"),
    "instance-state-name": _of("state"),
    "instance-type": _of("instance_type"),
    "instance.group-id": lambda one: [group.id for group in _groups(one)],
    "instance.group-name": lambda one: [group.name for group in _groups(one)],
    "group-id": lambda one: [group.id for group in _groups(one)],
    "group-name": lambda one: [group.name for group in _groups(one)],
    "ip-address": _of("public_ip"),
    "key-name": _of("key_name"),
    "launch-index": _of("ami_launch_index"),
    "launch-time": _of("launch_time"),
    "monitoring-state": _of("monitoring_state"),
    "network-interface.addresses.private-ip-address": _of_nics("private_ip_address"),
    "network-interface.attachment.attachment-id": _of_nics("attachment_id"),
    "network-interface.attachment.instance-id": _of("id"),
    "network-interface.description": _of_nics("description"),
    "network-interface.group-id": lambda one: [group.id for group in _groups(one)],
    "network-interface.group-name": lambda one: [group.name for group in _groups(one)],
    "network-interface.mac-address": _of_nics("mac_address"),
    "network-interface.network-interface-id": _of_nics("id"),
    "network-interface.private-dns-name": _of("private_dns_name"),
    "network-interface.private-ip-address": _of_nics("private_ip_address"),
    "network-interface.status": _of_nics("status"),
    "network-interface.subnet-id": _of_nics("subnet.id"),
    "network-interface.vpc-id": _of_nics("subnet.vpc_id"),
    "owner-id": _of("owner_id"),
    "platform": _of("platform"),
    "private-dns-name": _of("private_dns_name"),
    "private-ip-address": _of("private_ip"),
    "product-code": _of("product_codes"),
    "reason": _of("_reason"),
    "root-device-name": _of("root_device_name"),
    "root-device-type": _of("root_device_type"),
    "source-dest-check": _of("source_dest_check"),
    "spot-instance-request-id": _of("spot_instance_request_id"),
    "state-reason-code": _of("state_reason.code"),
    "state-reason-message": _of("state_reason.message"),
    "subnet-id": _of("subnet_id"),
    "tenancy": _of("placement.tenancy"),
    "virtualization-type": _of("virtualization_type"),
    "vpc-id": _of("vpc_id"),
    **{f"metadata-options.{name}": _of(f"metadata_options.{at}") for name, at in _OPTIONS.items()},
}
_RESERVATION: dict[str, Values] = {
    "reservation-id": _of("id"),
    "requester-id": _of("requester_id"),
}


def check_names(names: Iterable[str]) -> None:
    """Also where there is no instance to look at."""
    for name in names:
        known = name in _INSTANCE or name in _RESERVATION or name.startswith(("tag:", "tag-"))
        if not known:
            raise NotImplementedError(f"The filter '{name}'")


def instance_fits(instance: Instance, filters: Mapping[str, Sequence[str]]) -> bool:
    return all(fits(values(instance, name), wanted) for name, wanted in filters.items())


def values(instance: Instance, name: str) -> Iterable[Any]:
    if name.startswith(("tag:", "tag-")):
        return tag_values(instance.ec2_backend.tags.get(instance.id, {}), name)
    check_names([name])
    return _INSTANCE[name](instance)


def tag_values(tags: Mapping[str, str], name: str) -> list[str]:
    """What the filters tag-key, tag-value and tag:KEY look at."""
    if name == "tag-key":
        return list(tags)
    if name == "tag-value":
        return list(tags.values())
    key = name.removeprefix("tag:")
    return [tags[key]] if key in tags else []


def _reservations(
    reservations: list[Reservation], filters: Mapping[str, Sequence[str]]
) -> list[Reservation]:
    """Those with an instance that fits, with these instances only. They are copies."""
    whole = {name: wanted for name, wanted in filters.items() if name in _RESERVATION}
    each = {name: wanted for name, wanted in filters.items() if name not in _RESERVATION}
    found = []
    for one in reservations:
        if all(fits(_RESERVATION[name](one), wanted) for name, wanted in whole.items()):
            one.instances = [x for x in one.instances if instance_fits(x, each)]
            found += [one] if one.instances else []
    return found


def _matching(thing: Any, name: str, patterns: Sequence[str]) -> bool:
    return fits(thing.get_filter_value(name), patterns)


def take_over() -> None:
    """moto's own filters, too, take wildcards and any of several values."""
    vars(instances_model)["filter_reservations"] = _reservations
    vars(utils)["is_filter_matching"] = _matching
    vars(utils)["instance_value_in_filter_values"] = fits
    vars(utils)["simple_aws_filter_to_re"] = _whole
    vars(tags_model)["simple_aws_filter_to_re"] = _whole


def _whole(pattern: str) -> str:
    return rf"(?s:{regular(pattern)})\Z"
