"""Automations from a file: what is read of it, and what is left out."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml

from spotkiln.cli import automations
from spotkiln.errors import InputError
from spotkiln.keep.housekeeping import End
from spotkiln.prefect_api.automation import Done
from spotkiln.release.release import Outcome
from spotkiln.start.night import NightOutcome
from spotkiln.tasks.keep.takedown import RETIRED
from tests.unit.prefect_api.conftest import FakeApi

BLOCK = UUID(int=5)
ROOT = Path(__file__).parents[3]


def told(name: str, **action: object) -> dict[str, Any]:
    trigger = {
        "type": "event", "posture": "Reactive", "expect": ["spotkiln.release.failed"],
        "match": {}, "threshold": 1, "within": 0,
    }  # fmt: skip
    return {"name": name, "trigger": trigger, "actions": [action or {"type": "do-nothing"}]}


def file(folder: Path, *listed: dict[str, Any]) -> Path:
    path = folder / "automations.yaml"
    path.write_text(yaml.safe_dump({"automations": list(listed)}))
    return path


@pytest.mark.parametrize(
    "text", ["", "[]", "automations: []", "automations: [{}]", "automations: [a]", "a: [b"]
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "automations.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match="automations"):
        automations.read(path)
    with pytest.raises(InputError, match="cannot read automations from"):
        automations.read(tmp_path / "other.yaml")


def test_a_block_is_put_in_by_its_id_and_without_it_the_automation_is_left_out(
    fake: FakeApi, tmp_path: Path
) -> None:
    block = {
        "id": str(BLOCK), "name": "releases", "data": {}, "block_schema_id": str(BLOCK),
        "block_type_id": str(BLOCK), "is_anonymous": False,
    }  # fmt: skip
    path = "GET /block_types/slug/slack-webhook/block_documents/name/releases"
    fake.answers[path] = lambda _: (200, block)
    fake.answers["POST /automations/filter"] = lambda _: (200, [])
    fake.answers["POST /automations/"] = lambda _: (201, {"id": str(BLOCK)})
    message = {"type": "send-notification", "subject": "s", "body": "b"}
    listed = (
        told("plain"),
        told("slack", **message, block="slack-webhook/releases"),
        told("mail", **message, block="email/ops"),
    )
    applied = automations.apply(file(tmp_path, *listed))
    assert [(one.name, one.done) for one in applied] == [
        ("plain", Done.CREATED), ("slack", Done.CREATED), ("mail", Done.LEFT_OUT),
    ]  # fmt: skip
    assert "no block email/ops: make it in Prefect" in applied[2].why
    _, slack = fake.bodies("POST /automations/")
    assert slack["actions"][0]["block_document_id"] == str(BLOCK)


def test_what_prefect_has_no_automation_for_is_named(fake: FakeApi, tmp_path: Path) -> None:
    path = file(tmp_path, told("odd", type="sing"))
    with pytest.raises(InputError, match="automation 'odd'"):
        automations.apply(path)
    assert not fake.asked


ENDS = [*Outcome, *NightOutcome, *End, RETIRED]


@pytest.mark.parametrize("outcome", dict.fromkeys(map(str, ENDS)))
def test_no_run_that_has_ended_is_missed(outcome: str) -> None:
    """Prefect names the event after the run's state, and that is named after how it ended. What
    ended under a name that is not expected would be told of as a host that was lost."""
    shipped = yaml.safe_load((ROOT / "automations.yaml").read_text())["automations"]
    missed = [one for one in shipped if one["trigger"]["posture"] == "Proactive"]
    assert len(missed) == 2
    for one in missed:
        assert f"prefect.flow-run.{outcome.capitalize()}" in one["trigger"]["expect"]


def test_what_is_wrong_in_the_file_is_told_before_prefect_is_asked(
    fake: FakeApi, tmp_path: Path
) -> None:
    path = tmp_path / "automations.yaml"
    path.write_bytes(b"automations: [{name: caf\xe9}]")
    with pytest.raises(InputError, match="cannot read automations from"):
        automations.apply(path)
    for actions in (["pause"], {"type": "do-nothing"}, "pause"):
        with pytest.raises(InputError, match="automation 'odd': expected `actions` as a list"):
            automations.apply(file(tmp_path, {**told("odd"), "actions": actions}))
    assert not fake.asked
