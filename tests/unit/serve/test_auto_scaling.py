"""Auto Scaling as a launcher: what is asked for, and what its answers mean."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from spotkiln import tags as t
from spotkiln.aws.errors import AwsError, AwsMissing
from spotkiln.aws.serve.auto_scaling.answer import from_aws
from spotkiln.aws.serve.auto_scaling.history import LAUNCHING, Row, problems
from spotkiln.aws.serve.auto_scaling.launcher import AutoScaling
from spotkiln.aws.serve.auto_scaling.request import group_name, group_request
from spotkiln.aws.serve.launchers import Launchers
from spotkiln.serve.fleet import State
from spotkiln.serve.gate import Cause
from spotkiln.serve.order import Order, settings_digest
from spotkiln.serve.problem import final
from spotkiln.serve.spec import AllocationStrategy, FleetSpec, LauncherKind
from tests.unit import nouns, shapes
from tests.unit.memory import Memory
from tests.unit.nouns import GROUP, START, TAGS

RELEASE = "new-0123456789ab"
SPEC = FleetSpec(launcher=LauncherKind.GROUP, capacity=2)


def order(spec: FleetSpec = SPEC, **changes: Any) -> Order:
    made = Order(
        wanted=spec,
        asked=SPEC,
        image=nouns.image(),
        infra=nouns.infra(),
        tags={**TAGS, t.RELEASE: RELEASE},
        patience_seconds=500,
        warm_up_seconds=90,
    )
    return made.model_copy(update=changes)


def refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "X")


class Account(Memory):
    """`refusing` are operations that answer with an error."""

    def __init__(self) -> None:
        super().__init__()
        self.refusing: dict[str, ClientError] = {}
        self.groups: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.before = self._before
        self.launcher = AutoScaling(self.aws())

    def _before(self, operation: str) -> None:
        if error := self.refusing.get(operation):
            raise error

    def create_auto_scaling_group(self, asked: dict[str, Any]) -> None:
        assert shapes.problems("autoscaling", "CreateAutoScalingGroup", asked) == []
        if asked["AutoScalingGroupName"] in self.groups:
            raise refusal("AlreadyExists", "A group with the name exists")
        self.groups[asked["AutoScalingGroupName"]] = {**asked, "CreatedTime": START}

    def describe_auto_scaling_groups(self, asked: dict[str, Any]) -> dict[str, Any]:
        asked = {key: value for key, value in asked.items() if key != "PaginationConfig"}
        assert shapes.problems("autoscaling", "DescribeAutoScalingGroups", asked) == []
        names = asked.get("AutoScalingGroupNames", self.groups)
        found = [one for name, one in self.groups.items() if name in names]
        for rule in asked.get("Filters", []):
            key = rule["Name"].removeprefix("tag:")
            found = [
                one
                for one in found
                for tag in one["Tags"]
                if tag["Key"] == key and tag["Value"] in rule["Values"]
            ]
        return {"AutoScalingGroups": found}

    def create_or_update_tags(self, asked: dict[str, Any]) -> None:
        assert shapes.problems("autoscaling", "CreateOrUpdateTags", asked) == []
        self.calls.append(("tag", asked))

    def suspend_processes(self, asked: dict[str, Any]) -> None:
        assert shapes.problems("autoscaling", "SuspendProcesses", asked) == []
        self.calls.append(("suspend", asked))

    def delete_auto_scaling_group(self, asked: dict[str, Any]) -> None:
        assert shapes.problems("autoscaling", "DeleteAutoScalingGroup", asked) == []
        self.calls.append(("delete", asked))


@pytest.fixture
def account() -> Account:
    return Account()


def nothing(*_: str) -> None:
    pass


# -- what is asked for --


def test_the_whole_request() -> None:
    spec = FleetSpec(
        launcher=LauncherKind.GROUP,
        capacity=4,
        most=9,
        on_demand=1,
        on_demand_percentage=50,
        instance_types=["t3.micro", "t3a.micro"],
        capacity_rebalance=True,
    )
    asked = group_request(order(spec), "lt-1")
    assert shapes.problems("autoscaling", "CreateAutoScalingGroup", asked) == []
    tags = {one["Key"]: one["Value"] for one in asked.pop("Tags")}
    assert tags == order(spec).fleet_tags
    name = group_name(order(spec))
    assert name.startswith(f"spotkiln-{RELEASE}-")
    assert asked == {
        "AutoScalingGroupName": name,
        # It may be scaled by hand between what is asked for and the most.
        "MinSize": 2,
        "MaxSize": 9,
        "DesiredCapacity": 4,
        "MixedInstancesPolicy": {
            "LaunchTemplate": {
                "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-1", "Version": "1"},
                "Overrides": [{"InstanceType": "t3.micro"}, {"InstanceType": "t3a.micro"}],
            },
            "InstancesDistribution": {
                "OnDemandAllocationStrategy": "lowest-price",
                "OnDemandBaseCapacity": 1,
                "OnDemandPercentageAboveBaseCapacity": 50,
                "SpotAllocationStrategy": "price-capacity-optimized",
            },
        },
        "VPCZoneIdentifier": "subnet-a,subnet-b",
        "TargetGroupARNs": [GROUP],
        "HealthCheckType": "ELB",
        "HealthCheckGracePeriod": 500,
        "DefaultInstanceWarmup": 90,
        "CapacityRebalance": True,
    }


def test_no_tag_of_the_group_goes_to_its_instances() -> None:
    assert {one["PropagateAtLaunch"] for one in group_request(order(), "lt-1")["Tags"]} == {False}


def test_another_attempt_has_a_group_of_its_own() -> None:
    more = SPEC.model_copy(update={"on_demand": 2})
    assert group_name(order(more)) != group_name(order())


@pytest.mark.parametrize("strategy", AllocationStrategy)
def test_each_strategy_has_aws_name_or_is_refused(strategy: AllocationStrategy) -> None:
    if strategy is AllocationStrategy.DIVERSIFIED:
        with pytest.raises(ValueError, match="diversified is Spot Fleet's"):
            FleetSpec(launcher=LauncherKind.GROUP, allocation_strategy=strategy)
        return
    asked = group_request(order(SPEC.model_copy(update={"allocation_strategy": strategy})), "lt-1")
    assert shapes.problems("autoscaling", "CreateAutoScalingGroup", asked) == []


def test_the_launcher_is_none_of_the_settings_and_what_is_not_used_changes_none() -> None:
    fleet = FleetSpec(capacity=2)
    assert settings_digest(fleet, nouns.infra()) == settings_digest(SPEC, nouns.infra())
    half = fleet.model_copy(update={"on_demand_percentage": 50})
    assert settings_digest(half, nouns.infra()) != settings_digest(fleet, nouns.infra())
    assert (half.on_demand_all, fleet.on_demand_all) == (1, 0)


# -- launch --


def test_the_same_order_twice_is_one_group_of_one_template(account: Account) -> None:
    noted: list[tuple[str, str]] = []
    first, again = (
        account.launcher.launch(order(), lambda *one: noted.append(one)) for _ in range(2)
    )
    assert (len(account.groups), len(account.templates)) == (1, 1)
    assert (again.id, again.tags, again.capacity) == (first.id, first.tags, 2)
    assert again.parts == first.parts
    assert [kind for kind, _ in noted] == ["launch-template", "auto-scaling-group"] * 2


def test_a_group_that_another_release_made_is_not_taken(account: Account) -> None:
    account.launcher.launch(order(), nothing)
    account.groups[group_name(order())]["Tags"] = []
    with pytest.raises(AwsError, match=rf"that {RELEASE} did not make"):
        account.launcher.launch(order(), nothing)


def test_a_template_that_is_not_seen_everywhere_yet_is_tried_again(account: Account) -> None:
    template = group_name(order())
    text = f"You must use a valid fully-formed launch template. {template} does not exist"
    account.refusing["create_auto_scaling_group"] = refusal("ValidationError", text)
    with pytest.raises(AwsMissing):
        account.launcher.launch(order(), nothing)


def test_groups_of_others_are_not_listed(account: Account) -> None:
    """AWS lets no other application's through: their number costs nothing."""
    account.launcher.launch(order(), nothing)
    other = order(tags={**TAGS, t.RELEASE: "other-0123456789ab", t.TARGET_GROUP: "other"})
    account.launcher.launch(other, nothing)
    each = Launchers([account.launcher])
    assert len(each.listing()) == 2
    assert [one.release for one in each.at(TAGS[t.TARGET_GROUP])] == [RELEASE]
    assert [one.release for one in each.of_release("other-0123456789ab")] == ["other-0123456789ab"]


# -- what AWS tells --


@pytest.mark.parametrize(
    ("changes", "state", "status"),
    [
        ({}, State.KEPT, "active"),
        ({"Status": "Delete in progress"}, State.ENDING, "Delete in progress"),
        (
            {"SuspendedProcesses": [{"ProcessName": "Launch"}, {"ProcessName": "HealthCheck"}]},
            State.STOPPED,
            "suspended: HealthCheck, Launch",
        ),
        # What holds only its scaling still keeps its number.
        (
            {"SuspendedProcesses": [{"ProcessName": "AlarmNotification"}]},
            State.KEPT,
            "suspended: AlarmNotification",
        ),
    ],
)
def test_its_state(changes: dict[str, Any], state: State, status: str) -> None:
    group = {"AutoScalingGroupName": "web", "DesiredCapacity": 3, "CreatedTime": START, **changes}
    fleet = from_aws(group)
    assert (fleet.state, fleet.status, fleet.capacity) == (state, status, 3)
    assert not fleet.weighted


def test_what_somebody_else_made_is_understood() -> None:
    fleet = from_aws(
        {
            "AutoScalingGroupName": "web",
            "DesiredCapacity": 3,
            "CreatedTime": START,
            "LaunchTemplate": {"LaunchTemplateId": "lt-1"},
            "TargetGroupARNs": [GROUP],
            "LoadBalancerNames": ["classic"],
            "MixedInstancesPolicy": {"LaunchTemplate": {"Overrides": [{"WeightedCapacity": "2"}]}},
        }
    )
    assert (fleet.parts, fleet.classic_load_balancers) == (("lt-1",), ("classic",))
    assert fleet.weighted
    assert fleet.phase is None


def row(what: str, status: str = "Failed", message: str = "", at: int = 0) -> Row:
    return Row(START + timedelta(seconds=at), status, what, "because", message)


NO_CAPACITY = (
    "Could not launch Spot Instances. UnfulfillableCapacity - There is no Spot capacity available "
    "that matches your request. Launching EC2 instance failed."
)


@pytest.mark.parametrize(
    ("message", "cause", "ends"),
    [
        (NO_CAPACITY, Cause.CAPACITY, False),
        (
            (
                "Could not launch Spot Instances. MaxSpotInstanceCountExceeded - Max spot instance "
                "count exceeded. Launching EC2 instance failed."
            ),
            Cause.CAPACITY,
            True,
        ),
        (
            (
                "You have requested more vCPU capacity than your current vCPU limit of 32 allows. "
                "Launching EC2 instance failed."
            ),
            Cause.CAPACITY,
            True,
        ),
        (
            (
                "Instance became unhealthy while waiting for instance to be in InService state. "
                "Termination Reason: Client.InternalError: Client error on launch"
            ),
            Cause.MISCONFIGURED,
            True,
        ),
        (
            (
                "The security group 'sg-1' does not exist in VPC 'vpc-1'. Launching EC2 instance "
                "failed."
            ),
            Cause.MISCONFIGURED,
            True,
        ),
        (
            (
                "Access denied when attempting to assume role arn:aws:iam::1:role/aws-service-role/"
                "autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling. Validating load balancer "
                "configuration failed."
            ),
            Cause.MISCONFIGURED,
            True,
        ),
    ],
)
def test_a_failed_launch_has_a_meaning(message: str, cause: Cause, ends: bool) -> None:
    found = problems([row(f"{LAUNCHING}.  Status Reason: {message}", message=message)])
    assert [one.text for one in found] == [message]
    assert found[0].meaning is not None
    assert found[0].meaning.cause is cause
    assert (final(found) is not None) is ends


def test_what_came_before_a_launch_did_not_hinder_it() -> None:
    failed = row(f"{LAUNCHING}.", message=NO_CAPACITY)
    good = row(f"{LAUNCHING}: i-1", "Successful", at=1)
    ended = row("Terminating EC2 instance: i-1", "Failed", "it did not end", at=2)
    assert problems([failed, good, ended]) == []
    assert [one.text for one in problems([good, failed, failed])] == [NO_CAPACITY]


def test_history_is_told_in_aws_words_once() -> None:
    one = row(f"{LAUNCHING}.  Status Reason: {NO_CAPACITY}", message=NO_CAPACITY)
    assert str(one).count(NO_CAPACITY) == 1
    assert str(one).endswith("(because)")


# -- change and take away --


def test_all_processes_are_held_and_one_that_is_gone_is_no_error(account: Account) -> None:
    account.launcher.stop_replacing(["b", "a"])
    assert [asked for _, asked in account.calls] == [
        {"AutoScalingGroupName": "a"},
        {"AutoScalingGroupName": "b"},
    ]
    gone = refusal("ValidationError", "AutoScalingGroup name not found - 'a' not found")
    account.refusing["suspend_processes"] = gone
    account.launcher.stop_replacing(["a"])


def test_one_that_is_not_held_is_named(account: Account) -> None:
    account.refusing["suspend_processes"] = refusal("AccessDenied", "you may not")
    with pytest.raises(AwsError, match="a: you may not; b: you may not"):
        account.launcher.stop_replacing(["a", "b"])


def test_it_is_deleted_by_force_and_once(account: Account) -> None:
    fleet = nouns.fleet("web", launcher="Auto Scaling")
    account.launcher.remove(fleet)
    account.launcher.remove(fleet.model_copy(update={"state": State.ENDING}))
    wanted = {"AutoScalingGroupName": "web", "ForceDelete": True}
    assert account.calls == [("delete", wanted)]


@pytest.mark.parametrize(
    "error",
    [
        refusal("ValidationError", "AutoScalingGroup name not found"),
        refusal("ScalingActivityInProgress", "busy"),
        refusal("ResourceContention", "busy"),
    ],
)
def test_whoever_deletes_looks_again(account: Account, error: ClientError) -> None:
    account.refusing["delete_auto_scaling_group"] = error
    account.launcher.remove(nouns.fleet("web"))


def test_other_errors_are_told(account: Account) -> None:
    account.refusing["delete_auto_scaling_group"] = refusal("AccessDenied", "no")
    calls: list[Callable[[], object]] = [
        lambda: account.launcher.remove(nouns.fleet("web")),
    ]
    for call in calls:
        with pytest.raises(Exception, match="no right to"):
            call()


def test_a_mark_is_one_call(account: Account) -> None:
    account.launcher.mark("web", {t.PHASE: "serving", t.PROMOTED: "now"})
    [(_, asked)] = account.calls
    assert {one["Key"]: one["Value"] for one in asked["Tags"]} == {
        t.PHASE: "serving",
        t.PROMOTED: "now",
    }
    assert {one["ResourceId"] for one in asked["Tags"]} == {"web"}
