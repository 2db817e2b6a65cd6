"""New servers get their requests step by step; what is bad brings the old ones back at once. All
along nobody who visits loses a request."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal.account import tags_of
from spotkiln.errors import InputError
from spotkiln.serve.stepping import Steer
from tests.reliability.conftest import long
from tests.reliability.load import Load
from tests.reliability.scenarios import PRODUCT
from tests.reliability.world import SPEED, without_release_only
from tests.traffic.pair import ALARM, Pair

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect]

LONG: dict[str, Any] = {"steps": ["10 % for 20 s", "50 % for 600 s", "100 %"]}


@pytest.fixture(autouse=True)
def load(pair: Pair) -> Iterator[Load]:
    with Load(pair.world.box.load_balancer("website"), 0.05) as load:
        yield load
        assert load.failures == []
    assert load.sent > 20


def percents(pair: Pair, name: str) -> list[int]:
    """The shares of a group, one after the other."""
    at = ("website", "website-green").index(name)
    return [one[at] for one in pair.changes()]


def test_the_groups_change_places_with_each_release(pair: Pair) -> None:
    first, new = pair.serving, pair.idle
    made = pair.release("v2", "steps", steps=["10 % for 4 s", "50 % for 4 s", "100 %"])
    assert made["outcome"] == "released", made
    assert percents(pair, new) == [10, 50, 100]
    assert pair.active == new
    assert pair.serving == made["fleet"] != first
    assert pair.problems() == []

    again = pair.release("v1", "steps back")
    assert again["outcome"] == "released", again
    assert pair.idle == new
    # Both are one environment: each image served it, one after the other.
    images = {x["ImageId"]: tags_of(x) for x in pair.world.account.released_images()}
    served = [images[x["image"]]["spotkiln:served/website"].split() for x in (made, again)]
    assert served[0][1] == served[1][0]
    assert not any("spotkiln:served/website-green" in tags for tags in images.values())

    # What serves already is not released again, wherever it serves; and a rollback is in no steps.
    pair.world.box.clear_calls()
    same = pair.world.release("v1", "steps back", force=False, **pair.parameters())
    assert same["outcome"] == "unchanged", same
    given = without_release_only(pair.world.parameters("v1", **pair.parameters()))
    back = pair.world.zygote.start("rollback", given).result()
    assert (back["outcome"], back["image"]) == ("released", made["image"]), back
    assert percents(pair, new) == [100]


def turned_back(pair: Pair, made: dict[str, Any], before: tuple[str, str], why: str) -> None:
    """All is as it was, and the run says why."""
    assert why in made.get("error", ""), made
    assert (pair.active, pair.serving) == before
    assert pair.problems() == []


def test_more_errors_than_the_old_servers_bring_them_back(pair: Pair, load: Load) -> None:
    before, new = (pair.active, pair.serving), pair.idle
    process = pair.start("v2", "red", **LONG)
    pair.until_share(new, 10, process)
    pair.answered(before[0], 2000, 10)
    pair.answered(new, 300, 60)
    turned_back(pair, process.result(), before, "errors (5xx): 60 of ")
    assert percents(pair, new) == [10, 0]


def test_an_alarm_in_step_two_brings_the_old_servers_back(pair: Pair) -> None:
    before, new = (pair.active, pair.serving), pair.idle
    pair.alarm("OK")
    process = pair.start("v2", "alarm", alarms=[ALARM], **LONG)
    pair.until_share(new, 50, process)
    pair.alarm("ALARM")
    why = f"turned back at step 2 (50 %): alarm {ALARM} is in ALARM"
    turned_back(pair, process.result(), before, why)
    assert percents(pair, new) == [10, 50, 0]


@long
def test_within_the_bake_time_the_old_servers_are_there(pair: Pair) -> None:
    before, new = (pair.active, pair.serving), pair.idle
    pair.alarm("OK")
    process = pair.start("v2", "bake", alarms=[ALARM], bake_seconds=600)
    pair.until_share(new, 100, process)
    pair.alarm("ALARM")
    turned_back(pair, process.result(), before, "turned back at step 2 (100 %)")


@long
def test_an_alarm_without_data_for_too_long_is_as_bad(pair: Pair) -> None:
    before = (pair.active, pair.serving)
    pair.alarm("INSUFFICIENT_DATA")
    made = pair.release("v2", "blind", alarms=[ALARM], no_data_seconds=30, **LONG)
    turned_back(pair, made, before, f"alarm {ALARM} has had no data")


def test_an_alarm_that_is_on_before_lets_no_request_through(pair: Pair) -> None:
    before = (pair.active, pair.serving)
    pair.alarm("ALARM")
    made = pair.release("v2", "early", alarms=[ALARM], **LONG)
    turned_back(pair, made, before, "no request was given to the new servers")
    assert pair.changes() == []


def test_what_cannot_be_read_for_a_while_or_whose_answer_is_lost_is_asked_for_again(
    pair: Pair,
) -> None:
    new = pair.idle
    pair.alarm("OK")
    # More than the client repeats by itself.
    failure: dict[str, Any] = {"code": "InternalFailure", "status": 500}
    for operation in ("DescribeAlarms", "GetMetricData"):
        pair.world.box.fault(operation, "error", nth=2, count=8, agent=PRODUCT, **failure)
    pair.world.box.fault("ModifyRule", "lost", agent=PRODUCT)
    made = pair.release("v2", "hard of hearing", alarms=[ALARM], steps=["50 % for 30 s", "100 %"])
    assert made["outcome"] == "released", made
    assert percents(pair, new) == [50, 100]
    assert pair.active == new


@long
def test_a_signal_that_nobody_can_read_brings_the_old_servers_back(pair: Pair) -> None:
    before, new = (pair.active, pair.serving), pair.idle
    pair.alarm("OK")
    process = pair.start("v2", "deaf", alarms=[ALARM], no_data_seconds=30, **LONG)
    pair.until_share(new, 50, process)
    failure: dict[str, Any] = {"code": "InternalFailure", "status": 500}
    pair.world.box.fault("DescribeAlarms", "error", count=1000, agent=PRODUCT, **failure)
    turned_back(pair, process.result(), before, "alarms could not be read for ")


def test_a_person_pauses_resumes_and_promotes(pair: Pair) -> None:
    new = pair.idle
    process = pair.start("v2", "steered", steps=["10 % for 100 s", "50 % for 600 s", "100 %"])
    pair.until_share(new, 10, process)
    fleet = pair.steer(Steer.PAUSE)
    # Longer than the step.
    time.sleep(120 / SPEED)
    assert percents(pair, new) == [10]
    pair.steer(Steer.RESUME)
    pair.until_share(new, 50, process)
    pair.steer(Steer.PROMOTE)
    made = process.result()
    assert (made["outcome"], made["fleet"]) == ("released", fleet), made
    assert percents(pair, new) == [10, 50, 100]
    with pytest.raises(InputError, match="there is nothing to abort"):
        pair.steer(Steer.ABORT)


def test_a_person_aborts(pair: Pair) -> None:
    before, new = (pair.active, pair.serving), pair.idle
    process = pair.start("v2", "aborted", **LONG)
    pair.until_share(new, 50, process)
    # As in Prefect's UI, whose form names the deployment; the rest is looked up there.
    asked = {"deployment": "demo-web-app", "word": "abort", "app": "demo-web-app"}
    where = {"target_group": "website", "region": pair.region}
    assert pair.world.zygote.start("steer", {**asked, **where}).result()["asked"] == "abort"
    turned_back(pair, process.result(), before, "turned back at step 2 (50 %): a person said abort")
    assert percents(pair, new) == [10, 50, 0]


def test_a_fleet_that_somebody_cancels_leaves_no_request_unanswered(pair: Pair) -> None:
    before, new = (pair.active, pair.serving), pair.idle
    process = pair.start("v2", "cancelled", **LONG)
    pair.until_share(new, 50, process)
    fleets = [one["SpotFleetRequestId"] for one in pair.world.account.fleets()]
    doomed = [one for one in fleets if one != before[1]]
    pair.world.account.ec2.cancel_spot_fleet_requests(
        SpotFleetRequestIds=doomed, TerminateInstances=False
    )
    turned_back(pair, process.result(), before, "was it cancelled by somebody?")


def test_a_person_who_cancels_the_run_has_the_old_servers_back(pair: Pair) -> None:
    before, new = (pair.active, pair.serving), pair.idle
    process = pair.start("v2", "abort", **LONG)
    pair.until_share(new, 50, process)
    process.terminate()
    process.result()
    assert (pair.active, pair.serving) == before


def test_weights_that_a_person_sets_by_hand_are_left(pair: Pair) -> None:
    """Back by hand is back: the release does not give the new servers more again."""
    before, new = (pair.active, pair.serving), pair.idle
    process = pair.start("v2", "hand", steps=["10 % for 200 s", "100 %"])
    pair.until_share(new, 10, process)
    rules = pair.rules()
    shares = [
        {"TargetGroupArn": arn, "Weight": int(name == before[0])} for name, arn in pair.arns.items()
    ]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": shares}}
    pair.elbv2.modify_rule(RuleArn=rules[0]["RuleArn"], Actions=[action])
    pair.elbv2.modify_listener(ListenerArn=pair.plain_listener, DefaultActions=[action])
    made = process.result()
    assert "somebody else has changed them" in str(made), made
    assert (pair.active, pair.serving) == before


def test_weights_that_cannot_be_set_are_taken_back(pair: Pair) -> None:
    before = (pair.active, pair.serving)
    refusal: dict[str, Any] = {"code": "AccessDenied", "status": 403}
    pair.world.box.fault("ModifyListener", "error", nth=2, agent=PRODUCT, **refusal)
    made = pair.release("v2", "refused")
    turned_back(pair, made, before, "no right to ModifyListener")


def test_a_pair_without_an_idle_group_is_refused_before_anything_is_spent(pair: Pair) -> None:
    """Of the listener that no visitor uses: half of them would be answered by nobody."""
    now = pair.rules()[-1]["Actions"]
    shares = [{"TargetGroupArn": arn, "Weight": 1} for arn in pair.arns.values()]
    both = [{"Type": "forward", "ForwardConfig": {"TargetGroups": shares}}]
    pair.elbv2.modify_listener(ListenerArn=pair.plain_listener, DefaultActions=both)
    made = pair.release("v2", "no idle group")
    pair.elbv2.modify_listener(ListenerArn=pair.plain_listener, DefaultActions=now)
    assert "to have the same weights" in str(made), made
    assert not [x for x in pair.world.box.calls() if x["operation"] == "CreateImage"]
