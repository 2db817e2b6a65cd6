"""An application's life with the worker's rights alone, which the sandbox enforces: nothing is
refused, and no right could be taken away.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rehearsal.worker import as_worker, in_role
from spotkiln.account.plan import infra
from spotkiln.aws.account import stack as stacks
from spotkiln.aws.account.check import look
from spotkiln.aws.release.rights import every
from spotkiln.aws.serve.weights import weights_of
from spotkiln.aws.session import Aws
from spotkiln.poll import RealClock
from tests.release import test_adoption
from tests.release.life import GREEN, Life, aws_of, idle, spare
from tests.reliability.flow_process import Zygote
from tests.reliability.truth import client
from tests.reliability.world import SPEED, World

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect, pytest.mark.timeout(600)]

# What real Packer asks, of one version or another, and its stand-in does not:
# tests/reliability/test_real_machines.py.
REAL_PACKERS = {
    "PackerLooks ec2:DescribeInstanceStatus",
    "PackerLooks ec2:DescribeRegions",
    "PackerLooks ec2:DescribeTags",
}
# What this life has no use for: nothing in it is scaled. Most of these calls are made in
# tests/aws/test_scaling.py; for the alarms and the role AWS itself asks.
SCALING = {
    "AlarmsOfScaling cloudwatch:DeleteAlarms",
    "AlarmsOfScaling cloudwatch:DescribeAlarms",
    "AlarmsOfScaling cloudwatch:PutMetricAlarm",
    "LookAtScaling application-autoscaling:DescribeScalableTargets",
    "ResizeSpotFleets ec2:ModifySpotFleetRequest",
    "RoleOfScaling iam:CreateServiceLinkedRole",
    "ScaleSpotFleets application-autoscaling:DeregisterScalableTarget",
    "ScaleSpotFleets application-autoscaling:PutScalingPolicy",
    "ScaleSpotFleets application-autoscaling:PutScheduledAction",
    "ScaleSpotFleets application-autoscaling:RegisterScalableTarget",
    "ScalingGroups autoscaling:PutScalingPolicy",
    "ScalingGroups autoscaling:PutScheduledUpdateGroupAction",
    "ScalingGroups autoscaling:ResumeProcesses",
    "ScalingGroups autoscaling:SetDesiredCapacity",
}
# It opens no session of Session Manager's: so it has none to end.
SESSIONS = {"EndSessions ssm:TerminateSession"}
# And nothing of it is encrypted: tests/aws/test_machines.py. Whether EC2 may use a key for whoever
# launches, KMS judges; the sandbox does not.
KEYS = {
    "GrantKeys kms:CreateGrant",
    "UseKeys kms:Decrypt",
    "UseKeys kms:DescribeKey",
    "UseKeys kms:GenerateDataKeyWithoutPlaintext",
    "UseKeys kms:ReEncryptFrom",
    "UseKeys kms:ReEncryptTo",
    "DefaultKey ec2:GetEbsDefaultKmsKeyId",
    "LookAtKeys kms:DescribeKey",
    "LookAtKeys kms:GetKeyPolicy",
    "LookAtKeys kms:ListGrants",
}
# Nor is there another account: tests/release/test_two_accounts.py.
COPIES = {"CopyFrom ec2:CopyImage", "CopyImages ec2:CopyImage"}
LOGS = "/spotkiln/demo-web-app"
# The worker has the rights to adopt, to the target groups of these names, and to no others. One
# has a stack of its own, one a listener that forwards all requests to it alone.
SHOP, PLAIN = "website-shop", "website-plain"
ACCOUNT = {
    "target_groups": [
        {"name": "website", "stack": {"TargetGroups": "website*", "Adopt": "yes"}},
        {"name": SHOP, "stack": {"ParameterPath": "/shop/production"}},
        {"name": PLAIN, "by_hand": True},
    ]
}
STACK = f"sandbox-{SHOP}"
theirs = test_adoption.theirs


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home: Path = tmp_path_factory.mktemp("rights")
    with World(home, account=ACCOUNT) as world:
        yield world


@pytest.fixture
def life(world: World) -> Life:
    """With a secret and a parameter of the build, and lines of a server."""
    ssm, manager = client(world.box, "ssm"), client(world.box, "secretsmanager")
    ssm.put_parameter(Name="/build/token", Value="a-long-token", Type="SecureString")
    manager.create_secret(Name="build/token", SecretString="another-long-token")
    logs, stream = client(world.box, "logs"), "demo-web-app/web/i-1"
    logs.create_log_group(logGroupName=LOGS)
    logs.create_log_stream(logGroupName=LOGS, logStreamName=stream)
    line = {"timestamp": int(time.time() * 1000), "message": "hello"}
    logs.put_log_events(logGroupName=LOGS, logStreamName=stream, logEvents=[line])
    watch = client(world.box, "cloudwatch")
    watch.put_metric_alarm(
        AlarmName="errors",
        Namespace="Shop",
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    watch.set_alarm_state(AlarmName="errors", StateValue="OK", StateReason="all is well")
    return Life(world, as_worker(world.box), world.zygote)


@pytest.fixture
def their_template(world: World) -> Iterator[str]:
    """A launch template of the user's own."""
    ec2 = world.account.ec2
    data = {"Monitoring": {"Enabled": True}}
    ec2.create_launch_template(LaunchTemplateName="acme", LaunchTemplateData=data)
    yield "acme"
    ec2.delete_launch_template(LaunchTemplateName="acme")


@pytest.fixture
def their_group(world: World) -> Iterator[str]:
    """An Auto Scaling group of one that knows nothing of us, and serves."""
    ec2, scaling = world.account.ec2, world.account.scaling
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["debian-13-amd64-*"]}])[
        "Images"
    ][0]
    ec2.create_launch_template(
        LaunchTemplateName="grown",
        LaunchTemplateData={"ImageId": image["ImageId"], "InstanceType": "t3.micro"},
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="grown",
        MinSize=1,
        MaxSize=1,
        LaunchTemplate={"LaunchTemplateName": "grown", "Version": "1"},
        VPCZoneIdentifier=ec2.describe_subnets()["Subnets"][0]["SubnetId"],
        TargetGroupARNs=[world.account.group_arn("website")],
    )
    yield "grown"
    ec2.delete_launch_template(LaunchTemplateName="grown")


def test_a_life_needs_all_of_them_and_no_more(
    world: World, life: Life, theirs: str, their_group: str, their_template: str
) -> None:
    world.box.forget_rights()
    life.play("nightly", applications=[])
    secrets = {"TOKEN": "ssm:/build/token", "OTHER": "secret:build/token"}
    configuration = {
        "parameters": ["/demo-web-app/production/"],
        "secrets": ["demo-web-app/production"],
    }
    life.release(
        "v1",
        build={"secrets": secrets, "spot": True},
        configuration=configuration,
        infra={"adopt": True, "tags": {"Team": "shop"}, "launch_template": their_template},
    )
    private = {"ssh_interface": "private_ip"}
    attributes = {"vcpus": 2, "most_vcpus": 2, "memory_gib": 4, "most_memory_gib": 4}
    by_attributes = {"launcher": "auto-scaling", "attributes": attributes}
    # A group is told another size while servers are added in batches, and never else.
    batches = {"batches": ["1 for 1 s", "100 %"]}
    life.release("v2", fleet=by_attributes, build=private, traffic=batches)
    kept = {"deprecate_after_days": 30, "share_with": ["111111111111"]}
    life.release("v2", "again", fleet={"launcher": "spot-fleet"}, images=kept)
    life.roll_back(images=kept)
    life.play("run", app="demo-web-app", command=["bin/rails", "about"], infra={})
    life.preview()
    life.fail("red", "TestsFailed")
    life.fail("sick", "ImageRejected")
    life.find_no_room("spot-fleet")
    life.find_no_room("auto-scaling")
    life.fall_ill_and_recover()
    server = world.account.look().members[0]
    life.open_session(server)
    assert life.read_logs(LOGS) == ["hello"]
    assert life.find_file_system("uploads") == "uploads"
    life.tag_as_a_newer_packer()

    said: list[str] = []
    life.split(PLAIN, said.append)
    steps = {"steps": ["50 % for 4 s", "100 %"], "bake_seconds": 4, "alarms": ["errors"]}
    life.release("v1", traffic=steps, infra={"second_target_group": GREEN})
    assert life.doctor() == ([], "")
    life.play("reconcile")

    elsewhere = REAL_PACKERS | SCALING | SESSIONS | KEYS | COPIES
    unused = [one for one in idle(life.uses, every()) if one not in elsewhere]
    assert {"refused": life.refused, "unused": unused, "spare": spare(life.uses, every())} == {
        "refused": [],
        "unused": [],
        "spare": [],
    }


@pytest.fixture
def account(world: World) -> dict[str, str]:
    """The outputs of a stack, with those of the one that has the worker's role. The account's owner
    sets a parameter."""
    ssm = client(world.box, "ssm")
    ssm.put_parameter(Name="/shop/production/GREETING", Value="hello", Type="String")
    with aws_of(world.box.environment) as aws:
        assert all(probe() for probe in look(aws, STACK).values())
        return {**stacks.outputs(aws, "sandbox-website"), **stacks.outputs(aws, STACK)}


def test_what_the_template_makes_is_enough(world: World, account: dict[str, str]) -> None:
    """A release into it, and back, by the worker's role that it has, as its outputs say it."""
    role = account["WorkerRole"]
    variables = in_role(world.box, role)
    deployment = yaml.safe_load(infra(account))
    deployment["configuration"] = {"parameters": [account["ParameterPath"]]}
    with Zygote(world.home / "shop", {**world.environment, **variables}, SPEED) as zygote:
        zygote.wait_until_ready()
        life = Life(world, variables, zygote, role.rpartition("/")[2])
        for ref in ("v1", "v2"):
            life.release(ref, "by the template", **deployment)
        life.roll_back(infra=deployment["infra"])
        truth = world.account.look(account["TargetGroup"])
        assert (truth.capacity, len(truth.healthy), truth.other_targets) == (2, 2, [])
        to_green = {**deployment["infra"], "second_target_group": account["IdleTargetGroup"]}
        life.release("v1", "to green", **{**deployment, "infra": to_green})
    requests_stay(world, account)


def requests_stay(world: World, account: dict[str, str]) -> None:
    """They go to the second group since the last release: also when the stack's rule is changed."""
    with aws_of(world.box.environment) as aws:
        assert list(weights(aws).values()) == [{account["IdleTargetGroup"]}]
        planned = stacks.plan(aws, STACK, {"Host": "shop.example.com"}, RealClock())
        assert f"{account['TargetGroup']}=0" in planned.keeps
        stacks.apply(aws, planned, RealClock(), print)
        assert list(weights(aws).values()) == [{account["IdleTargetGroup"]}]


def weights(aws: Aws) -> dict[str, set[str]]:
    """The target groups that have requests, by each rule of the stack's load balancer."""
    (balancer,) = aws.elbv2.describe_load_balancers(Names=[SHOP])["LoadBalancers"]
    found = aws.elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    return {
        rule["RuleArn"]: {arn.split("/")[1] for arn, weight in weights_of(rule).items() if weight}
        for one in found
        for rule in aws.elbv2.describe_rules(ListenerArn=one["ListenerArn"])["Rules"]
        if not rule["IsDefault"]
    }
