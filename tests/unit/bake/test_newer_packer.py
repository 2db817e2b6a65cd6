"""What a newer Packer is given more."""

from pathlib import Path

import pytest

from spotkiln.bake.newer_packer import METADATA, template_for, with_more
from spotkiln.bake.variables import TEMPLATES

EACH = ["app", "base", "task", "test"]


@pytest.mark.parametrize("name", EACH)
def test_the_oldest_takes_ours_as_they_are(name: str, tmp_path: Path) -> None:
    template = TEMPLATES / f"{name}.pkr.hcl"
    assert template_for((1, 6, 6), template, tmp_path) == template
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", EACH)
def test_builders_of_a_newer_one_answer_version_2_alone(name: str, tmp_path: Path) -> None:
    template = TEMPLATES / f"{name}.pkr.hcl"
    copy = template_for((1, 16, 0), template, tmp_path)
    assert copy == tmp_path / template.name
    text = copy.read_text()
    assert text.count(METADATA.strip()) == 1
    without = text.replace(METADATA.rstrip("\n"), "")
    assert without.replace(str(TEMPLATES), "${path.root}") == template.read_text()


def test_scripts_are_where_they_were() -> None:
    assert with_more('scripts = ["${path.root}/scripts/app.sh"]', Path("/opt/packer")) == (
        'scripts = ["/opt/packer/scripts/app.sh"]'
    )
