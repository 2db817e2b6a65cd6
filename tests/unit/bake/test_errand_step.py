"""A command that has begun is carried out once, whatever becomes of its machine."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spotkiln.aws.bake import builder
from spotkiln.bake.builder import Access
from spotkiln.bake.errand import BEGINS, HAS_ENDED, Ended
from spotkiln.bake.packer_output import PackerRun
from spotkiln.errors import CutOff, InfrastructureError, may_be_tried_again
from spotkiln.tasks.bake import builder as machines
from spotkiln.tasks.bake import errand as steps
from tests.unit.bake.test_errand import errand, home, unit

TOO_LONG = InfrastructureError("Packer did not end in 1800 s")
# Packer begins each line of a script with its builder's name.
SAYS = "    amazon-ebsvolume.task: "


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose machines were ended by us."""
    found: list[str] = []
    monkeypatch.setattr(steps, "discard_builders", lambda _, owner, __: found.append(owner))
    return found


@pytest.fixture
def packer(monkeypatch: pytest.MonkeyPatch, ended: list[str]) -> Callable[..., None]:
    """Sets what Packer does: whether the command begins, what comes home, how Packer ends."""

    def does(*, begins: bool, facts: str = "", error: Exception | None = None) -> None:
        def run(*given: Any, heard: Callable[[str], None], **_: Any) -> PackerRun:
            variables = given[2]
            if begins:
                heard(SAYS + BEGINS)
            if facts:
                home(Path(variables["report_dir"]), facts, "said\n")
                heard(SAYS + HAS_ENDED)
            if error:
                raise error
            return PackerRun(exit_code=0 if facts else 1)

        monkeypatch.setattr(steps, "run_template", run)

    def away(*_: Any) -> None:
        raise InfrastructureError("EC2 is away")

    access = Access(security_group="sg-ssh", key_pair="spotkiln-builder-1")
    monkeypatch.setattr(steps, "connect", lambda region: SimpleNamespace(region=region))
    monkeypatch.setattr(machines, "open_access", lambda *_: access)
    for module in (steps, builder):
        monkeypatch.setattr(module, "delete_group", away, raising=False)
    return does


def test_how_it_ended_counts_even_if_its_group_cannot_be_deleted(
    packer: Callable[..., None], tmp_path: Path
) -> None:
    packer(begins=True, facts=unit(1, 0))
    done = steps.carry_out(errand(folder=tmp_path / "errand"), "run")
    assert done == Ended(code=0, last_lines="said")


def test_how_it_ended_counts_even_if_packer_does_not_end(
    packer: Callable[..., None], ended: list[str], tmp_path: Path
) -> None:
    packer(begins=True, facts=unit(1, 3, "exit-code", "failed"), error=TOO_LONG)
    its = errand(folder=tmp_path / "errand")
    assert steps.carry_out(its, "run").code == 3
    assert ended == [its.owner]


@pytest.mark.parametrize("error", [None, TOO_LONG])
def test_what_was_cut_off_is_not_tried_again(
    packer: Callable[..., None], tmp_path: Path, error: Exception | None
) -> None:
    packer(begins=True, error=error)
    with pytest.raises(CutOff, match="lost while it carried out the command") as found:
        steps.carry_out(errand(folder=tmp_path / "errand"), "run")
    assert not may_be_tried_again(found.value)


@pytest.mark.parametrize("error", [None, TOO_LONG])
def test_what_has_not_begun_is_tried_again(
    packer: Callable[..., None], tmp_path: Path, error: Exception | None
) -> None:
    packer(begins=False, error=error)
    with pytest.raises(InfrastructureError) as found:
        steps.carry_out(errand(folder=tmp_path / "errand"), "run")
    assert may_be_tried_again(found.value)
