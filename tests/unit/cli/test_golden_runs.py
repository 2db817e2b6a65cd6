"""What the commands that start a run and follow it show, byte for byte, in a pipe and in a
terminal: reconcile with something to do and with nothing, and a release that waits for the end of a
freeze. The files in `golden/` have what is expected; test_golden.py says how they are written.
"""

import os
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from spotkiln.cli import runs
from spotkiln.cli.main import main
from spotkiln.keep.action import Action, Verb
from spotkiln.keep.housekeeping import Reconciled, ending
from tests.unit.cli.terminal import in_a_pipe_here, in_a_terminal_here
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi

GOLDEN = Path(__file__).parent / "golden"
RUN, DEPLOYMENT = UUID(int=7 << 64), UUID(int=9)
ACTIONS = (
    Action(
        verb=Verb.RETIRE_FLEETS, ids=("sfr-73fbd2ce-aa30-494c-8788-1cee4EXAMPLE",),
        why="its release ended before the health gate had decided", target_group="website",
    ),
    Action(
        verb=Verb.DISCARD_IMAGE, ids=("ami-0123456789abcdef0",),
        why="its release ended, and it was never promoted",
    ),
)  # fmt: skip
NOTHING, TODO, DONE = Reconciled(), Reconciled(todo=ACTIONS), Reconciled(done=ACTIONS)

CASES: dict[str, tuple[tuple[str, ...], Reconciled]] = {
    "reconcile-dry-nothing": (("reconcile", "--dry-run"), NOTHING),
    "reconcile-dry-todo": (("reconcile", "--dry-run"), TODO),
    "reconcile-done": (("reconcile",), DONE),
}


@pytest.fixture
def ends(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Callable[[Reconciled], None]:
    """Its run ends so."""
    monkeypatch.setattr(runs, "getuser", lambda: "ada")
    monkeypatch.setattr(runs, "LAST_LINES_SECONDS", 0.01)
    its = {**answers.deployment("reconcile"), "id": str(DEPLOYMENT)}
    fake.answers["GET /deployments/name/reconcile/reconcile"] = lambda _: (200, its)

    def so(found: Reconciled) -> None:
        name, message = ending(found)
        ended = answers.run(
            RUN, name="reconcile", state=answers.state("COMPLETED", str(name), message=message)
        )
        fake.answers |= {
            f"POST /deployments/{DEPLOYMENT}/create_flow_run": lambda _: (201, ended),
            f"GET /flow_runs/{RUN}": lambda _: (200, ended),
            "POST /logs/filter": lambda _: (200, []),
        }

    return so


@pytest.mark.parametrize("look", [in_a_pipe_here, in_a_terminal_here])
@pytest.mark.parametrize("case", CASES)
def test_it_says_what_it_said(
    ends: Callable[[Reconciled], None], case: str, look: Callable[[Callable[[], int]], str]
) -> None:
    typed, found = CASES[case]
    ends(found)
    shown = look(lambda: main(typed))
    where = "pipe" if look is in_a_pipe_here else "terminal"
    file = GOLDEN / f"{case}.{where}"
    if os.environ.get("GOLDEN") == "write":
        file.write_text(shown)
    assert shown == file.read_text()
