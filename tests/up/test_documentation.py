"""Every command block of the documentation that is marked runs as it is typed there, beside a
`make up` with simulated machines."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from examples.repositories import ROOT, make_demo
from tests.up.runnable import Block, all_blocks, script, yaml_blocks
from tests.up.test_ends import END_SECONDS, Up

TUTORIAL = ROOT / "docs" / "tutorial-your-application.md"
RUN_SECONDS = 900
pytestmark = [pytest.mark.prefect, pytest.mark.sandbox, pytest.mark.timeout(2 * RUN_SECONDS)]
WHO = {
    "GIT_AUTHOR_NAME": "Somebody",
    "GIT_AUTHOR_EMAIL": "somebody@example.com",
    "GIT_COMMITTER_NAME": "Somebody",
    "GIT_COMMITTER_EMAIL": "somebody@example.com",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A working tree, so to speak: all is this one's but for its build folder and prefect.yaml."""
    folder = tmp_path / "spotkiln"
    folder.mkdir()
    for one in ROOT.iterdir():
        if not one.name.startswith("build") and one.name != "prefect.yaml":
            (folder / one.name).symlink_to(one)
    shutil.copy(ROOT / "prefect.yaml", folder)
    (folder / "build").mkdir()
    # What is tested may be installed in another environment (PREFECT=3.9.1).
    (folder / ".venv").unlink(missing_ok=True)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def run(tree: Path, found: list[Block]) -> str:
    """In one shell; what it said."""
    assert found
    typed = tree.parent / "typed"
    typed.write_text("a-value-that-is-typed\n")
    done = subprocess.run(
        ["bash", "-c", script(found, typed)],
        cwd=tree,
        env={**os.environ, **WHO},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:]
    return done.stdout


def test_what_is_typed_beside_make_up(tree: Path) -> None:
    """And the tutorial, from nothing to two environments: an application that nobody has described
    yet, with the stanzas of the tutorial. The image of staging is production's."""
    shop = make_demo(tree.parent / "shop")
    subprocess.run(["git", "-C", str(shop), "branch", "-m", "v1", "main"], check=True)
    (stanzas,) = [one for one in yaml_blocks(TUTORIAL) if "shop-staging" in one]
    up = Up(tree / "build")
    process = up.start()
    said = run(tree, [one for one in all_blocks() if one.where == "up"])
    assert said.count("\n+ ") > 10
    with (tree / "prefect.yaml").open("a") as file:
        file.write(stanzas)
    said = run(tree, [one for one in all_blocks() if one.where == "tutorial"])
    told = up.said
    for name in ("shop-staging", "shop"):
        assert f"target group {name}: made: port 3000, health at /up, http://" in told
    for name in ("staging", "production"):
        assert f"instance profile shop-{name}: made, reads /shop/{name}/" in told
    of_plan = said.partition("spotkiln plan shop ")[2].partition("spotkiln release shop ")[0]
    assert "image: reuse ami-" in of_plan, of_plan
    process.send_signal(signal.SIGINT)
    assert process.wait(END_SECONDS) == 0, up.said
