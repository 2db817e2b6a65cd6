"""`spotkiln run`: what is shown of a run, where, and what the command ends with."""

from typing import Any
from uuid import UUID

import pytest

from spotkiln.cli import command, runs
from spotkiln.errors import InputError
from spotkiln.release.command import CommandEnd, CommandSpec
from spotkiln.start.deployment import Deployment
from tests.unit.cli.test_runs import one_after_the_other
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi

RUN, DEPLOYMENT = UUID(int=7), UUID(int=9)
READ = f"GET /flow_runs/{RUN}"
START = f"POST /deployments/{DEPLOYMENT}/create_flow_run"
SLEEP = "spotkiln.cli.command.time.sleep"
SHOP = Deployment(id=UUID(int=8), name="release/shop")
SPEC = CommandSpec(app="shop", command=("echo", "a b"), seconds=60)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POLL_SECONDS", "LAST_LINES_SECONDS"):
        monkeypatch.setattr(command, name, 0.0)
    monkeypatch.setattr(runs, "getuser", lambda: "ada")


def logged(*lines: tuple[str, str]) -> list[dict[str, Any]]:
    """Of each the end of its logger's name, and its text."""
    return [
        {**answers.log(UUID(int=n), text), "name": f"prefect.task_runs{of}"}
        for n, (of, text) in enumerate(lines, 1)
    ]


LINES = logged(
    ("", "a t3.small of ami-1"),
    (".packer", "==> amazon-ebsvolume.task: Waiting for SSH"),
    (".command", "  indented"),
    (".command", ""),
    (".command", "last"),
)


def start(fake: FakeApi, ended: CommandEnd | None) -> None:
    its = {**answers.deployment("command"), "id": str(DEPLOYMENT)}
    fake.answers["POST /deployments/filter"] = lambda _: (200, [its])
    fake.answers[START] = lambda _: (200, answers.run(RUN, "SCHEDULED"))
    fake.answers["POST /logs/filter"] = one_after_the_other(LINES[:3], LINES)
    if ended:
        kept = ended.model_dump_json()
        fake.answers[f"GET /flow_runs/{RUN}/input/command"] = lambda _: (200, kept)
    else:
        fake.answers[f"GET /flow_runs/{RUN}/input/command"] = lambda _: (404, {})


def test_its_own_lines_are_on_stdout_and_all_else_beside(
    fake: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    start(fake, CommandEnd(code=3, why="it ended with exit status 3"))
    fake.answers[READ] = one_after_the_other(
        answers.run(RUN, "RUNNING"), answers.run(RUN, "FAILED")
    )
    done = command.carry_out(SHOP, SPEC, aside=False)
    said = capsys.readouterr()
    assert said.out == "  indented\n\nlast\n"
    assert "a t3.small is launched for it" in said.err
    assert "a t3.small of ami-1" in said.err
    assert "Waiting for SSH" not in said.err
    assert (done.code, done.why, done.state) == (3, "it ended with exit status 3", "FAILED")
    (asked,) = fake.bodies(START)
    assert asked["parameters"]["command"] == ["echo", "a b"]
    assert "echo" not in str(asked["tags"])
    fake.answers["POST /logs/filter"] = lambda _: (200, LINES)
    command.carry_out(SHOP, SPEC, aside=True)
    assert capsys.readouterr().out == ""


def test_a_run_that_leaves_no_end_has_failed(fake: FakeApi) -> None:
    start(fake, None)
    crashed = answers.state("CRASHED", message="the worker was lost")
    fake.answers[READ] = lambda _: (200, answers.run(RUN, state=crashed))
    done = command.carry_out(SHOP, SPEC, aside=False)
    assert (done.code, done.why) == (1, "the worker was lost")


def test_ctrl_c_cancels_the_run_and_waits_for_its_end(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(fake, None)
    path = f"POST /flow_runs/{RUN}/set_state"
    fake.answers[path] = lambda _: (200, {"state": None, "status": "ACCEPT", "details": {}})
    fake.answers[READ] = one_after_the_other(
        answers.run(RUN, "RUNNING"), answers.run(RUN, "CANCELLING"), answers.run(RUN, "CANCELLED")
    )

    def interrupted(_: float) -> None:
        monkeypatch.setattr(SLEEP, lambda _: None)
        raise KeyboardInterrupt

    monkeypatch.setattr(SLEEP, interrupted)
    done = command.carry_out(SHOP, SPEC, aside=False)
    assert (done.code, done.why) == (130, "interrupted: command and machine were ended")
    (asked,) = fake.bodies(path)
    assert asked["state"]["type"] == "CANCELLING"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"command": ()}, "at least 1 item"),
        ({"command": ("",)}, "got an empty name"),
        ({"command": ("a", "b\0")}, "a NUL character"),
        ({"command": ("a",), "seconds": 1}, "greater than or equal to 5"),
    ],
)
def test_what_is_no_command(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        CommandSpec(app="shop", **given)


def test_none_at_all_is_told_how_to_be_written() -> None:
    with pytest.raises(InputError, match="`spotkiln run shop -- bin/rails runner"):
        command.spec_of(SHOP, (), 60)


def test_what_another_version_wrote_is_no_end() -> None:
    assert CommandEnd.parse("{}") is None
    assert CommandEnd.parse(CommandEnd(code=2).model_dump_json()) == CommandEnd(code=2)


def test_what_prefect_makes_of_a_failed_run_is_not_shown(
    fake: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    """Packer's own errors are: they may be all that tells why there was no machine."""
    start(fake, CommandEnd(code=3, why="it ended with exit status 3"))
    fake.answers[READ] = lambda _: (200, answers.run(RUN, "FAILED"))
    failed = "Engine execution exited with unexpected exception\nTraceback (most recent call last):"
    errors = [
        {**one, "level": 40}
        for one in logged(("", failed), (".packer", "Error launching source instance: quota"))
    ]
    fake.answers["POST /logs/filter"] = lambda _: (200, errors)
    command.carry_out(SHOP, SPEC, aside=False)
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "ERROR: Error launching source instance: quota" in said
