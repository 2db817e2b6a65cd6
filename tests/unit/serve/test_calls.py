"""Calls about instances and targets: what is no error, and what is asked in another way."""

import base64
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from spotkiln.aws.serve import instance as instances
from spotkiln.aws.serve import target as targets
from spotkiln.aws.serve.ingress import closed_to_the_balancer, explained
from spotkiln.aws.session import Aws
from spotkiln.aws.time import AwsTime
from spotkiln.errors import SpotkilnError
from spotkiln.serve.fleet import State
from spotkiln.serve.gate import Cause, GateOutcome, Verdict
from spotkiln.serve.observation import Observation
from tests.unit import nouns
from tests.unit.nouns import GROUP


class Cloud:
    """Answers as it is told: by operation, a value or a function of the parameters. An operation
    that nobody has told is refused."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Any:
        def call(**parameters: Any) -> Any:
            self.asked.append((operation, parameters))
            if operation not in self.answers:
                raise refused("UnauthorizedOperation", operation)
            answer = self.answers[operation]
            return answer(**parameters) if callable(answer) else answer

        return call

    def get_paginator(self, operation: str) -> "Cloud":
        return Cloud(paginate=lambda **parameters: [getattr(self, operation)(**parameters)])

    def aws(self) -> Aws:
        one = cast(Any, self)
        return Aws("eu-west-1", cast(Any, None), one, one, one, one, AwsTime())


def refused(code: str, operation: str = "X") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


def unless(known: set[str], code: str, key: str, of: Any) -> Any:
    """Fails as a whole for one unknown id, as EC2 does."""

    def call(**parameters: Any) -> dict[str, Any]:
        if not {of(one) for one in parameters[key]} <= known:
            raise refused(code)
        return {}

    return call


# -- instances --


def test_one_unknown_id_keeps_no_other_from_being_terminated() -> None:
    cloud = Cloud(
        terminate_instances=unless({"i-1", "i-3"}, "InvalidInstanceID.NotFound", "InstanceIds", str)
    )
    instances.terminate(cloud.aws(), ["i-3", "i-2", "i-1"])
    assert [parameters["InstanceIds"] for _, parameters in cloud.asked] == [
        ["i-1", "i-2", "i-3"], ["i-1"], ["i-2"], ["i-3"],
    ]  # fmt: skip


def test_nothing_to_do_is_no_call() -> None:
    cloud = Cloud()
    instances.terminate(cloud.aws(), [])
    instances.tag(cloud.aws(), [], {"a": "b"})
    instances.untag(cloud.aws(), [], "a")
    targets.deregister(cloud.aws(), GROUP, [])
    assert instances.by_id(cloud.aws(), []) == []
    assert cloud.asked == []


def test_a_right_that_is_missing_is_no_unknown_id() -> None:
    with pytest.raises(SpotkilnError, match="no right"):
        instances.terminate(Cloud().aws(), ["i-1"])


def test_no_filter_names_more_than_ec2_takes() -> None:
    cloud = Cloud(describe_instances={"Reservations": []})
    assert instances.by_id(cloud.aws(), (f"i-{n:03d}" for n in range(450))) == []
    sizes = [len(parameters["Filters"][0]["Values"]) for _, parameters in cloud.asked]
    assert sizes == [200, 200, 50]


def told(name: str, **tags: str) -> dict[str, Any]:
    """As EC2 tells of an instance."""
    marks = [{"Key": key, "Value": value} for key, value in tags.items()]
    return {
        "InstanceId": name, "State": {"Name": "running"}, "LaunchTime": nouns.START, "Tags": marks,
    }  # fmt: skip


def in_pages(*names: str, **tags: str) -> Cloud:
    """An account with these instances, one a page."""

    def page(NextToken: str = "0", **_: Any) -> dict[str, Any]:  # noqa: N803 - EC2's own names
        at = int(NextToken)
        more = {"NextToken": str(at + 1)} if at + 1 < len(names) else {}
        return {"Reservations": [{"Instances": [told(names[at], **tags)]}], **more}

    return Cloud(describe_instances=page)


def test_instances_are_read_page_by_page_as_they_are_needed() -> None:
    cloud = in_pages("i-1", "i-2", "i-3")
    found = instances.tagged(cloud.aws())
    assert [one.id for one in next(found)] == ["i-1"]
    assert len(cloud.asked) == 1
    assert [one.id for page in found for one in page] == ["i-2", "i-3"]
    sizes = {parameters["MaxResults"] for _, parameters in cloud.asked}
    assert (len(cloud.asked), sizes) == (3, {instances.AT_ONCE})
    assert len(instances.with_tag(cloud.aws(), "a", "b")) == 3


def console(latest: Any, at_boot: Any = "") -> Cloud:
    def call(*, InstanceId: str, Latest: bool) -> dict[str, Any]:  # noqa: N803 - EC2's own names
        assert InstanceId == "i-1"
        answer = latest if Latest else at_boot
        if isinstance(answer, Exception):
            raise answer
        return {"Output": answer}

    return Cloud(get_console_output=call)


def test_the_console_as_it_is_now_does() -> None:
    cloud = console("now\n", "boot\n")
    assert instances.console(cloud.aws(), "i-1") == "now\n"
    assert len(cloud.asked) == 1


@pytest.mark.parametrize("code", sorted(instances.ONLY_AT_BOOT))
def test_where_it_cannot_be_read_now_that_of_the_boot_does(code: str) -> None:
    assert instances.console(console(refused(code), "boot\n").aws(), "i-1") == "boot\n"


def test_one_that_is_gone_has_no_console() -> None:
    gone = refused("InvalidInstanceID.NotFound")
    assert instances.console(console(gone, gone).aws(), "i-1") == ""
    assert instances.console(console("", "").aws(), "i-1") == ""


def test_a_console_that_may_not_be_read_is_an_error() -> None:
    with pytest.raises(SpotkilnError, match="console output of i-1"):
        instances.console(console(refused("UnauthorizedOperation")).aws(), "i-1")
    # For the boot it is no excuse that the type cannot tell what is now.
    with pytest.raises(SpotkilnError, match="console output of i-1"):
        instances.console(console("", refused("UnsupportedOperation")).aws(), "i-1")


def test_an_encoded_console_is_decoded() -> None:
    encoded = base64.b64encode(b"no database\n").decode()
    assert instances.console(console(encoded).aws(), "i-1") == "no database\n"
    assert instances.console(console("no=blank").aws(), "i-1") == "no=blank"


# -- targets --


@pytest.mark.parametrize("code", ["InvalidTarget", "InvalidTargetException"])
def test_one_unknown_target_keeps_no_other_from_draining(code: str) -> None:
    cloud = Cloud(
        deregister_targets=unless({"i-1"}, code, "Targets", lambda one: one["Id"]),
    )
    targets.deregister(cloud.aws(), GROUP, ["i-2", "i-1"])
    assert [[x["Id"] for x in one["Targets"]] for _, one in cloud.asked] == [
        ["i-1", "i-2"], ["i-1"], ["i-2"],
    ]  # fmt: skip


def test_another_error_is_one() -> None:
    with pytest.raises(SpotkilnError, match="deregistering i-1"):
        cloud = Cloud(deregister_targets=unless(set(), "TargetGroupNotFound", "Targets", str))
        targets.deregister(cloud.aws(), GROUP, ["i-1"])


# -- security groups, after a gate that failed by time-outs --

TIMED_OUT = Verdict(
    outcome=GateOutcome.FAILED, cause=Cause.FAILING_CHECK, detail="i-1 is unhealthy"
)


def seen(reason: str) -> Observation:
    return Observation(
        at=60,
        state=State.KEPT,
        instances=(nouns.instance("i-1"),),
        targets=(nouns.target("i-1", "unhealthy", reason),),
    )


def network(**rule: Any) -> Cloud:
    """The servers' security groups have one rule; the load balancer is in 10.0.0.0/24."""
    permission = {"IpProtocol": "tcp", "FromPort": 3000, "ToPort": 3000, **rule}
    return Cloud(
        describe_load_balancers={"LoadBalancers": [{"SecurityGroups": ["sg-balancer"]}]},
        describe_security_groups={"SecurityGroups": [{"IpPermissions": [permission]}]},
        describe_subnets={"Subnets": [{"CidrBlock": "10.0.0.0/24"}]},
    )


@pytest.mark.parametrize(
    "rule",
    [
        {"UserIdGroupPairs": [{"GroupId": "sg-balancer"}]},
        {"IpRanges": [{"CidrIp": "10.0.0.0/16"}]},
        {"PrefixListIds": [{"PrefixListId": "pl-1"}]},
    ],
)
def test_a_load_balancer_that_is_let_in_explains_nothing(rule: dict[str, Any]) -> None:
    cloud = network(**rule)
    assert closed_to_the_balancer(cloud.aws(), nouns.infra(), nouns.target_group()) == ""
    assert explained(cloud.aws(), nouns.infra(), TIMED_OUT, seen("Target.Timeout")) is TIMED_OUT


@pytest.mark.parametrize(
    "rule",
    [
        {"UserIdGroupPairs": [{"GroupId": "sg-other"}]},
        {"IpRanges": [{"CidrIp": "10.0.1.0/24"}]},
        {"UserIdGroupPairs": [{"GroupId": "sg-balancer"}], "FromPort": 80, "ToPort": 80},
    ],
)
def test_a_closed_port_is_the_reason_and_not_the_image(rule: dict[str, Any]) -> None:
    found = explained(network(**rule).aws(), nouns.infra(), TIMED_OUT, seen("Target.Timeout"))
    assert (found.outcome, found.cause) == (GateOutcome.FAILED, Cause.MISCONFIGURED)
    assert "(sg-balancer) reach port 3000; i-1 is unhealthy" in found.detail


def test_the_port_of_the_health_check_is_the_one_that_counts() -> None:
    check = nouns.health_check(port="9000")
    infra = nouns.infra(target_group=nouns.target_group(health_check=check))
    cloud = network(UserIdGroupPairs=[{"GroupId": "sg-balancer"}])
    assert "reach port 9000" in closed_to_the_balancer(cloud.aws(), infra, infra.target_group)


def test_of_several_groups_each_that_times_out_is_looked_at() -> None:
    open_, closed = (
        nouns.target_group(arn=f"{nouns.GROUP}-{name}", name=name, port=port)
        for name, port in (("admin", 3000), ("internal", 3001))
    )
    infra = nouns.infra(also=(open_, closed))
    cloud = network(UserIdGroupPairs=[{"GroupId": "sg-balancer"}])
    cloud.answers["describe_load_balancers"]["LoadBalancers"][0]["AvailabilityZones"] = [
        {"SubnetId": "subnet-a"}
    ]
    late = [
        nouns.target(one, "unhealthy", "Target.Timeout").model_copy(update={"group": group})
        for one, group in (("i-1", "admin"), ("i-2", "internal"))
    ]
    both = seen("Target.Timeout").model_copy(update={"targets": tuple(late)})
    assert "load balancer of internal" in explained(cloud.aws(), infra, TIMED_OUT, both).detail


def test_nothing_is_looked_up_unless_time_outs_alone_point_there() -> None:
    cloud = network()
    other = seen("Target.ResponseCodeMismatch")
    assert explained(cloud.aws(), nouns.infra(), TIMED_OUT, other) is TIMED_OUT
    assert cloud.asked == []


def test_what_may_not_be_looked_up_changes_nothing() -> None:
    cloud = Cloud()
    assert explained(cloud.aws(), nouns.infra(), TIMED_OUT, seen("Target.Timeout")) is TIMED_OUT
    assert len(cloud.asked) == 1
