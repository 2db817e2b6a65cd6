"""Handing requests over: each change of weights, and the way back, against rules that are kept
here."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from spotkiln import tags as t
from spotkiln.aws.serve import hand_over as notes
from spotkiln.aws.serve import stay
from spotkiln.aws.serve.shift import hand_over
from spotkiln.aws.serve.smoke import find_smoke_listener, point_at
from spotkiln.aws.serve.watching import SignalWatch
from spotkiln.aws.serve.weights import find_rules
from spotkiln.bake.infra import Infra, RuleRef, SmokeListener
from spotkiln.errors import GateFailed, InfrastructureError, InputError, SpotkilnError
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.signals import Signal, Word
from spotkiln.serve.stepping import Steer
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

    def _rules(self, ListenerArn: str) -> dict[str, Any]:  # noqa: N803 - AWS's word
        if ListenerArn == TESTS:
            return {"Rules": [{"RuleArn": "rule-3", "IsDefault": True, "Actions": self.tests}]}
        told = self.before if self.stale else self.rules
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
) -> None:
    hand_over(
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


@pytest.mark.usefixtures("fleets")
def test_each_step_sets_every_rule_and_lasts_for_its_time(balancer: Balancer) -> None:
    clock = FakeClock()
    shift_all(balancer, clock=clock)
    assert balancer.shares() == [10, 50, 100]
    assert len(balancer.set) == 6
    # It stays until the fleet is promoted.
    assert balancer.tags == {f"spotkiln:weights-before/{RELEASE}": "website=100 website-green=0"}
    assert 120 <= clock.now() <= 125


@pytest.mark.usefixtures("fleets")
def test_visitors_are_kept_from_before_the_first_step_until_the_old_servers_go(
    balancer: Balancer,
) -> None:
    clock = FakeClock()
    shift_all(balancer, STEPS.model_copy(update={"sticky_seconds": 90}), clock=clock)
    assert balancer.shares() == [0, 10, 50, 100, 100]
    assert balancer.sticky[::2] == balancer.sticky[1::2] == [90, 90, 90, 15, 0]
    assert 225 <= clock.now() <= 235


@pytest.mark.usefixtures("fleets")
def test_what_aws_tells_too_late_is_nobody_elses_change(balancer: Balancer) -> None:
    balancer.lag = 3
    shift_all(balancer)
    assert balancer.shares() == [10, 50, 100]


@pytest.mark.usefixtures("fleets")
def test_a_change_of_somebody_else_is_not_overwritten_by_a_step(
    balancer: Balancer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_hand(*_: object) -> Steer:
        balancer.rules = {"rule-1": forward(100, 0), "rule-2": forward(100, 0)}
        return Steer.RESUME

    monkeypatch.setattr(stay, "steered", by_hand)
    with pytest.raises(InfrastructureError, match="found website=100 website-green=0: somebody"):
        shift_all(balancer)
    assert 50 not in balancer.shares()
    assert balancer.given_back


@pytest.mark.usefixtures("fleets")
@pytest.mark.parametrize(
    ("words", "shares", "seconds"),
    [
        # A pause of 200 s: 50 looks.
        ([*[Steer.PAUSE] * 51, Steer.RESUME], [10, 50, 100], (320, 345)),
        ([Steer.RESUME, Steer.PROMOTE], [10, 50, 100], (4, 12)),
        ([Steer.PROMOTE], [10, 50, 100], (0, 5)),
    ],
)
def test_a_person_steers(
    balancer: Balancer,
    monkeypatch: pytest.MonkeyPatch,
    words: list[Steer],
    shares: list[int],
    seconds: tuple[float, float],
) -> None:
    steered(monkeypatch, words)
    clock = FakeClock()
    shift_all(balancer, clock=clock)
    assert balancer.shares() == shares
    assert seconds[0] <= clock.now() <= seconds[1]


@pytest.mark.usefixtures("fleets")
@pytest.mark.parametrize("on", [1.0, 30.5, 119.0, 500.0])
def test_from_a_bad_signal_to_the_old_servers_alone_it_takes_less_than_five_seconds(
    balancer: Balancer, monkeypatch: pytest.MonkeyPatch, on: float
) -> None:
    clock, bad = FakeClock(), Signal(word=Word.BAD, why="alarm a is in ALARM")
    monkeypatch.setattr(SignalWatch, "look", lambda *_, **__: (bad,) if clock.now() >= on else ())
    baking = STEPS.model_copy(update={"bake_seconds": 600})
    with pytest.raises(GateFailed, match="alarm a is in ALARM"):
        shift_all(balancer, baking, clock=clock)
    assert balancer.given_back
    assert clock.now() - on < 5


class Waiter(FakeClock):
    """Gives another thread time while it sleeps."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        time.sleep(0.002)


@pytest.mark.usefixtures("fleets")
def test_the_applications_check_is_made_once_in_each_step(balancer: Balancer) -> None:
    seen: list[tuple[int, int]] = []
    trial = lambda percent: seen.append((percent, balancer.shares()[-1]))  # noqa: E731
    shift_all(balancer, clock=Waiter(), trial=trial)
    assert seen == [(10, 10), (50, 50), (100, 100)]


@pytest.mark.usefixtures("fleets")
def test_a_red_check_brings_the_old_servers_back(balancer: Balancer) -> None:
    def red(percent: int) -> None:
        if percent == 50:
            raise GateFailed("the check did not end well", cause="check", last_lines="got 500")

    with pytest.raises(GateFailed, match=r"turned back at step 2 \(50 %\): the check did") as told:
        shift_all(balancer, clock=Waiter(), trial=red)
    assert told.value.last_lines == "got 500"
    assert balancer.shares() == [10, 50, 0]
    assert balancer.given_back


@pytest.mark.usefixtures("fleets")
def test_requests_go_back_before_a_check_has_ended(
    balancer: Balancer, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, back = threading.Event(), []

    def long(_: int) -> None:
        goes_on.wait(10)

    def say(text: str) -> None:
        if text.startswith("waiting for the end of the check"):
            back.append(balancer.given_back)
            goes_on.set()

    steered(monkeypatch, [Steer.RESUME, Steer.RESUME, Steer.ABORT])
    with pytest.raises(GateFailed, match="a person said abort"):
        hand_over(
            balancer.aws(), fleet(), infra(), STEPS, trial=long,
            clock=Waiter(), check=lambda: None, say=say, progress=lambda *_: None,
        )  # fmt: skip
    assert back == [True]


@pytest.mark.usefixtures("fleets")
def test_a_check_that_could_not_be_made_is_an_error(balancer: Balancer) -> None:
    def no(_: int) -> None:
        raise InfrastructureError("no machine for it")

    with pytest.raises(InfrastructureError, match="no machine for it"):
        shift_all(balancer, clock=Waiter(), trial=no)
    assert balancer.given_back


@pytest.mark.usefixtures("fleets")
def test_abort_goes_back_at_the_next_look(
    balancer: Balancer, monkeypatch: pytest.MonkeyPatch
) -> None:
    steered(monkeypatch, [Steer.RESUME] * 3 + [Steer.ABORT])
    said: list[str] = []
    clock = FakeClock()
    with pytest.raises(GateFailed, match=r"turned back at step 1 \(10 %\): a person said abort"):
        shift_all(balancer, clock=clock, said=said)
    assert balancer.shares() == [10, 0]
    assert balancer.given_back
    assert balancer.tags == {}
    assert clock.now() <= 31
    assert said[-1].startswith("back: all requests to website, in ")


def test_a_fleet_that_somebody_took_away_leaves_no_weight(
    balancer: Balancer, fleets: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(*_: object) -> Steer:
        fleets.fleets = ()
        raise InfrastructureError("sfr-2 is cancelled; was it cancelled by somebody?")

    monkeypatch.setattr(stay, "steered", look)
    with pytest.raises(InfrastructureError, match="was it cancelled by somebody"):
        shift_all(balancer)
    assert balancer.given_back


@pytest.mark.usefixtures("fleets")
def test_whoever_has_taken_the_turn_over_has_the_weights(balancer: Balancer) -> None:
    lost = False

    def check() -> None:
        if lost:
            raise InfrastructureError("the turn is lost")

    def look(*_: object) -> None:
        nonlocal lost
        lost = True
        notes.end(balancer.aws(), BLUE.arn, RELEASE)

    with pytest.raises(InfrastructureError, match="the turn is lost"):
        hand_over(
            balancer.aws(), fleet(), infra(), STEPS,
            clock=FakeClock(), check=check, say=look, progress=lambda *_: None,
        )  # fmt: skip
    assert balancer.shares() == [10]


@pytest.mark.usefixtures("fleets")
def test_a_way_back_that_fails_does_not_hide_why(balancer: Balancer) -> None:
    balancer.refuses = lambda: len(balancer.set) > 2
    said: list[str] = []
    with pytest.raises(SpotkilnError, match=r"setting the weights website=50|ModifyRule"):
        shift_all(balancer, said=said)
    assert said[-1].startswith("the requests could not be sent back to website yet: ")


def left(balancer: Balancer) -> bool:
    """Give back what a dead release has left."""
    return notes.give_back(balancer.aws(), BLUE.arn, RELEASE)


@pytest.mark.parametrize("there", [True, False])
def test_all_is_given_back_whatever_the_rules_look_like_and_whether_its_servers_are_there(
    balancer: Balancer, fleets: Fleets, *, there: bool
) -> None:
    fleets.fleets = fleets.fleets if there else ()
    notes.begin(balancer.aws(), NOTE)
    # AWS tells what was before the change to half.
    balancer.rules = {"rule-1": forward(50, 50, sticky=True), "rule-2": forward(50, 50)}
    balancer.before, balancer.stale = {"rule-1": forward(100, 0), "rule-2": forward(100, 0)}, 9
    assert left(balancer)
    assert balancer.given_back
    assert len(balancer.set) == 2
    assert balancer.tags == {}
    # Another one who looked before, and comes after.
    assert not left(balancer)
    assert len(balancer.set) == 2


@pytest.mark.parametrize("phase", ["serving", "retiring"])
def test_nothing_is_given_back_of_a_release_that_was_promoted(
    balancer: Balancer, fleets: Fleets, phase: str
) -> None:
    fleets.fleets = (fleet(**{t.PHASE: phase}),)
    notes.begin(balancer.aws(), NOTE)
    assert not left(balancer)
    assert (balancer.set, balancer.tags) == ([], {})


@pytest.mark.usefixtures("fleets")
def test_of_another_release_nothing_is_given_back(balancer: Balancer) -> None:
    other = NOTE.model_copy(update={"release": "shop-other"})
    notes.begin(balancer.aws(), other)
    assert not left(balancer)
    assert notes.at(balancer.aws(), BLUE.arn) == [other]
    assert balancer.set == []


def test_whoever_slept_before_giving_back_follows_what_serves_now(
    balancer: Balancer, fleets: Fleets
) -> None:
    """Somebody else has given them back meanwhile, and a newer release was promoted."""
    tags = {t.RELEASE: "shop-new", t.PHASE: "serving", t.PAIR: BLUE.arn}
    now = nouns.fleet("sfr-3", target_groups=(GREEN.arn,), tags=tags)
    notes.begin(balancer.aws(), NOTE)

    def slept() -> bool:
        balancer.tags = {}
        fleets.fleets = (now,)
        return False

    balancer.refuses = slept
    assert left(balancer)
    assert balancer.shares() == [0, 100]


def test_of_a_pair_that_is_gone_there_is_nothing_to_give_back(
    balancer: Balancer, fleets: Fleets
) -> None:
    def no(**_: Any) -> Any:
        raise refused("TargetGroupNotFound", "DescribeTargetGroups")

    fleets.fleets = ()
    notes.begin(balancer.aws(), NOTE)
    balancer.answers["describe_target_groups"] = no
    assert not left(balancer)
    assert balancer.tags == {}


def test_a_note_that_cannot_be_read_is_none() -> None:
    key = f"{t.WEIGHTS}{RELEASE}"
    for value in ("", "website=100", "website=50 website-green=50", "nonsense"):
        assert HandOver.from_tags(BLUE.arn, {key: value}) == []
    assert HandOver.from_tags(BLUE.arn, {key: str(NOTE.before), "team": "web"}) == [NOTE]


def test_the_listener_for_smoke_tests(balancer: Balancer) -> None:
    found = find_smoke_listener(balancer.aws(), BLUE, GREEN, 8081)
    assert found == SmokeListener(arn=TESTS, url="http://shop.example:8081")
    assert point_at(balancer.aws(), infra(), BLUE) == "http://shop.example:8081"
    assert balancer.tests == [{"Type": "forward", "TargetGroupArn": BLUE.arn}]
    with pytest.raises(InputError, match=r"a listener of port 9090.* has 443, 8081"):
        find_smoke_listener(balancer.aws(), BLUE, GREEN, 9090)
    balancer.tests = [{"Type": "forward", "TargetGroupArn": f"{BLUE.arn}-other"}]
    with pytest.raises(InputError, match="does more than to forward to website or website-green"):
        find_smoke_listener(balancer.aws(), BLUE, GREEN, 8081)


def test_its_rule_is_none_of_the_pair_s(balancer: Balancer) -> None:
    balancer.tests = [forward(0, 100)]
    assert find_rules(balancer.aws(), BLUE, GREEN, without=TESTS) == RULES
    assert len(find_rules(balancer.aws(), BLUE, GREEN)) == 3
