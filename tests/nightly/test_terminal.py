"""`spotkiln base`: lines side by side, each made from the terminal by a worker's run."""

import json
from collections.abc import Iterator

import pytest

from rehearsal.account import tags_of
from sandbox.machines.simulated.machines import DEBIAN
from spotkiln.cli.main import main
from tests.cli.conftest import settings_of
from tests.nightly.conftest import OLD, Nights
from tests.sandbox.account import eventually

pytestmark = [pytest.mark.sandbox, pytest.mark.prefect, pytest.mark.timeout(600)]


class Terminal:
    """Exit code and output of a command."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str]:
        self._capsys.readouterr()
        code = main(arguments)
        said = self._capsys.readouterr()
        return code, said.out + said.err


@pytest.fixture
def command(
    served: Nights, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Terminal]:
    for name, value in served.world.box.environment.items():
        monkeypatch.setenv(name, value)
    with settings_of(served.world):
        yield Terminal(capsys)


def test_a_line_is_listed_made_and_made_again(command: Terminal, served: Nights) -> None:
    code, said = command("base", "--json")
    rails, node = sorted(json.loads(said), key=lambda one: one["name"], reverse=True)
    assert (code, node["name"], node["image"]) == (0, "node-base", "")
    assert (rails["image"], rails["applications"]) == (served.bases()[-1], ["blog", "shop"])

    served.packages(*OLD, "nodejs=20", "has node=20.19.2")
    code, said = command("base", "node-base")
    assert code == 0, said
    assert "it has Node 20.19.2" in said
    (made,) = [x for x in served.own().values() if x["Name"].startswith("node-base ")]
    assert "rebuilt in " in said
    assert made["ImageId"] in said
    assert tags_of(made)["spotkiln:node"] == "20.19.2"

    code, said = command("base", "node-base", "--detailed-exit-code")
    assert (code, "unchanged in" in said) == (3, True), said
    code, said = command("base")
    assert code == 0
    assert f"{made['ImageId']}" in said
    assert "node 20.19.2" in said


def test_one_that_cannot_be_made_leaves_nothing_and_ends_with_its_cause(
    command: Terminal, served: Nights
) -> None:
    before = served.inventory()
    served.world.box.script(match={"image_id": DEBIAN.image_id}, build="broken")
    try:
        code, said = command("base", "node-base")
    finally:
        served.world.box.script(match={"image_id": DEBIAN.image_id}, build="")
    assert code == 1
    eventually(lambda: served.inventory() == before, what=f"{before}")
    assert "the packages of the base image node-base could not be installed" in said


def test_a_line_that_nobody_deployed_is_told_before_anything_is_made(command: Terminal) -> None:
    code, said = command("base", "python-base")
    assert code == 2
    assert "no line 'python-base'; there are: node-base, rails-base" in said
