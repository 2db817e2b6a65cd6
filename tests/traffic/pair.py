"""What a test sees and does of a pair of target groups."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Self

from rehearsal.account import tags_of
from spotkiln.aws.serve.split import split
from spotkiln.aws.serve.steer import ask
from spotkiln.serve.stepping import Steer
from tests.reliability.flow_process import FlowProcess
from tests.reliability.truth import Truth, client
from tests.reliability.world import CLEAN_SECONDS, World

NAMES = ("website", "website-green")
SECONDS = 180.0
TEST_PORT = 8081
PLAIN_PORT = 8082
INFRA = {"second_target_group": "website-green", "test_port": TEST_PORT}
# In seconds of the sandbox: as quick as twenty in one.
QUICK: dict[str, Any] = {"steps": ["50 % for 4 s", "100 %"], "bake_seconds": 4}
ALARM = "errors"


def set_alarm(world: World, state: str) -> None:
    """One of the name ALARM is there, and in this state."""
    watch = client(world.box, "cloudwatch")
    watch.put_metric_alarm(
        AlarmName=ALARM,
        Namespace="Shop",
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    watch.set_alarm_state(AlarmName=ALARM, StateValue=state, StateReason="a test says so")


class PairWorld(World):
    """Whose releases are of a pair, unless they say otherwise."""

    def __enter__(self) -> Self:
        super().__enter__()
        self._make_pair()
        return self

    def _make_pair(self) -> None:
        """The account's template has one rule for both. Beside it a listener without a rule, which
        `spotkiln traffic --split` makes forward to both: both have weights then."""
        elbv2 = self.account.elbv2
        first, second = (
            [{"Type": "forward", "TargetGroupArn": self.account.group_arn(name)}] for name in NAMES
        )
        for port, actions in ((PLAIN_PORT, first), (TEST_PORT, second)):
            elbv2.create_listener(
                LoadBalancerArn=Pair(self).balancer,
                Protocol="HTTP",
                Port=port,
                DefaultActions=actions,
            )
        said: list[str] = []
        aws: Any = Pair(self)
        split(aws, *NAMES, said.append)
        assert said[0] == "target group website-green is there"
        assert len([one for one in said if "forwards to both" in one]) == 1

    def parameters(self, ref: str = "v1", variant: str = "", **changes: Any) -> dict[str, Any]:
        given: dict[str, Any] = {"infra": INFRA, "traffic": QUICK, **changes}
        return super().parameters(ref, variant, **given)

    def settled(self, group: str = "", patience_seconds: float = CLEAN_SECONDS) -> Truth:
        """Of the group that gets requests, and of the weights."""
        pair = Pair(self)
        truth = super().settled(group or pair.active, patience_seconds)
        truth.touched += pair.disorder()
        return truth


class Pair:
    def __init__(self, world: World) -> None:
        self.world = world
        self.elbv2 = world.account.elbv2
        self.ec2, self.scaling = world.account.ec2, world.account.scaling
        self.region = "eu-west-1"
        self._told: list[tuple[str, int, int, datetime]] = []
        self._watch = client(world.box, "cloudwatch")

    @property
    def balancer(self) -> str:
        told = self.elbv2.describe_load_balancers(Names=["website"])["LoadBalancers"]
        return str(told[0]["LoadBalancerArn"])

    @property
    def listeners(self) -> dict[int, dict[str, Any]]:
        """By port."""
        told = self.elbv2.describe_listeners(LoadBalancerArn=self.balancer)["Listeners"]
        return {one["Port"]: one for one in told}

    @property
    def listener(self) -> str:
        """Through which visitors come: it has a rule."""
        return str(self.listeners[80]["ListenerArn"])

    @property
    def plain_listener(self) -> str:
        """Whose default action has weights, too."""
        return str(self.listeners[PLAIN_PORT]["ListenerArn"])

    def rules(self) -> list[dict[str, Any]]:
        """Those with weights: that of the account's template first."""
        return [
            rule
            for listener in (self.listener, self.plain_listener)
            for rule in self.elbv2.describe_rules(ListenerArn=listener)["Rules"]
            if rule["Actions"][0]["Type"] == "forward"
        ]

    # -- what is there --

    @property
    def arns(self) -> dict[str, str]:
        return {name: self.world.account.group_arn(name) for name in NAMES}

    def weights(self) -> dict[str, int]:
        """By the group's name; both rules have the same, or are about to."""
        names = {arn: name for name, arn in self.arns.items()}
        shares = self.rules()[-1]["Actions"][0]["ForwardConfig"]["TargetGroups"]
        return {names[one["TargetGroupArn"]]: one["Weight"] for one in shares}

    @property
    def active(self) -> str:
        return next(name for name, weight in self.weights().items() if weight)

    @property
    def idle(self) -> str:
        return next(name for name in NAMES if name != self.active)

    @property
    def serving(self) -> str:
        """The id of the fleet that serves; empty if there is none."""
        found = [
            one["SpotFleetRequestId"]
            for one in self.world.account.fleets()
            if tags_of(one).get("spotkiln:phase") == "serving"
        ]
        return str(found[0]) if found else ""

    def disorder(self) -> list[str]:
        """Of the rules: all requests go to one group, and nobody is kept with another."""
        weights = self.weights()
        if min(weights.values()) or not sum(weights.values()):
            return [f"weights {weights}"]
        rules = self.rules()
        for config in (one["Actions"][0]["ForwardConfig"] for one in rules):
            shares = {one["TargetGroupArn"]: bool(one["Weight"]) for one in config["TargetGroups"]}
            if config["TargetGroupStickinessConfig"]["Enabled"]:
                return [f"sticky: {config}"]
            if shares != {self.arns[name]: bool(weight) for name, weight in weights.items()}:
                return [f"rules differ: {rules}"]
        return []

    def problems(self) -> list[str]:
        """All requests go to one group, and there what serves is whole; in the other is nothing."""
        found = self.world.settled(self.active).problems()
        left = self.world.account.targets(self.idle)
        return [*self.disorder(), *found, *(f"left in {self.idle}: {one}" for one in left)]

    def changes(self) -> list[list[int]]:
        """The weights that were set, each as [website, website-green]. To set again what is set
        changes nothing."""
        found: list[list[int]] = []
        for call in self.world.box.calls():
            if call["operation"] == "ModifyRule" and not call["error"]:
                given = call["parameters"]["Actions"][0]["ForwardConfig"]["TargetGroups"]
                by_arn = {one["TargetGroupArn"]: int(one["Weight"]) for one in given}
                share = [by_arn[self.arns[name]] for name in NAMES]
                if found[-1:] != [share]:
                    found.append(share)
        return found

    # -- what is done --

    def parameters(self, **traffic: Any) -> dict[str, Any]:
        return {"infra": INFRA, "traffic": {**QUICK, **traffic}}

    def start(self, ref: str, variant: str = "", **traffic: Any) -> FlowProcess:
        return self.world.start(ref, variant, **self.parameters(**traffic))

    def release(self, ref: str, variant: str = "", **traffic: Any) -> dict[str, Any]:
        return self.start(ref, variant, **traffic).result()

    def steer(self, word: Steer) -> str:
        """As the command does; the id of the new fleet."""
        group: Any = SimpleNamespace(name=NAMES[0], arn=self.arns[NAMES[0]])
        aws: Any = self
        return ask(aws, group, word).id

    def until(self, is_so: Callable[[], bool], what: str, process: FlowProcess) -> None:
        deadline = time.monotonic() + SECONDS
        while not is_so():
            assert not process.ended.is_set(), (what, process.result(), process.tail())
            assert time.monotonic() < deadline, (what, process.tail())
            time.sleep(0.05)

    def until_share(self, name: str, percent: int, process: FlowProcess) -> None:
        self.until(lambda: self.weights()[name] == percent, f"{percent} % for {name}", process)

    def alarm(self, state: str) -> None:
        set_alarm(self.world, state)

    def clear_metrics(self) -> None:
        """Take back all that was told of answers."""
        told, self._told = self._told, []
        for name, requests, errors, when in told:
            self.answered(name, -requests, -errors, when)
        self._told = []

    def answered(self, name: str, requests: int, errors: int, when: datetime | None = None) -> None:
        """CloudWatch tells of so many more answers of a target group, just now."""
        group = self.elbv2.describe_target_groups(Names=[name])["TargetGroups"][0]
        balancer = group["LoadBalancerArns"][0].partition(":loadbalancer/")[2]
        dimensions = [
            {"Name": "LoadBalancer", "Value": balancer},
            {"Name": "TargetGroup", "Value": group["TargetGroupArn"].rpartition(":")[2]},
        ]
        given = {"RequestCount": requests, "HTTPCode_Target_5XX_Count": errors}
        now = when or datetime.now(UTC)
        self._watch.put_metric_data(
            Namespace="AWS/ApplicationELB",
            MetricData=[
                {"MetricName": x, "Dimensions": dimensions, "Timestamp": now, "Value": y}
                for x, y in given.items()
            ],
        )
        self._told.append((name, requests, errors, now))
