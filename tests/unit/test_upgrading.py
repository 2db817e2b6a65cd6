"""The notes for upgrading: there are some for this version, and what they say can be done."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.flows import load_flow_from_entrypoint

from spotkiln import __version__
from spotkiln.cli.parameters import refuse_wrong
from tests.unit.nouns import ROOT

NOTES = (ROOT / "docs" / "upgrading.md").read_text()
VERSIONS = re.findall(r"^## (\d+\.\d+\.\d+)$", NOTES, re.MULTILINE)
# What a file's key was and is, by section: | `key` | `before` | `now` |
CHANGES: list[tuple[str, str, str]] = re.findall(
    r"^\| `(\w+)` \| `([^`]+)` \| `([^`]+)` \|$", NOTES, re.MULTILINE
)


def test_this_version_has_notes_and_they_begin_with_it() -> None:
    assert VERSIONS[0] == __version__
    numbers = [tuple(map(int, one.split("."))) for one in VERSIONS]
    assert numbers == sorted(numbers, reverse=True)


def test_each_upgrade_brings_the_accounts_rights_before_the_workers() -> None:
    """Rights are data of the version: a new worker may ask AWS for what an old one did not."""
    steps = re.findall(r"^\d+\. (.+?)(?=^\d+\. |^$)", NOTES, re.MULTILINE | re.DOTALL)
    (account,) = [at for at, one in enumerate(steps) if "`spotkiln account apply`" in one]
    (workers,) = [at for at, one in enumerate(steps) if "SIGTERM" in one]
    assert account < workers
    assert "Terraform" in steps[account]
    assert "build their image again" in steps[account]
    readme = (ROOT / "spotkiln" / "template" / "README.md").read_text()
    assert "`spotkiln account apply`" in readme.partition("## A newer Spotkiln")[2]


def test_the_changelog_and_the_notes_know_the_same_versions() -> None:
    told = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert told == VERSIONS


@pytest.mark.parametrize(("key", "before", "now"), CHANGES)
def test_what_a_key_became_is_there(key: str, before: str, now: str) -> None:
    assert key == "entrypoint"
    assert load_flow_from_entrypoint(now).name == now.rpartition(".")[2]
    assert before.rpartition(":")[2] == now.rpartition(".")[2]


# What there was not before the first version that is installed.
NEW = {"spotkiln.flows.steer.steer"}


def _before(entrypoint: str) -> str:
    known = (before for _, before, now in CHANGES if now == entrypoint)
    return entrypoint if entrypoint in NEW else next(known)


def test_a_file_of_before_is_brought_up_to_date_by_the_notes(tmp_path: Path) -> None:
    """Each entrypoint of today has its note; and a file that is changed by them is taken."""
    shipped: dict[str, Any] = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    shipped.pop("definitions")
    text = yaml.safe_dump(shipped)
    old = re.sub(r"spotkiln\.flows\.[\w.]+", lambda found: _before(found[0]), text)
    assert set(re.findall(r"spotkiln\.flows\.[\w.]+", old)) == NEW
    for _, before, now in CHANGES:
        old = old.replace(before, now)
    file = tmp_path / "prefect.yaml"
    file.write_text(old)
    assert old == text
    assert refuse_wrong(str(file)) == {}
