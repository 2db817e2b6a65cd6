"""The operations on launch templates that moto gets wrong."""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses.launch_templates import LaunchTemplates

from sandbox.api.base import SandboxApi


class TemplateApi(SandboxApi, LaunchTemplates):
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
