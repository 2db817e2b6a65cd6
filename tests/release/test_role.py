"""An account that is entered by a role: all that a release does there, Packer included, is done in
that role, and who does not say the external id is not let in."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from rehearsal.prefect_local import ROOT
from rehearsal.worker import entering
from spotkiln.account.roles import WORKER
from tests.release.life import change_account
from tests.reliability.flow_process import Zygote
from tests.reliability.world import SPEED, World

EXTERNAL_ID = "acme-7"
pytestmark = [pytest.mark.sandbox, pytest.mark.prefect, pytest.mark.timeout(600)]
ENTERS = "from spotkiln.aws.session import connect; connect('eu-west-1')"


def enters(variables: dict[str, str]) -> str:
    """What is said where a process connects with these; empty: it was let in."""
    done = subprocess.run(
        [sys.executable, "-c", ENTERS],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stderr


@pytest.fixture
def world_with_id(world: World) -> Iterator[World]:
    """Its worker's role lets in only who says the id."""
    change_account(world, WorkerExternalId=EXTERNAL_ID)
    yield world
    change_account(world, WorkerExternalId="")


def test_a_release_enters_the_account_by_its_role(world_with_id: World) -> None:
    world = world_with_id
    variables = {**world.environment, **entering(world.box, EXTERNAL_ID)}
    other = enters({**variables, "SPOTKILN_EXTERNAL_ID": "acme-8"})
    assert f"no right to AssumeRole (role arn:aws:iam::123456789012:role/{WORKER})" in other
    assert enters(variables) == ""
    world.box.forget_rights()
    with Zygote(world.home / "role", variables, SPEED) as zygote:
        zygote.wait_until_ready()
        released = zygote.start("release", world.parameters("v1", "in a role")).result()
    assert released.get("outcome") == "released", released
    assert world.look_once_quiet().problems() == []
    # Packer's calls are among them: it has no other key.
    rights = world.box.rights()[WORKER]
    assert {"ec2:CreateImage", "ec2:RunInstances"} <= {x["action"] for x in rights["allowed"]}
    assert rights["refused"] == []
    made = [x for x in world.box.calls() if x["operation"] == "CreateImage"]
    assert len(made) == 1
