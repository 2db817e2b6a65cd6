"""Launch configurations: there are none, for groups launch by launch templates alone.

Who looks for all that may use a security group asks for them.
"""

from moto.core.responses import ActionResult, BaseResponse


class LaunchConfigurationsApi(BaseResponse):
    def describe_launch_configurations(self) -> ActionResult:
        return ActionResult({"LaunchConfigurations": []})
