"""A load balancer that keeps its rules, and a release that hands requests over with it."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.aws.serve import hand_over as notes
from spotkiln.aws.serve import stay
from spotkiln.aws.serve.shift import hand_over
from spotkiln.aws.serve.watching import SignalWatch
from spotkiln.bake.infra import Infra, RuleRef, SmokeListener
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.stepping import Steer, StepTaken
from spotkiln.serve.traffic import Traffic
from spotkiln.serve.weights import HandOver, Weights
from tests.unit import nouns
from tests.unit.clock import FakeClock
from tests.unit.serve.test_calls import Cloud, refused
from tests.unit.shapes import problems

BALANCER = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/1"
BLUE = nouns.target_group(load_balancers=(BALANCER,))
GREEN = nouns.target_group(
    arn=BLUE.arn.replace("website/1", "website-green/2"),
    name="website-green",
    load_balancers=(BALANCER,),
)
NAMES = {BLUE.arn: "website", GREEN.arn: "website-green"}
LISTENER, TESTS = f"{BALANCER}/listener", f"{BALANCER}/tests"
RULES = (
    RuleRef(arn="rule-1", listener=LISTENER),
    RuleRef(arn="rule-2", listener=LISTENER, default=True),
)
STEPS = Traffic(steps=("10 % for 60 s", "50 % for 60 s", "100 %"), bake_seconds=0)


def forward(blue: int, green: int, *, sticky: bool = False) -> dict[str, Any]:
    shares = [
        {"TargetGroupArn": BLUE.arn, "Weight": blue},
        {"TargetGroupArn": GREEN.arn, "Weight": green},
    ]
    config = {"TargetGroups": shares, "TargetGroupStickinessConfig": {"Enabled": sticky}}
    return {"Type": "forward", "ForwardConfig": config}


class Balancer(Cloud):
    """Keeps its rules. `stale`: how many looks still tell what was before the last change."""

    def __init__(self) -> None:
        super().__init__(
            describe_listeners={
                "Listeners": [
                    {"ListenerArn": LISTENER, "Port": 443, "Protocol": "HTTPS"},
                    {"ListenerArn": TESTS, "Port": 8081, "Protocol": "HTTP"},
                ]
            },
            describe_load_balancers={"LoadBalancers": [{"DNSName": "shop.example"}]},
            describe_target_groups={
                "TargetGroups": [
                    {"TargetGroupName": name, "TargetGroupArn": arn, "LoadBalancerArns": [BALANCER]}
                    for arn, name in NAMES.items()
                ]
            },
            describe_tags=self._tags,
            add_tags=lambda ResourceArns, Tags: self._tag(ResourceArns, Tags),  # noqa: N803
            remove_tags=lambda ResourceArns, TagKeys: self._untag(ResourceArns, TagKeys),  # noqa: N803
            describe_rules=self._rules,
            modify_rule=lambda RuleArn, Actions: self._set("modify_rule", RuleArn, Actions),  # noqa: N803
            modify_listener=lambda ListenerArn, DefaultActions: self._set(  # noqa: N803
                "modify_listener", ListenerArn, DefaultActions
            ),
        )
        self.rules: dict[str, Any] = {"rule-1": forward(100, 0), "rule-2": forward(100, 0)}
        self.tests: list[dict[str, Any]] = [{"Type": "forward", "TargetGroupArn": GREEN.arn}]
        self.before = dict(self.rules)
        self.stale = 0
        self.lag = 0
        self.refuses: Callable[[], bool] = lambda: False
        self.set: list[tuple[str, int]] = []
        self.sticky: list[int] = []
        self.tags: dict[str, str] = {}

    def _rules(self, ListenerArn: str = "", RuleArns: Any = ()) -> dict[str, Any]:  # noqa: N803
        """Those of a listener, or some by their ARNs."""
        if ListenerArn == TESTS:
            return {"Rules": [{"RuleArn": "rule-3", "IsDefault": True, "Actions": self.tests}]}
        told = self.before if self.stale else self.rules
        if gone := set(RuleArns) - told.keys():
            raise refused("RuleNotFound", f"One or more rules not found: {gone}")
        self.stale = max(self.stale - 1, 0)
        return {
            "Rules": [
                {"RuleArn": arn, "IsDefault": arn == "rule-2", "Actions": [action]}
                for arn, action in told.items()
            ]
        }

    def _tags(self, ResourceArns: list[str]) -> dict[str, Any]:  # noqa: N803
        assert ResourceArns == [BLUE.arn]
        return {"TagDescriptions": [{"ResourceArn": BLUE.arn, "Tags": t.to_aws(self.tags)}]}

    def _tag(self, arns: list[str], tags: list[Any]) -> dict[str, Any]:
        assert arns == [BLUE.arn]
        self.tags.update(t.from_aws(tags))
        return {}

    def _untag(self, arns: list[str], keys: list[str]) -> dict[str, Any]:
        assert arns == [BLUE.arn]
        for key in keys:
            self.tags.pop(key, None)
        return {}

    def _set(self, operation: str, arn: str, actions: list[Any]) -> dict[str, Any]:
        if self.refuses():
            raise refused("AccessDenied", operation)
        given = {"Actions": actions, "RuleArn": arn}
        if operation == "modify_listener":
            given = {"DefaultActions": actions, "ListenerArn": arn}
        name = operation.title().replace("_", "")
        assert problems("elbv2", name, given) == []
        if arn == TESTS:
            self.tests = actions
            return {}
        rule = "rule-2" if arn == LISTENER else arn
        self.before, self.stale = dict(self.rules), self.lag
        self.rules[rule] = actions[0]
        shares = actions[0]["ForwardConfig"]["TargetGroups"]
        kept = actions[0]["ForwardConfig"]["TargetGroupStickinessConfig"]
        self.sticky.append(kept.get("DurationSeconds", 0) if kept["Enabled"] else 0)
        self.set.append(
            (rule, next(one["Weight"] for one in shares if one["TargetGroupArn"] == GREEN.arn))
        )
        return {}

    def shares(self) -> list[int]:
        """What the second group got, one after the other, by the first rule."""
        return [weight for rule, weight in self.set if rule == "rule-1"]

    @property
    def given_back(self) -> bool:
        return all(one == forward(100, 0) for one in self.rules.values())


class Fleets:
    """What is asked of launchers: the fleets of the release, and what serves."""

    def __init__(self, *fleets: Fleet) -> None:
        self.fleets = fleets

    def of_release(self, release: str) -> list[Fleet]:
        return [one for one in self.fleets if one.release == release]

    def listing(self) -> list[Fleet]:
        return [*self.fleets]


def fleet(**tags: str) -> Fleet:
    made = nouns.fleet("sfr-2")
    return made.model_copy(update={"tags": {**made.tags, t.PHASE: "pending", **tags}})


RELEASE = fleet().release
NOTE = HandOver(
    release=RELEASE,
    before=Weights(of={"website": 100, "website-green": 0}),
    target_group=BLUE.arn,
)


def infra() -> Infra:
    return nouns.infra(
        target_group=BLUE,
        second=GREEN,
        rules=RULES,
        smoke_listener=SmokeListener(arn=TESTS, url="http://shop.example:8081"),
    )


@pytest.fixture
def balancer() -> Balancer:
    return Balancer()


@pytest.fixture
def fleets(monkeypatch: pytest.MonkeyPatch) -> Fleets:
    found = Fleets(fleet())
    monkeypatch.setattr(notes, "launchers", lambda _: found)
    return found


def steered(monkeypatch: pytest.MonkeyPatch, words: Iterable[Steer]) -> None:
    """A word for each look; the last one stays."""
    left = list(words)

    def look(*_: object) -> Steer:
        return left.pop(0) if len(left) > 1 else left[0]

    monkeypatch.setattr(stay, "steered", look)


def shift_all(
    balancer: Balancer,
    traffic: Traffic = STEPS,
    *,
    check: Callable[[], None] = lambda: None,
    clock: FakeClock | None = None,
    said: list[str] | None = None,
    trial: Callable[[int], None] | None = None,
) -> tuple[StepTaken, ...]:
    return hand_over(
        balancer.aws(),
        fleet(),
        infra(),
        traffic,
        clock=clock or FakeClock(),
        check=check,
        say=(said if said is not None else []).append,
        progress=lambda *_: None,
        trial=trial,
    )


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No signal but what a person says."""
    monkeypatch.setattr(SignalWatch, "__init__", lambda *_: None)
    monkeypatch.setattr(SignalWatch, "look", lambda *_, **__: ())
    steered(monkeypatch, [Steer.RESUME])
