"""Whoever read the output has closed it, as `head` does: what that means for the exit code."""

import os
import subprocess
import sys
from uuid import UUID

import pytest

from tests.unit.nouns import ROOT
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi

pytestmark = pytest.mark.programs

RUN, DEPLOYMENT = UUID(int=7), UUID(int=9)
PROGRAM = "import sys; from spotkiln.cli.main import main; sys.exit(main({!r}))"
GOES_ON = "the run goes on"


def typed(fake: FakeApi, *arguments: str) -> tuple[int, str]:
    """Exit code and stderr, with a stdout that nobody reads."""
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(list(arguments))],
        cwd=ROOT,
        env={**os.environ, "PREFECT_API_URL": fake.url, "PREFECT_CLIENT_MAX_RETRIES": "0"},
        stdout=writes,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=100,
    )
    os.close(writes)
    return done.returncode, done.stderr


@pytest.fixture
def shop(fake: FakeApi) -> FakeApi:
    """A Prefect with an application, and a run that goes on."""
    told = answers.deployment("shop", parameters={"app": {"name": "shop", "repository": "."}})
    fake.answers["GET /deployments/name/release/shop"] = lambda _: (200, told)
    command = {**answers.deployment("command"), "id": str(DEPLOYMENT)}
    fake.answers["POST /deployments/filter"] = lambda _: (200, [command])
    for ident in (told["id"], str(DEPLOYMENT)):
        fake.answers[f"POST /deployments/{ident}/create_flow_run"] = lambda _: (
            200,
            answers.run(RUN, "SCHEDULED"),
        )
    fake.answers[f"GET /flow_runs/{RUN}"] = lambda _: (200, answers.run(RUN, "RUNNING"))
    line = {**answers.log(UUID(int=1), "said"), "name": "prefect.task_runs.command"}
    fake.answers["POST /logs/filter"] = lambda _: (200, [line])
    fake.answers["POST /artifacts/filter"] = lambda _: (200, [])
    return fake


@pytest.mark.parametrize("typed_", [("release", "shop"), ("follow", str(RUN))])
def test_what_comes_of_a_run_is_not_known_and_so_no_success(
    shop: FakeApi, typed_: tuple[str, ...]
) -> None:
    code, said = typed(shop, *typed_)
    assert code == 1
    assert f"{GOES_ON}; `spotkiln cancel 00000000` ends it" in said
    assert "Traceback" not in said
    assert "Exception ignored" not in said


def test_a_command_goes_on_and_its_end_is_not_known(shop: FakeApi) -> None:
    code, said = typed(shop, "run", "shop", "--", "ls")
    assert code == 1
    assert f"{GOES_ON}: `spotkiln cancel 00000000` ends command and machine" in said
    assert "Traceback" not in said


def test_what_only_tells_has_told_enough(shop: FakeApi) -> None:
    shop.answers["POST /deployments/filter"] = lambda _: (200, [])
    code, said = typed(shop, "list")
    assert (code, said) == (0, "")
