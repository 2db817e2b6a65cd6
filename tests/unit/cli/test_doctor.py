"""Doctor names the application as all other commands do."""

import pytest

from spotkiln.cli import doctor
from spotkiln.start.deployment import Deployment
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
