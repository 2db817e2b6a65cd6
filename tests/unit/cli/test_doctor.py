"""Doctor names the application as all other commands do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spotkiln.cli import doctor
from spotkiln.release.release import ReleaseSpec
from spotkiln.start.deployment import Deployment
from tests.unit import nouns
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi


@pytest.mark.parametrize("wanted", ["shop", "release/shop"])
def test_with_and_without_its_flow(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setattr(doctor, "_packer", lambda: "")
    monkeypatch.setattr(doctor, "_server", lambda: "")
    examined: list[str] = []

    def examine(one: Deployment) -> list[doctor.Check]:
        examined.append(one.name)
        return []

    monkeypatch.setattr(doctor, "examine_deployment", examine)
    both = [answers.deployment("shop"), answers.deployment("blog")]
    fake.answers["POST /deployments/filter"] = lambda _: (200, both)
    doctor.examine(wanted)
    assert examined == ["release/shop"]


def test_it_says_what_is_frozen_and_until_when() -> None:
    def freeze(**spec: Any) -> doctor.Check:
        asked = ReleaseSpec(app=nouns.app(), **spec)
        return doctor.check("release/shop", "freeze", lambda: doctor._freeze(asked))

    today = datetime.now(UTC)
    around = f"{today - timedelta(days=2):%Y-%m-%d} - {today + timedelta(days=2):%Y-%m-%d}"
    past = "2020-12-20 - 2021-01-02"
    assert freeze().detail == "no windows"
    assert freeze(freeze=(past,)).detail == f"free now; frozen: {past}"
    now = freeze(freeze=(around,))
    assert now.ok
    assert now.detail.startswith("frozen until ")
    # In a deployment it would break every freeze.
    assert not freeze(freeze=(past,), break_glass="alice: always").ok
