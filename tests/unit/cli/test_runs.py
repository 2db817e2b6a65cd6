"""A run is started by name, found, and followed to its end."""

import sys
from typing import Any
from uuid import UUID

import pytest

from spotkiln.cli import runs
from spotkiln.cli.commands.following import _code_of
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
FINISHED = "Finished in state Completed()"
HELD = Result(release="shop-000000000000", outcome=Outcome.HELD, cause="a rollback left it")


class Said(Voice):
    """What was told in a pipe, in order."""

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
    with pytest.raises(
        InputError, match=f"no run {UUID(int=8)}; `spotkiln history NAME` lists those"
    ):
        runs.find(str(UUID(int=8)))


class Passing(Said):
    """As on a terminal, where what passes is wiped out by the next."""

    def passing(self, text: str, plain: str) -> None:
        self.lines.append(f"passes: {text}")


@pytest.mark.parametrize(
    ("parameters", "last"),
    [({"command": ["echo"]}, "  42 notes"), ({"app": {"name": "shop"}}, "passes:   42 notes")],
)
def test_what_a_command_says_stays_as_it_is(
    fake: FakeApi, parameters: dict[str, Any], last: str
) -> None:
    """But not what a release's migration says: its page has that."""
    of_command = {**answers.log(LINES[1], "  42 notes"), "name": "prefect.task_runs.command"}
    listed = [answers.log(LINES[0], "a t3.small of ami-1"), of_command]
    fake.answers[READ] = lambda _: (200, answers.run(RUN, parameters=parameters))
    fake.answers["POST /logs/filter"] = lambda _: (200, listed)
    said = Passing()
    runs.follow(str(RUN), said)
    assert said.lines == ["passes: a t3.small of ami-1", last]


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
        # One that came late stands between those seen; Prefect tells of each task's end.
        [answers.log(LINES[0], "late"), first, answers.log(LINES[2], FINISHED)],
        [answers.log(LINES[0], "late"), first, last],
    )
    bar = {"type": "progress", "description": "health gate", "data": 40.0}
    fake.answers["POST /artifacts/filter"] = one_after_the_other([], [bar])
    kept = HELD.model_dump_json()  # A note is JSON, and its text is JSON of our own.
    fake.answers[f"GET /flow_runs/{RUN}/input/release"] = lambda _: (200, kept)
    said = Said()
    end = runs.follow(str(RUN), said)
    assert said.lines == [
        f"waits for an approval: http://ui.test/v2/runs/flow-run/{RUN}",
        "12:00:00 all is well",
        "health gate: 40 %",
        "12:00:00 late",
        "ERROR 12:00:00 ERROR: no room",
    ]
    assert (end.state, end.outcome, end.cause) == ("COMPLETED", "held", "a rollback left it")
    assert (end.url, end.seconds) == (f"http://ui.test/v2/runs/flow-run/{RUN}", 61.0)


def logged(*lines: tuple[str, str, int]) -> list[dict[str, Any]]:
    """Of each the end of its logger's name, its text and its level."""
    return [
        {**answers.log(UUID(int=n), text, level), "name": f"prefect.task_runs{of}"}
        for n, (of, text, level) in enumerate(lines, 1)
    ]


FAILS = logged(
    ("", "Beginning flow run 'shop'", 20),
    (".stage", "bake", 20),
    ("", "commit 3f2a91c", 20),
    (".packer", "==> amazon-ebs.app: Waiting for SSH", 20),
    ("", "Task run failed with exception: TestsFailed('2 failed') - Retries are exhausted", 40),
    ("", "Encountered exception during execution: X\nTraceback (most recent call last):\n  x", 40),
    (".stage-end", "bake: failed after 31 s", 20),
    ("", "could not discard it", 30),
    ("", "Finished in state Failed('2 failed')", 40),
)
SHORT_VERSION = [
    "12:00:00 commit 3f2a91c",
    "12:00:00 bake: failed after 31 s",
    "WARNING 12:00:00 WARNING: could not discard it",
]


@pytest.mark.parametrize(("verbose", "count"), [(False, 3), (True, len(FAILS))])
def test_neither_packer_nor_tracebacks_are_told_unasked(
    fake: FakeApi, verbose: bool, count: int
) -> None:
    fake.answers[READ] = lambda _: (200, answers.run(RUN, "FAILED"))
    fake.answers["POST /logs/filter"] = lambda _: (200, FAILS)
    said = Said()
    runs.follow(str(RUN), said, verbose=verbose)
    assert len(said.lines) == count
    if not verbose:
        assert said.lines == SHORT_VERSION


def test_a_failure_is_told_with_what_helps() -> None:
    end = runs.Ending(
        run=str(RUN),
        url="http://ui.test/run",
        state="FAILED",
        outcome="failed",
        cause="2 of 9 tests failed",
        failed_tests=("test_a", "test_b"),
        last_lines="\n".join(f"line {n}" for n in range(40)),
        seconds=31,
    )
    told = str(end).splitlines()
    assert told[:5] == [
        "failed in 31 s",
        "2 of 9 tests failed",
        "  test_a",
        "  test_b",
        "The application's last lines:",
    ]
    assert told[5:-1] == [f"  line {n}" for n in range(20, 40)]
    assert told[-1] == "http://ui.test/run"


def test_a_run_is_found_by_the_beginning_of_its_id(fake: FakeApi) -> None:
    known = [answers.run(UUID(int=n << 64)) for n in (0xABCD1234, 0xABCD5678, 0x12341234)]
    ids = [one["id"] for one in known]
    # By name there is none; then the newest are looked through.
    fake.answers["POST /flow_runs/filter"] = lambda body: (
        200,
        [] if (body.get("flow_runs") or {}).get("name") else known,
    )
    assert runs.find(ids[2][:13]) == ids[2]
    with pytest.raises(InputError, match=f"several runs begin with 0000.*{ids[0]}"):
        runs.find("0000")
    with pytest.raises(InputError, match="no run named 'abcdef'"):
        runs.find("abcdef")


def test_a_run_that_does_not_end_is_left_to_itself(fake: FakeApi) -> None:
    fake.answers[READ] = lambda _: (200, answers.run(RUN, "RUNNING"))
    fake.answers["POST /logs/filter"] = lambda _: (200, [])
    fake.answers["POST /artifacts/filter"] = lambda _: (200, [])
    with pytest.raises(DeadlineExceeded, match=r"to end \(it goes on\); last seen: Running"):
        runs.follow(str(RUN), Said(), deadline_seconds=0.0)


def test_all_lines_of_a_run(fake: FakeApi) -> None:
    fake.answers["POST /logs/filter"] = lambda _: (200, [answers.log(LINES[0], "one")])
    assert [str(line) for line in runs.lines(str(RUN))] == ["12:00:00 one"]


def test_a_run_that_waits_for_the_end_of_a_freeze_is_not_followed_until_then(
    fake: FakeApi,
) -> None:
    words = "frozen until Mon 2026-11-30 07:00 CET (Fri 16:00 - Mon 07:00 Europe/Berlin)"
    frozen = answers.run(RUN, state=answers.state("SCHEDULED", "Frozen", message=words))
    fake.answers[READ] = one_after_the_other(
        answers.run(RUN, state=answers.state("RUNNING", "Running")), frozen
    )
    fake.answers["POST /logs/filter"] = lambda _: (200, [])
    fake.answers["POST /artifacts/filter"] = lambda _: (200, [])
    end = runs.follow(str(RUN), Said())
    assert (end.outcome, end.cause, end.ok) == ("frozen", words, False)
    assert _code_of(end, detailed=True) == 5
    assert _code_of(end, detailed=False) == 1


def test_a_freeze_is_broken_by_a_name_and_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "getuser", lambda: "alice")
    assert runs.who_and_why(" INC-42: no orders ") == "alice: INC-42: no orders"
    for why in ("", "  ", "two\nlines", "x" * 501):
        with pytest.raises(InputError, match="expected why the freeze is broken"):
            runs.who_and_why(why)
    monkeypatch.setattr(runs, "getuser", lambda: "")
    with pytest.raises(InputError, match="from an account with a name"):
        runs.who_and_why("because")
