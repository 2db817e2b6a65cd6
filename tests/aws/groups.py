"""Auto Scaling as the tests of launchers see it: the sandbox's groups, and what they were asked."""

from sandbox.client import Sandbox
from spotkiln.aws.serve.auto_scaling.launcher import MEMBER, AutoScaling
from spotkiln.aws.serve.auto_scaling.request import KIND
from spotkiln.aws.session import Aws
from spotkiln.serve.spec import FleetSpec, LauncherKind
from tests.sandbox.account import Account

VERBS = {"SuspendProcesses": "stop", "DeleteAutoScalingGroup": "remove"}


class Groups:
    """Like `tests.aws.crew.Service`."""

    name, resource, member, parts = AutoScaling.name, KIND, MEMBER, 1
    spec = FleetSpec(capacity=2, instance_types=["t3.micro"], launcher=LauncherKind.GROUP)
    history, told_afterwards = "Launching a new EC2 instance", 0

    def __init__(self, account: Account) -> None:
        self._account = account

    def launcher(self, aws: Aws) -> AutoScaling:
        return AutoScaling(aws)

    @property
    def calls(self) -> list[str]:
        """The changes asked for."""
        return [
            f"{VERBS[one['operation']]} {one['parameters']['AutoScalingGroupName']}"
            for one in self._account.box.calls()
            if one["operation"] in VERBS
        ]

    @property
    def number(self) -> int:
        return int(self._account.box.inventory()["scaling_groups"]["count"])

    def give_away(self, group: str) -> None:
        """From now on it is somebody else's."""
        scaling = self._account.scaling
        tags = self._account.group(group)["Tags"]
        scaling.delete_tags(Tags=tags)
        scaling.create_or_update_tags(Tags=[{**tags[0], "Key": "team", "Value": "others"}])

    def refuse(self, box: Sandbox, code: str) -> None:
        box.refuse_launches(code)
