"""CloudFormation makes what IAM knows only for who says that they know of it."""

from collections.abc import Mapping
from typing import Any

import yaml
from werkzeug.wrappers import Response

from sandbox.api import errors
from sandbox.faults.calls import Call

_OPERATIONS = ("CreateStack", "UpdateStack", "CreateChangeSet")
# The types that need it, and the property by which one has a name of the user's.
_TYPES = {
    "AWS::IAM::AccessKey": "",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Policy": "",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::UserToGroupAddition": "",
}
_ANY, _NAMED = "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"


def refusal(call: Call) -> Response | None:
    if call.service != "cloudformation" or call.operation not in _OPERATIONS:
        return None
    wanted = _wanted(call.parameters.get("TemplateBody"))
    said = call.parameters.get("Capabilities") or []
    if not wanted or _NAMED in said or wanted in said:
        return None
    text = f"Requires capabilities : [{wanted}]"
    return errors.error("cloudformation", "InsufficientCapabilitiesException", text, 400)


def _wanted(body: Any) -> str:
    """Empty for none; also for what is no template, of which others say so."""
    if not isinstance(body, str) or "AWS::IAM::" not in body:
        return ""
    try:
        # moto has taught the loader CloudFormation's short forms.
        template = yaml.load(body, Loader=yaml.Loader)  # noqa: S506 - it knows no other tags
    except yaml.YAMLError:
        return ""
    resources = template.get("Resources") if isinstance(template, Mapping) else None
    found = [one for one in (resources or {}).values() if one.get("Type") in _TYPES]
    if any(_TYPES[one["Type"]] in (one.get("Properties") or {}) for one in found):
        return _NAMED
    return _ANY if found else ""
