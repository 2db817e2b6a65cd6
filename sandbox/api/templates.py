"""The operations on launch templates that moto gets wrong."""

import json
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses.launch_templates import LaunchTemplates

from sandbox.api.base import SandboxApi

_OWN = "launch-template"


class TemplateApi(SandboxApi, LaunchTemplates):
    def create_launch_template(self) -> ActionResult:
        """moto puts the template's own tags among those of what is launched by it."""

        def create() -> ActionResult:
            result = LaunchTemplates.create_launch_template(self)
            made: Any = result.result
            made_id = made["LaunchTemplate"]["LaunchTemplateId"]
            data = self.ec2_backend.launch_templates[made_id].versions[0].data
            tags = [one for one in data.pop("TagSpecifications", []) if one["ResourceType"] != _OWN]
            data.update({"TagSpecifications": tags} if tags else {})
            return result

        return self._once("create-launch-template", create)

    def create_launch_template_version(self) -> ActionResult:
        return self._once(
            "create-launch-template-version",
            lambda: LaunchTemplates.create_launch_template_version(self),
        )

    def _once(self, operation: str, create: Callable[[], ActionResult]) -> ActionResult:
        """The same again, for the same client token."""
        token, answers = self.value("ClientToken"), self.engine.account.state.answers
        if not token:
            return create()
        # What moto makes of a template's data becomes a part of it.
        content = json.dumps(self.params, sort_keys=True, default=str)
        known = answers.get(f"{operation}/{token}")
        if known is not None and known[0] != content:
            raise EC2ClientError(
                "IdempotentParameterMismatch",
                "The client token that was used is for a request with other parameters.",
            )
        if known is None:
            answers[f"{operation}/{token}"] = content, create().result
        return ActionResult(answers[f"{operation}/{token}"][1])

    def describe_launch_template_versions(self) -> ActionResult:
        """moto tells fifteen at most, and no further page."""
        for one in self.value("Versions", []):
            if not one.isdecimal() and one not in ("$Latest", "$Default"):
                raise EC2ClientError(
                    "InvalidLaunchTemplateId.VersionNotFound",
                    f"Could not find the specified version {one} for the launch template.",
                )
        size = self.params.get("MaxResults")
        self.params["MaxResults"] = 10_000
        found: Any = super().describe_launch_template_versions().result
        self.params["MaxResults"] = size
        return self.paged("LaunchTemplateVersions", found["LaunchTemplateVersions"], most=200)

    def describe_launch_templates(self) -> ActionResult:
        """moto knows nothing of ids that are not there, and tells fifteen at most."""
        every = self.ec2_backend.launch_templates
        for one in self.value("LaunchTemplateIds", []):
            if one not in every:
                raise EC2ClientError(
                    "InvalidLaunchTemplateId.NotFound",
                    f"The specified launch template, with template ID {one}, does not exist.",
                )
        names = {template.name for template in every.values()}
        if set(self.value("LaunchTemplateNames", [])) - names:
            raise EC2ClientError(
                "InvalidLaunchTemplateName.NotFoundException",
                "At least one of the launch templates specified in the request does not exist.",
            )
        size = self.params.get("MaxResults")
        self.params["MaxResults"] = len(every)
        found: Any = super().describe_launch_templates().result
        self.params["MaxResults"] = size
        return self.paged("LaunchTemplates", list(found["LaunchTemplates"]), most=200)
