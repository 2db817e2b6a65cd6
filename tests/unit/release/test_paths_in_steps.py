"""The ways through a release where there are two target groups, and through one that has none."""

from typing import Any

import pytest

from spotkiln.errors import GateFailed, InfrastructureError
from spotkiln.flows import release as release_flow
from spotkiln.serve.stepping import StepTaken
from spotkiln.serve.traffic import Traffic
from spotkiln.show.facts import facts
from spotkiln.tasks.serve import serve
from tests.unit import nouns
from tests.unit.release.books import NEW
from tests.unit.release.paths import LAUNCH, UNDO, World

PAIR = nouns.infra(second=nouns.target_group(name="website-green"))
SMOKE = Traffic(smoke="npm run smoke")


@pytest.fixture
def pair(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    world.answers |= {"look up infra": PAIR, "choose the group": PAIR}
    for module, name, step in (
        (release_flow, "require_idle", "find the idle group"),
        (serve, "choose_idle", "choose the group"),
        (serve, "smoke_test", "smoke test"),
        (serve, "shift_traffic", "traffic"),
        (serve, "end_hand_over", "end the hand-over"),
    ):
        monkeypatch.setattr(module, name, lambda *_, step=step: world.step(step))
    world.answers["traffic"] = STEPS
    return world


STEPS = (StepTaken(percent=50, seconds=60.2), StepTaken(percent=100, seconds=300))


def launched(world: World) -> list[str]:
    """From the launch to the promotion."""
    return world.taken[world.taken.index("launch") : world.taken.index("promote") + 1]


def test_requests_are_handed_over_between_the_gate_and_the_promotion(pair: World) -> None:
    told = pair.release()
    *before, turn, promote = LAUNCH
    before.insert(before.index("request fleet"), "choose the group")
    # Somebody may have scaled out what serves during the steps.
    assert launched(pair) == [*before, "traffic", "check the turn", "grow", turn, promote]
    # Whoever is killed in between finds the promotion, and the weights stay.
    assert pair.taken[pair.taken.index("promote") + 1] == "end the hand-over"
    assert pair.taken.index("find the idle group") < pair.taken.index("bake")
    assert told.requests.startswith("between website and website-green: 100 %; then 300 s")
    assert told.handed_over == "50 % for 60 s, 100 % for 300 s"
    assert dict(facts(told))["handed over"] == told.handed_over


def test_what_was_scaled_out_during_the_steps_is_matched_before_the_old_servers_go(
    pair: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger = NEW.model_copy(update={"capacity": NEW.capacity + 1})

    def grow(*_: object) -> Any:
        pair.step("grow")
        return larger if "traffic" in pair.taken else NEW

    def prove(new: Any, *_: object) -> Any:
        pair.step("gate")
        return new, (nouns.server("i-1"),)

    monkeypatch.setattr(serve, "grow", grow)
    monkeypatch.setattr(serve, "prove", prove)
    pair.release()
    more = ["check the turn", "grow", "gate", "grow", "check the turn", "promote"]
    assert launched(pair)[launched(pair).index("traffic") + 1 :] == more


def test_a_smoke_test_comes_before_all_requests(pair: World) -> None:
    told = pair.release(traffic=SMOKE)
    taken = launched(pair)
    assert taken[taken.index("grow") + 1 :][:3] == ["check the turn", "smoke test", "traffic"]
    assert "smoke test" in [one.name for one in told.timings]


def test_a_check_is_given_to_the_hand_over(pair: World, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    checked: list[Any] = []

    def shift(*args: Any) -> tuple[StepTaken, ...]:
        given.append(args[-1])
        return STEPS

    monkeypatch.setattr(serve, "shift_traffic", shift)
    monkeypatch.setattr(serve, "check_step", lambda *args: checked.append(args))
    pair.release()
    pair.release(traffic=Traffic(check="npm run check", check_seconds=60))
    assert given[0] is None
    given[1](10)
    ((trial, _, *command),) = checked
    assert command == ["npm run check", 60]
    assert trial.tags["spotkiln:role"] == "smoke"


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("smoke test", GateFailed("the smoke test did not end well", "smoke", "got 500")),
        ("traffic", GateFailed("turned back at step 1 (10 %)", "signal")),
    ],
)
def test_what_goes_wrong_takes_the_new_servers_back_and_blames_no_image(
    pair: World, step: str, error: GateFailed
) -> None:
    pair.answers[step] = error
    told = pair.fails(GateFailed, traffic=SMOKE)
    at = pair.taken.index(step)
    assert pair.taken[at + 1 :] == [*UNDO, "give the turn back"]
    assert "blame" not in pair.taken
    assert (told.outcome, told.cause, told.fleet) == ("rolled back", error.message, NEW)
    assert told.last_lines == error.last_lines


def test_a_hand_over_whose_end_cannot_be_noted_is_a_release(pair: World) -> None:
    pair.answers["end the hand-over"] = InfrastructureError("AWS is out of reach")
    assert pair.release().outcome == "released"


def test_with_one_target_group_there_are_no_such_steps(world: World) -> None:
    told = world.release(traffic=SMOKE)
    assert launched(world) == LAUNCH
    assert told.requests == ""
