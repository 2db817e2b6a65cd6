"""Tags: refuses what AWS refuses and moto accepts, and tells machines of theirs."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses.tags import TagResponse
from werkzeug.wrappers import Response

from sandbox.api import errors, filters
from sandbox.api.base import SandboxApi
from sandbox.compute.checks import check_shown, check_snapshots
from sandbox.faults.calls import Call

MOST_KEY, MOST_VALUE, MOST_TAGS = 128, 256, 50
# The services whose tags are checked here, and the code of a refusal.
_CODES = {
    "ec2": "InvalidParameterValue",
    "elasticloadbalancing": "ValidationError",
    "autoscaling": "ValidationError",
}
_SIGNS = re.compile(r"[_.:/=+\-@]")


def refusal(call: Call) -> Response | None:
    """The refusal of a call for the tags in it, wherever in it they are; None if they are good."""
    if call.service not in _CODES or not call.mutating:
        return None
    for tags in _lists(call.parameters):
        if why := _wrong(call.service, tags):
            code, text = why
            return errors.error(call.service, code or _CODES[call.service], text, 400)
    return None


def _lists(value: Any) -> Iterator[list[dict[str, Any]]]:
    """Every list of tags in a call's parameters."""
    if isinstance(value, list):
        for one in value:
            yield from _lists(one)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name == "Tags" and isinstance(inner, list):
                yield [one for one in inner if isinstance(one, dict)]
            else:
                yield from _lists(inner)


def _wrong(service: str, tags: list[dict[str, Any]]) -> tuple[str, str] | None:
    """The code, empty for the service's usual one, and AWS's words."""
    keys = [str(one.get("Key") or "") for one in tags]
    # Auto Scaling's tags name the group that each belongs to.
    owned = [(one.get("ResourceId"), key) for one, key in zip(tags, keys, strict=True)]
    if twice := next((key for group, key in owned if owned.count((group, key)) > 1), None):
        code = "DuplicateTagKeys" if service == "elasticloadbalancing" else ""
        return code, f"Duplicate tag key '{twice}' specified."
    for key, value in zip(keys, [str(one.get("Value") or "") for one in tags], strict=True):
        if text := _wrong_tag(service, key, value):
            return "", text
    if len(keys) > MOST_TAGS and service != "autoscaling":
        code = "TooManyTags" if service == "elasticloadbalancing" else "TagLimitExceeded"
        return code, f"The maximum number of tags for the resource is {MOST_TAGS}."
    return None


def _wrong_tag(service: str, key: str, value: str) -> str:
    if not key:
        return "Tag keys must not be empty."
    if key.lower().startswith("aws:"):
        return "Tag keys starting with 'aws:' are reserved for internal use"
    if len(key) > MOST_KEY:
        return f"Tag key exceeds the maximum length of {MOST_KEY} characters"
    if len(value) > MOST_VALUE:
        return f"Tag value exceeds the maximum length of {MOST_VALUE} characters"
    if service != "elasticloadbalancing":
        return ""
    for part, text in (("key", key), ("value", value)):
        if not all(_allowed(one) for one in text):
            return (
                f"1 validation error detected: Value '{text}' at 'tags.1.member.{part}' failed to "
                "satisfy constraint: Member must satisfy regular expression pattern: "
                r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$"
            )
    return ""


def _allowed(character: str) -> bool:
    """In a tag of Elastic Load Balancing: letters, numbers, separators and some signs."""
    kind = unicodedata.category(character)[0]
    return kind in "LNZ" or _SIGNS.fullmatch(character) is not None


class TagApi(SandboxApi, TagResponse):
    def create_tags(self) -> ActionResult:
        self._must_be_there()
        self._must_be_shown()
        result = super().create_tags()
        self._tell_machines()
        return result

    def delete_tags(self) -> ActionResult:
        result = super().delete_tags()
        self._tell_machines()
        return result

    def _must_be_there(self) -> None:
        """moto asks of some kinds only, and not always for the one that is named."""
        backend = self.ec2_backend
        for one in self.value("Resources", []):
            if one.startswith("i-"):
                backend.get_multi_instances_by_id([one])
            elif one.startswith("sfr-"):
                self.engine.fleets.get(one)
            elif one.startswith("eni-"):
                backend.get_network_interface(one)
            elif one.startswith("key-") and one not in [x.id for x in backend.key_pairs.values()]:
                raise EC2ClientError(
                    "InvalidKeyPair.NotFound", f"The key pair '{one}' does not exist"
                )
            elif one.startswith("snap-"):
                check_snapshots(self.engine.account, [one])

    def _must_be_shown(self) -> None:
        """By the metadata of instances that show their tags. None is set of a call that is
        refused."""
        named = [one for one in self.value("Resources", []) if one.startswith("i-")]
        options = [one.metadata_options for one in map(self.engine.instances.get, named)]
        if any(one.instance_metadata_tags == "enabled" for one in options):
            check_shown(one["Key"] for one in self.value("Tags", []))

    def _tell_machines(self) -> None:
        for one in self.value("Resources", []):
            if one in self.engine.account.state.instances:
                self.engine.instances.tell_metadata(one)

    def describe_tags(self) -> ActionResult:
        found: Any = super().describe_tags().result
        wanted = [one for one in self.value("Filters", []) if one["Name"].startswith("tag:")]
        tags = [one for one in found["Tags"] if all(_tagged(one, x) for x in wanted)]
        return self.paged("Tags", tags)


def _tagged(tag: dict[str, str], wanted: dict[str, Any]) -> bool:
    key = wanted["Name"].removeprefix("tag:")
    return tag["key"] == key and filters.fits(tag["value"], wanted["Values"])
