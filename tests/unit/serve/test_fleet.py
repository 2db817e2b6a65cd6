"""A fleet's own words, and their order."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from spotkiln import tags as t
from spotkiln.serve.fleet import Fleet, Phase
from tests.unit import nouns
from tests.unit.nouns import COMMIT, RELEASE, START


def test_a_fleets_own_words() -> None:
    ours, foreign = nouns.fleet(), nouns.fleet(phase=None)
    assert (ours.release, ours.run, ours.image, ours.commit) == (RELEASE, "run-1", "ami-1", COMMIT)
    assert (ours.phase, foreign.phase) == (Phase.SERVING, None)
    assert nouns.fleet(tags={t.PHASE: "something else"}).phase is None


def test_fleets_follow_each_other_as_they_were_promoted() -> None:
    early = nouns.fleet("sfr-1", created=START)
    assert early.promoted is None
    assert early.order == (START, "sfr-1")
    late = early.model_copy(update={"tags": {**early.tags, t.PROMOTED: "2024-05-03T08:00:00.250Z"}})
    assert late.promoted == datetime(2024, 5, 3, 8, 0, 0, 250_000, tzinfo=UTC)
    assert late.order > nouns.fleet("sfr-2", created=START + timedelta(days=1)).order


@pytest.mark.parametrize("value", ["", "yesterday", "2024-05-03T08:00:00"])
def test_what_is_no_time_is_no_promotion(value: str) -> None:
    assert nouns.fleet(tags={t.PROMOTED: value}).promoted is None


def test_a_fleet_is_one_page_of_json() -> None:
    """It is handed from task to task."""
    fleet = nouns.fleet()
    assert Fleet.model_validate(json.loads(fleet.model_dump_json())) == fleet
