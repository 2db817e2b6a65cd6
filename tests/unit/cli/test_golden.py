"""Each command's main answer, byte for byte, in a pipe and in a terminal.

The files beside this one (`golden/`) have what is expected. With GOLDEN=write in the environment
they are written anew: read what has changed before you keep it. Of what needs AWS, what is shown is
looked at in test_golden_aws.py, and what is found in tests/cli; the tables' and lines' own forms
are in test_output.py.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from spotkiln.release.release import Outcome
from spotkiln.release.result import Result
from tests.unit.cli.terminal import in_a_pipe, in_a_terminal
from tests.unit.cli.test_golden_aws import CASES as OF_AWS
from tests.unit.cli.test_golden_runs import CASES as OF_RUNS
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi

pytestmark = pytest.mark.programs

GOLDEN = Path(__file__).parent / "golden"
RUN, COMMAND, SHOP, LINES = UUID(int=7 << 64), UUID(int=8 << 64), UUID(int=9), range(20, 40)
APP = {"name": "shop", "repository": "https://git.example/shop.git", "ref": "main"}
RED = Result(
    release="shop-000000000000",
    outcome=Outcome.FAILED,
    cause="2 of 9 tests failed",
    commit="3f2a91c0ffee",
    failed_tests=("Cart is empty at first", "Cart adds"),
    last_lines="Loading the cart\nNoMethodError: undefined method 'price'",
)
OF_RELEASE = (
    (".worker", "Worker 'worker, urgent' submitting flow run '00000000'", 20),
    (".worker", "Flow run 'prophetic-eagle' submitted to infrastructure", 20),
    ("", "Running 1 deployment pull step(s)", 20),
    ("", "Executing deployment step: set_working_directory", 20),
    ("", "Deployment step 'set_working_directory' completed successfully", 20),
    ("", "All deployment steps completed successfully", 20),
    ("", "Beginning flow run 'shop'", 20),
    (".stage", "look up", 20),
    ("", "commit 3f2a91c0ffee of main: Add a cart", 20),
    (".stage-end", "look up: 2 s", 20),
    (".stage", "test", 20),
    (".packer", "==> amazon-ebs.test: Waiting for SSH", 20),
    ("", "the machine has less memory than the servers", 30),
    ("", "Encountered exception during execution: X\nTraceback (most recent call last):\n  x", 40),
    (".stage-end", "test: failed after 31 s", 20),
)
OF_COMMAND = ((".command", "42 notes", 20), (".command", "  2 of them old", 20))


def logs(*lines: tuple[str, str, int]) -> list[dict[str, Any]]:
    return [
        {**answers.log(UUID(int=n), text, level), "name": f"prefect.task_runs{of}"}
        for n, (of, text, level) in zip(LINES, lines, strict=False)
    ]


@pytest.fixture
def prefect(fake: FakeApi) -> FakeApi:
    """One application. Its newest run has failed, and one command was carried out."""
    red = answers.run(
        RUN, name="shop 3f2a91c push", deployment_id=str(SHOP), tags=["trigger:push", "by:ada"],
        state=answers.state("FAILED", "Failed", message="2 of 9 tests failed"),
    )  # fmt: skip
    done = answers.run(
        COMMAND, name="shop: one command", parameters={"command": ["bin/notes"]},
        state=answers.state(message="it ended with 0"),
    )  # fmt: skip
    shop = {**answers.deployment("shop", parameters={"app": APP}), "id": str(SHOP)}

    def listed(body: dict[str, Any]) -> tuple[int, Any]:
        wanted = str(body.get("flows"))
        return 200, [shop] if "'release'" in wanted else []

    def runs(body: dict[str, Any]) -> tuple[int, Any]:
        return 200, [] if (body.get("flow_runs") or {}).get("name") else [red]

    def lines(body: dict[str, Any]) -> tuple[int, Any]:
        return 200, logs(*(OF_COMMAND if str(COMMAND) in str(body) else OF_RELEASE))

    fake.answers |= {
        "POST /deployments/filter": listed,
        "GET /deployments/name/release/shop": lambda _: (200, shop),
        "POST /flow_runs/filter": runs,
        f"GET /flow_runs/{RUN}": lambda _: (200, red),
        f"GET /flow_runs/{COMMAND}": lambda _: (200, done),
        f"GET /flow_runs/{RUN}/input/release": lambda _: (200, RED.model_dump_json()),
        "POST /logs/filter": lines,
        "POST /automations/filter": lambda _: (200, []),
        "POST /automations/": lambda _: (201, {"id": str(SHOP)}),
        f"POST /deployments/{SHOP}/create_flow_run": lambda _: (201, red),
    }
    return fake


CASES = {
    "list": ("list",),
    "history": ("history", "shop"),
    "release-failed": ("release", "shop"),
    "follow-command": ("follow", str(COMMAND)),
    "cancel-ended": ("cancel", str(RUN)),
    "automations": ("automations",),
    "check": ("check", "examples/dice"),
    "usage": ("release", "shop", "--forse"),
}


@pytest.mark.parametrize("look", [in_a_pipe, in_a_terminal])
@pytest.mark.parametrize("case", CASES)
def test_it_says_what_it_said(
    prefect: FakeApi, case: str, look: Callable[..., str], tmp_path: Path
) -> None:
    kept = ("PATH", "PYTHONPATH", "VIRTUAL_ENV")
    environment = {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "HOME": str(tmp_path),
        "USER": "ada",
        "LOGNAME": "ada",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "TZ": "UTC",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": prefect.url,
        "PREFECT_UI_URL": "http://ui.test",
        "PREFECT_CLIENT_MAX_RETRIES": "0",
    }
    found = look(environment, *CASES[case]).replace(prefect.url, "http://prefect.test/api")
    file = GOLDEN / f"{case}.{look.__name__.rpartition('_')[2]}"
    if os.environ.get("GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(found)
    assert found == file.read_text()


def test_there_is_no_file_without_a_command() -> None:
    assert {one.stem for one in GOLDEN.iterdir()} == {*CASES, *OF_AWS, *OF_RUNS}
