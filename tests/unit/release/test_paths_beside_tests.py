"""The ways through a release whose servers are launched while its image is tested."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from spotkiln.bake.junit import TestsFailed
from spotkiln.beside import require_wanted
from spotkiln.errors import GateFailed, InfrastructureError, NotWanted, Vulnerable
from spotkiln.flows import release as release_flow
from spotkiln.release.vulnerabilities import Vulnerabilities
from spotkiln.tasks.release import image_tests, steps
from spotkiln.tasks.serve import serve
from tests.unit import nouns
from tests.unit.release.books import GREEN, NEW
from tests.unit.release.paths import UNDO, World
from tests.unit.release.test_paths_that_fail import VULNERABLE

PAIR = nouns.infra(second=nouns.target_group(name="website-green"))
RED = TestsFailed("1 of 3 tests failed", GREEN)
SECONDS = 20.0


class Two:
    """The tests and the gate, each of which ends when a test says so."""

    def __init__(self, world: World, patch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.launched, self.proved, self.tested = (threading.Event() for _ in range(3))
        self.gate: Callable[[Callable[[], None]], None] = lambda _: None
        self.test: Callable[[], None] = lambda: None
        # Whether what the tests have come to is told before their machine has gone.
        self.early, self.promoted = False, threading.Event()
        patch.setattr(image_tests, "test_in_image", self._test)
        patch.setattr(serve, "request_fleet", self._request)
        patch.setattr(serve, "promote_fleet", self._promote)
        patch.setattr(serve, "prove", self._prove)

    def until_proved(self) -> None:
        assert self.proved.wait(SECONDS)

    def until_tested(self) -> None:
        assert self.tested.wait(SECONDS)

    def _request(self, *_: object) -> Any:
        self.launched.set()
        return self.world.step("request fleet")

    def _promote(self, *_: object) -> Any:
        self.promoted.set()
        return self.world.step("promote")

    def _prove(self, _new: object, _order: object, _policy: object, *checks: Any) -> Any:
        found = self.world.step("gate")
        self.gate(checks[:2][-1])
        self.proved.set()
        return found

    def _test(self, *_: object, last: bool, green: Callable[[Any], None]) -> Any:
        assert last
        # They do not end before the servers were asked for: both are under way at once.
        assert self.launched.wait(SECONDS)
        self.test()
        try:
            report = self.world.step("test")
            if self.early:
                green(report)
                assert self.promoted.wait(SECONDS)
                self.world.taken.append("end of the tests' machine")
            return report
        finally:
            self.tested.set()


@pytest.fixture
def two(world: World, monkeypatch: pytest.MonkeyPatch) -> Two:
    app = nouns.settled(migrate="")
    world.answers |= {
        "traffic": (),
        "look up infra": PAIR, "choose the group": PAIR, "check out": nouns.source(app=app),
        "look once more": True,
    }  # fmt: skip
    for module, name, step in (
        (release_flow, "require_idle", "find the idle group"),
        (serve, "choose_idle", "choose the group"),
        (serve, "shift_traffic", "traffic"),
        (serve, "end_hand_over", "end the hand-over"),
    ):
        monkeypatch.setattr(module, name, lambda *_, step=step: world.step(step))
    return Two(world, monkeypatch)


def test_traffic_waits_for_tests_that_take_longer_than_the_gate(two: Two) -> None:
    two.test = two.until_proved
    told = two.world.release()
    taken = two.world.taken
    assert taken.index("gate") < taken.index("test") < taken.index("look once more")
    assert taken.index("look once more") < taken.index("grow") < taken.index("traffic")
    assert (told.outcome, told.tests) == ("released", GREEN)
    assert told.launched == "while the image is tested"
    timings = {one.name: one for one in told.timings}
    assert {"test", "gate", "wait for the tests", "gate again", "traffic"} <= timings.keys()
    assert not any(one.how for one in told.timings)


def test_tests_that_end_first_are_not_waited_for(two: Two) -> None:
    two.gate = lambda _: two.until_tested()
    told = two.world.release()
    assert told.outcome == "released"
    assert two.world.taken.index("test") < two.world.taken.index("traffic")


def test_traffic_does_not_wait_until_the_machine_of_the_tests_has_gone(two: Two) -> None:
    two.early = True
    told = two.world.release()
    taken = two.world.taken
    assert taken.index("promote") < taken.index("end of the tests' machine")
    # But the release does: nothing of it is left.
    assert taken.index("end of the tests' machine") < taken.index("give the turn back")
    assert (told.outcome, told.tests) == ("released", GREEN)


def test_servers_are_asked_for_before_the_machine_that_baked_has_gone(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(_job: object, _layered: object, ready: Callable[[Any], None]) -> Any:
        image = two.world.step("bake")
        ready(image)
        assert two.launched.wait(SECONDS)
        two.world.taken.append("end of the bake's machine")
        return image

    monkeypatch.setattr(steps, "packer_build", build)
    assert two.world.release().outcome == "released"
    taken = two.world.taken
    assert taken.index("request fleet") < taken.index("end of the bake's machine")
    # The machine that tests has the same way in.
    assert taken.index("end of the bake's machine") < taken.index("test")


def test_a_bake_that_fails_at_its_very_end_takes_the_servers_back(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(_job: object, _layered: object, ready: Callable[[Any], None]) -> Any:
        ready(two.world.step("bake"))
        assert two.launched.wait(SECONDS)
        raise InfrastructureError("Packer could not end")

    monkeypatch.setattr(steps, "packer_build", build)
    told = two.world.fails(InfrastructureError)
    assert two.world.taken[-3:] == [*UNDO, "give the turn back"]
    assert (told.outcome, told.cause) == ("rolled back", "Packer could not end")


def test_servers_that_have_become_sick_meanwhile_pass_the_gate_again(two: Two) -> None:
    two.test = two.until_proved
    two.world.answers["look once more"] = False
    assert two.world.release().outcome == "released"
    assert two.world.taken.count("gate") == 2


def test_red_tests_end_the_gate_and_take_the_servers_back(two: Two) -> None:
    two.world.answers["test"] = RED

    def looks(check: Callable[[], None]) -> None:
        two.tested.wait(SECONDS)
        for _ in range(1000):
            check()
            threading.Event().wait(0.01)

    two.gate = looks
    told = two.world.fails(TestsFailed)
    assert two.world.taken[-4:] == ["test", *UNDO, "give the turn back"]
    assert "blame" not in two.world.taken
    assert "traffic" not in two.world.taken
    assert (told.outcome, told.cause, told.tests) == ("rolled back", "1 of 3 tests failed", GREEN)
    assert told.fleet == NEW
    # The tests have failed; the gate was only ended by that.
    timings = {one.name: one for one in told.timings}
    assert (timings["test"].how, timings["gate"].how) == ("failed", "cancelled")


def test_red_tests_after_the_gate_take_them_back_as_well(two: Two) -> None:
    two.world.answers["test"] = RED
    two.test = two.until_proved
    told = two.world.fails(TestsFailed)
    assert two.world.taken[-4:] == ["test", *UNDO, "give the turn back"]
    assert told.outcome == "rolled back"


def test_what_is_refused_gets_no_request(two: Two) -> None:
    two.world.answers["check vulnerabilities"] = VULNERABLE
    two.test = two.until_proved
    refusing = Vulnerabilities(debian="/srv/debsecan", refuse="high")
    told = two.world.fails(Vulnerable, vulnerabilities=refusing)
    assert told.outcome == "rolled back"
    assert "traffic" not in two.world.taken


def test_a_verdict_of_the_gate_ends_the_tests_before_the_image_goes(two: Two) -> None:
    two.world.answers["gate"] = GateFailed("no", "unhealthy")

    def waits() -> None:
        for _ in range(1000):
            require_wanted()
            threading.Event().wait(0.01)

    two.test = waits
    told = two.world.fails(GateFailed)
    assert (told.outcome, told.cause) == ("rolled back", "no")
    assert told.undone == ("cancel fleet", "discard image")
    timings = {one.name: one.how for one in told.timings}
    assert (timings["gate"], timings["test"]) == ("failed", "cancelled")


@pytest.mark.parametrize("traffic", [{"launch_after_tests": True}])
def test_where_money_matters_more_they_come_first(
    world: World, two: Two, traffic: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_tests, "test_in_image", lambda *_, **__: world.step("test"))
    told = two.world.release(traffic=traffic)
    assert world.taken.index("test") < world.taken.index("launch")
    assert told.launched == "after the tests: the deployment says so"


def test_only_what_runs_beside_something_is_told_to_end() -> None:
    require_wanted()
    assert issubclass(NotWanted, Exception)
