"""What the documentation says of the code, where that can be looked up."""

import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from sys import executable
from typing import Any

import pytest
import yaml

from rehearsal.lines import OWN_GEMS
from spotkiln.bake.base import BaseSpec
from spotkiln.bake.builder import BuildSettings
from spotkiln.bake.infra_names import InfraNames
from spotkiln.bake.manifest import read_manifest
from spotkiln.flows.nightly import nightly
from spotkiln.release.event import event_of
from spotkiln.release.release import Outcome
from spotkiln.serve.spec import FleetSpec
from spotkiln.start.night import NightSpec
from tests.unit.nouns import ROOT
from tests.unit.show.test_page import release

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = "spotkiln|tasks|flows|tests|packer|systemd|sandbox|scripts|examples|docs"
# A file by its path from the repository's top; not one of a host, as /etc/spotkiln/worker.env.
FILE = re.compile(rf"(?<![\w/.-])(?:{FOLDERS})/[\w./-]+\.(?:py|sh|md|hcl|yaml|service)\b")


@pytest.mark.parametrize("page", PAGES, ids=lambda one: one.name)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    named = set(FILE.findall(page.read_text()))
    assert sorted(one for one in named if not (ROOT / one).exists()) == []


@pytest.mark.skipif(find_spec("mkdocs") is None, reason="mkdocs is not installed")
@pytest.mark.programs
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """Links, the places that they lead to, and the generated pages. A warning is an error there."""
    made = subprocess.run(
        [
            "make",
            "-s",
            "--assume-old=.venv/.done",
            "docs",
            f"PYTHON={executable}",
            f"SITE={tmp_path}",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "index.html").is_file()


def test_pages_name_files() -> None:
    """The pattern above finds them."""
    assert len({one for page in PAGES for one in FILE.findall(page.read_text())}) > 30


@pytest.mark.parametrize("guide", sorted((ROOT / "docs" / "guides").glob("*.md")), ids=str)
def test_what_a_guide_writes_into_spotkiln_yaml_is_right(guide: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", guide.read_text(), re.DOTALL)
    # Those of other files, such as a framework's, begin with their names.
    blocks = [x for x in blocks if not re.match(r"# (?!spotkiln\.yaml)[\w./-]+\.ya?ml\n", x)]
    assert blocks
    for block in blocks:
        read_manifest(block.encode(), guide.name)


def test_the_map_tells_of_every_outcome_of_a_release() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    table = text.partition("## All ways in which a release can end")[2]
    told = set(re.findall(r"^\| `([a-z ]+)` \|", table, re.MULTILINE))
    assert told == {one.replace("_", " ") for one in Outcome}


BASES = (ROOT / "docs" / "bases.md").read_text()
BLOCKS = [yaml.safe_load(one) for one in re.findall(r"```yaml\n(.*?)```", BASES, re.DOTALL)[2:]]
LINES = [one for one in BLOCKS if "base" in one]
(BOTH,) = [one for one in BLOCKS if "base" not in one]


def test_what_a_deployment_says_for_two_architectures_is_right() -> None:
    assert InfraNames.model_validate(BOTH["infra"]).other_base_image
    assert BuildSettings.model_validate(BOTH["build"]).other_instance_types
    assert FleetSpec.model_validate(BOTH["fleet"]).instance_types


@pytest.mark.parametrize("line", LINES, ids=lambda one: one["base"]["name"])
def test_a_line_can_be_copied_from_its_page(line: dict[str, Any]) -> None:
    assert NightSpec.model_validate(line).base.name == line["base"]["name"]


def test_a_lines_deployment_can_be_copied_from_its_page() -> None:
    stanza = re.findall(r"```yaml\n(.*?)```", BASES, re.DOTALL)[1]
    (made,) = yaml.safe_load(stanza.replace("*work_pool", "{name: spotkiln}"))
    assert made["entrypoint"] == "spotkiln.flows.nightly.nightly"
    assert nightly.validate_parameters(made["parameters"])["base"].packages == ["nodejs", "npm"]


def test_the_page_of_base_images_names_the_packages_for_rails() -> None:
    """Who wants others beside them has to name these too."""
    template = (ROOT / "packer" / "base.pkr.hcl").read_text()
    default = re.search(r'variable "packages" \{.*?default = \[(.*?)\]', template, re.DOTALL)
    assert default
    told = re.search(
        r"those for Rails, which are Debian's own gems: (.*?)\. They", BASES, re.DOTALL
    )
    assert told
    assert re.findall(r"`([^`]+)`", told[1]) == re.findall(r'"([^"]+)"', default[1])


def test_the_line_of_ruby_is_that_of_a_rehearsal() -> None:
    (line,) = (one["base"] for one in LINES if one["base"]["name"] == "ruby")
    assert line["packages"] == [*OWN_GEMS["packages"], "postgresql"]


def test_the_page_of_base_images_names_every_key_and_its_default() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| .* \| (?:`([^`]*)`|[^|]*) \|$", BASES, re.MULTILINE))
    assert told.keys() == BaseSpec.model_fields.keys()
    given = {name: default for name, default in told.items() if default}
    assert given == {"name": BaseSpec().name, "source_image": BaseSpec().source_image}


def test_following_names_every_state_and_event_of_a_release_and_what_an_event_tells() -> None:
    text = (ROOT / "docs" / "following.md").read_text()
    missing = [one for one in Outcome if f"`{str(one).capitalize()}`" not in text]
    assert missing == []
    events = [event_of(release(outcome=one)) for one in Outcome]
    started = event_of(release(), started=True)
    assert [one.name for one in [*events, started] if f"| `{one.name}` |" not in text] == []
    payload = text.partition("The payload: ")[2].partition(". A run that is killed")[0]
    assert set(re.findall(r"`(\w+)`", payload)) == set(started.payload)
