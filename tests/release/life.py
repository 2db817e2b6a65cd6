"""An application's whole life with the worker's rights alone, and what it has used of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from spotkiln.account.roles import WORKER
from spotkiln.aws.account import stack as stacks
from spotkiln.aws.bake.mounts import find_mounts
from spotkiln.aws.release.rights import simulate, simulate_role
from spotkiln.aws.serve import journal
from spotkiln.aws.serve.split import split
from spotkiln.aws.session import Aws, client_of, connect
from spotkiln.bake.own import BUILDER_PREFIX
from spotkiln.poll import RealClock
from spotkiln.release.parts import ANY_DEPLOYMENT
from spotkiln.release.rights import Names
from spotkiln.statement import ADOPTION, Statement
from tests.reliability.flow_process import Zygote
from tests.reliability.host import eventually
from tests.reliability.truth import client
from tests.reliability.world import PREVIEW, World, without_release_only

GREEN = "website-green"
NAMES = Names(
    fleet_role="aws-ec2-spot-fleet-tagging-role",
    target_group="website",
    second_target_group=GREEN,
    instance_profile="website",
    parts=(*ANY_DEPLOYMENT, ADOPTION),
)


class Use(NamedTuple):
    """A right that was asked for, and the statements that allowed it."""

    action: str
    by: frozenset[str]


def idle(uses: Iterable[Use], statements: Iterable[Statement]) -> list[str]:
    """The actions of statements that have allowed nothing, each with its statement's name."""
    used = {(sid, use.action) for use in uses for sid in use.by}
    every = ((one.sid, action) for one in statements for action in one.actions)
    return sorted(f"{sid} {action}" for sid, action in every if (sid, action) not in used)


def spare(uses: Iterable[Use], statements: Iterable[Statement]) -> list[str]:
    """The statements without which all would have been allowed even so. What allows to adopt
    others' servers allows what concerns our own as well, and may be left out: it does not count."""
    adopting = {one.sid for one in statements if one.part == ADOPTION}
    by = [use.by - adopting or use.by for use in uses]
    names = {sid for one in by for sid in one}
    return sorted(sid for sid in names if all(one - {sid} for one in by))


@contextmanager
def aws_of(variables: Mapping[str, str]) -> Iterator[Aws]:
    """The clients of whoever has these variables."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        connect.cache_clear()
        yield connect(variables["AWS_DEFAULT_REGION"])
    connect.cache_clear()
    client_of.cache_clear()


def change_account(world: World, **parameters: str) -> None:
    """Its owner changes the stack that has the worker's role."""
    with aws_of(world.box.environment) as aws:
        planned = stacks.plan(aws, "sandbox-website", parameters, RealClock())
        stacks.apply(aws, planned, RealClock(), print)


class Life:
    """Of one application in its world, whose flows have the rights of this role alone."""

    def __init__(
        self, world: World, variables: Mapping[str, str], zygote: Zygote, role: str = WORKER
    ) -> None:
        self._world, self._variables = world, variables
        self._zygote, self._role = zygote, role

    # -- what came of it --

    @property
    def refused(self) -> list[str]:
        told = self._world.box.rights().get(self._role, {"refused": []})["refused"]
        return [f"{one['action']} on {one['resource']}: {one['missing']} unknown" for one in told]

    @property
    def uses(self) -> list[Use]:
        told = self._world.box.rights()[self._role]["allowed"]
        return [Use(one["action"], frozenset(one["by"])) for one in told]

    # -- flows --

    def play(self, flow: str, **given: Any) -> dict[str, Any]:
        """It ends well, and nothing is refused to it."""
        process = self._zygote.start(flow, given)
        done = process.result(180)
        assert "error" not in done, (flow, done["error"], self.refused, process.tail())
        assert self.refused == [], flow
        return done

    def release(self, ref: str, variant: str = "", **changes: Any) -> dict[str, Any]:
        done = self.play("release", **self._world.parameters(ref, variant, **changes))
        assert done["outcome"] == "released", done
        return done

    def roll_back(self, **changes: Any) -> None:
        given = without_release_only(self._world.parameters("v1", **changes))
        assert self.play("rollback", **given)["outcome"] == "released"

    def fail(self, ref: str, why: str) -> None:
        """One that is not good is discarded."""
        process = self._zygote.start("release", self._world.parameters(ref))
        assert why in process.result(180)["error"]
        assert self.refused == [], ref

    def find_no_room(self, launcher: str) -> None:
        """Its servers cannot be had, and it says why."""
        self._world.box.refuse_launches("VcpuLimitExceeded")
        given = self._world.parameters("v1", fleet={"launcher": launcher})
        process = self._zygote.start("release", given)
        assert "VcpuLimitExceeded" in process.result(180)["error"]
        self._world.box.clear_capacity()
        assert self.refused == [], launcher

    def preview(self) -> None:
        """Made, pushed to, taken away."""
        for ref in ("v1", "v2"):
            self.play("preview", **self._preview(ref))
        self.play("preview", **self._preview("v2"), removed=True)

    def _preview(self, ref: str) -> dict[str, Any]:
        given = {key: self._world.parameters(ref)[key] for key in ("app", "gate")}
        return {**given, "preview": PREVIEW, "branch": "rights", "ref": ref}

    def fall_ill_and_recover(self) -> None:
        """Reconcile writes down since when a server is unhealthy, and forgets it."""
        sick = self._world.account.look().members[0]
        for health, state in ((500, "unhealthy"), (200, "healthy")):
            self._world.box.script(match={"instance_id": sick}, health=health)
            eventually(partial(self._is, sick, state), 30.0, f"{sick} is {state}")
            self.play("reconcile")

    def _is(self, server: str, state: str) -> bool:
        return self._world.account.targets("website").get(server) == state

    # -- the command, and what only looks --

    def split(self, group: str, say: Callable[[str], None]) -> None:
        """`spotkiln traffic --split`, of a listener that forwards to it, with a rule of its own."""
        elbv2, arn = self._world.account.elbv2, self._world.account.group_arn(group)
        balancer = elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
        (listener,) = elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArns"][0])[
            "Listeners"
        ]
        elbv2.create_rule(
            ListenerArn=listener["ListenerArn"],
            Priority=10,
            Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/up"]}}],
            Actions=[{"Type": "forward", "TargetGroupArn": arn}],
        )
        with aws_of(self._variables) as aws:
            split(aws, group, f"{group}-green", say)

    def doctor(self) -> tuple[list[str], str]:
        with aws_of(self._variables) as aws:
            found = [simulate(aws, NAMES), simulate_role(aws, NAMES)]
        return [one for lacking, _ in found for one in lacking], "".join(why for _, why in found)

    def read_logs(self, group: str) -> list[str]:
        with aws_of(self._variables) as aws:
            begin = datetime.now(UTC) - timedelta(hours=1)
            assert journal.units(aws, group, "demo-web-app") == ["web"]
            return [one.text for one in journal.read(aws, group, "demo-web-app/", begin)]

    def open_session(self, instance: str) -> None:
        """The sandbox opens none, but says who may."""
        with aws_of(self._variables) as aws, suppress(ClientError):
            client_of(aws, "ssm").start_session(Target=instance, DocumentName="AWS-StartSSHSession")

    def tag_as_a_newer_packer(self) -> None:
        """The stand-in tags what Packer 1.6.6 does. A newer one tags the key pair when it makes it,
        and the machine's network interface; and of a Spot machine all of it from the start."""
        tags = [{"Key": "spotkiln:release", "Value": "demo-web-app-newer"}]

        def specified(*kinds: str) -> Any:
            return [{"ResourceType": kind, "Tags": tags} for kind in kinds]

        name = f"{BUILDER_PREFIX}newer"
        ec2 = self._world.account.ec2
        image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["debian-13-amd64-*"]}])
        with aws_of(self._variables) as aws:
            aws.ec2.create_key_pair(KeyName=name, TagSpecifications=specified("key-pair"))
            aws.ec2.delete_key_pair(KeyName=name)
            with pytest.raises(ClientError, match="DryRunOperation"):
                aws.ec2.run_instances(
                    DryRun=True,
                    ImageId=image["Images"][0]["ImageId"],
                    InstanceType="t3.micro",
                    MinCount=1,
                    MaxCount=1,
                    TagSpecifications=specified("instance", "volume", "network-interface"),
                )
            self._ask_for_spot(
                aws,
                {
                    "ImageId": image["Images"][0]["ImageId"],
                    "InstanceType": "t3.micro",
                    "TagSpecifications": specified("instance", "volume", "network-interface"),
                },
                [*tags, {"Key": "spotkiln:role", "Value": "builder"}],
            )

    def _ask_for_spot(self, aws: Aws, data: Any, tags: Any) -> None:
        """By a launch template with this data and these tags."""
        named: Any = {"LaunchTemplateName": "packer-fleet-launch-template-newer12"}
        aws.ec2.create_launch_template(
            **named,
            LaunchTemplateData=data,
            TagSpecifications=[{"ResourceType": "launch-template", "Tags": tags}],
        )
        asked: Any = {**named, "Version": "1"}
        with pytest.raises(ClientError, match="DryRunOperation"):
            aws.ec2.create_fleet(
                DryRun=True,
                Type="instant",
                LaunchTemplateConfigs=[{"LaunchTemplateSpecification": asked}],
                TargetCapacitySpecification={
                    "TotalTargetCapacity": 1,
                    "DefaultTargetCapacityType": "spot",
                },
            )
        aws.ec2.delete_launch_template(**named)

    def find_file_system(self, name: str) -> str:
        """One that the owner has made."""
        box, ec2 = self._world.box, self._world.account.ec2
        subnets = ec2.describe_subnets()["Subnets"]
        vpc = subnets[0]["VpcId"]
        group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        inside = [{"CidrIp": "0.0.0.0/0"}]
        ec2.authorize_security_group_ingress(
            GroupId=group,
            IpPermissions=[
                {"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049, "IpRanges": inside}
            ],
        )
        efs = client(box, "efs")
        made = efs.create_file_system(CreationToken=name, Tags=[{"Key": "Name", "Value": name}])
        ids = [one["SubnetId"] for one in subnets]
        for one in ids:
            efs.create_mount_target(
                FileSystemId=made["FileSystemId"], SubnetId=one, SecurityGroups=[group]
            )
        with aws_of(self._variables) as aws:
            found = find_mounts(aws, {"storage": name}, ids, [group])[0].name
        for one in efs.describe_mount_targets(FileSystemId=made["FileSystemId"])["MountTargets"]:
            efs.delete_mount_target(MountTargetId=one["MountTargetId"])
        efs.delete_file_system(FileSystemId=made["FileSystemId"])
        ec2.delete_security_group(GroupId=group)
        return found
