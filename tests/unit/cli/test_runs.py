"""A run is started by name, found, and followed to its end."""

import sys
from typing import Any
from uuid import UUID

import pytest

from spotkiln.cli import runs
from spotkiln.cli.deployment import find as find_deployment
from spotkiln.cli.output import Voice
from spotkiln.errors import DeadlineExceeded, InputError
from spotkiln.release.release import Outcome
from spotkiln.release.result import Result
from spotkiln.start.deployment import Deployment
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi

RUN, LINES = UUID(int=7), [UUID(int=n) for n in range(20, 24)]
READ = f"GET /flow_runs/{RUN}"
HELD = Result(release="shop-000000000000", outcome=Outcome.HELD, cause="a rollback left it")


class Said(Voice):
    """What was told, in order."""

    def __init__(self) -> None:
        super().__init__(sys.stdout, None)
        self.lines: list[str] = []

    def line(self, text: str, level: str = "INFO") -> None:
        self.lines.append(f"{level} {text}" if level != "INFO" else text)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(runs, "LAST_LINES_SECONDS", 0.0)


def one_after_the_other(*found: Any) -> Any:
    """Answers with these, and goes on answering with the last."""
    left = list(found)
    return lambda _: (200, left.pop(0) if len(left) > 1 else left[0])


def test_a_deployment_is_found_with_and_without_its_flow(fake: FakeApi) -> None:
    told = answers.deployment("shop")
    fake.answers["GET /deployments/name/release/shop"] = lambda _: (200, told)
    fake.answers["POST /deployments/filter"] = lambda _: (200, [told, answers.deployment("blog")])
    for name in ("shop", "release/shop"):
        assert find_deployment("release", name).name == "release/shop"
    with pytest.raises(
        InputError, match=r"no deployment release/web; there are: release/blog, rel"
    ):
        find_deployment("release", "web")


def test_a_run_says_who_started_it(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "getuser", lambda: "ada")
    ident = UUID(int=9)
    path = f"POST /deployments/{ident}/create_flow_run"
    fake.answers[path] = lambda _: (200, answers.run(RUN, "SCHEDULED"))
    deployment = Deployment(id=ident, name="release/shop")
    assert runs.start(deployment, {"force": True}) == str(RUN)
    (asked,) = fake.bodies(path)
    assert (asked["tags"], asked["parameters"]) == (["trigger:command", "by:ada"], {"force": True})


def test_whoever_has_no_name_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(runs, "getuser", nobody)
    assert runs.user() == ""


def test_a_run_is_found_by_its_id_or_its_name(fake: FakeApi) -> None:
    there = [answers.run(RUN)]
    fake.answers[READ] = lambda _: (200, there[0])
    fake.answers["POST /flow_runs/filter"] = lambda _: (200, there)
    assert runs.find(str(RUN)) == runs.find("shop 3f2a91c push") == str(RUN)
    there.clear()
    with pytest.raises(InputError, match="no run named 'nobody'"):
        runs.find("nobody")
    with pytest.raises(InputError, match=f"no run {UUID(int=8)}; the UI lists them"):
        runs.find(str(UUID(int=8)))


def test_a_run_is_followed_to_its_end(fake: FakeApi) -> None:
    fake.answers[READ] = one_after_the_other(
        answers.run(RUN, state=answers.state("PAUSED", "Suspended")),
        answers.run(RUN, "RUNNING"),
        answers.run(RUN, "RUNNING"),
        answers.run(RUN, "COMPLETED"),
    )
    first, last = answers.log(LINES[1], "all is well"), answers.log(LINES[3], "no room", 40)
    fake.answers["POST /logs/filter"] = one_after_the_other(
        [],
        [first],
        # One that came late stands between those seen; of a task's end Prefect does not tell which.
        [answers.log(LINES[0], "late"), first, answers.log(LINES[2], runs.NAMELESS)],
        [answers.log(LINES[0], "late"), first, last],
    )
    bar = {"type": "progress", "description": "health gate", "data": 40.0}
    fake.answers["POST /artifacts/filter"] = one_after_the_other([], [bar])
    kept = HELD.model_dump_json()  # A note is JSON, and its text is JSON of our own.
    fake.answers[f"GET /flow_runs/{RUN}/input/release"] = lambda _: (200, kept)
    said = Said()
    end = runs.follow(str(RUN), said)
    assert said.lines == [
        f"waits for an approval: http://ui.test/runs/flow-run/{RUN}",
        "12:00:00 all is well",
        "health gate: 40 %",
        "12:00:00 late",
        "ERROR 12:00:00 ERROR: no room",
    ]
    assert (end.state, end.outcome, end.cause) == ("COMPLETED", "held", "a rollback left it")
    assert (end.url, end.seconds) == (f"http://ui.test/runs/flow-run/{RUN}", 61.0)


def test_a_run_that_does_not_end_is_left_to_itself(fake: FakeApi) -> None:
    fake.answers[READ] = lambda _: (200, answers.run(RUN, "RUNNING"))
    fake.answers["POST /logs/filter"] = lambda _: (200, [])
    fake.answers["POST /artifacts/filter"] = lambda _: (200, [])
    with pytest.raises(DeadlineExceeded, match=r"to end \(it goes on\); last seen: Running"):
        runs.follow(str(RUN), Said(), deadline_seconds=0.0)


def test_all_lines_of_a_run(fake: FakeApi) -> None:
    fake.answers["POST /logs/filter"] = lambda _: (200, [answers.log(LINES[0], "one")])
    assert [str(line) for line in runs.lines(str(RUN))] == ["12:00:00 one"]
