"""What prefect.yaml gives to flows is looked at before it is stored."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from spotkiln.cli.parameters import objections, refuse_wrong
from spotkiln.errors import InputError
from tests.unit.nouns import ROOT

APP = {"name": "shop", "repository": "git@git.example.com:shop.git"}


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Prefect deploys."""
    monkeypatch.chdir(ROOT)


def stanza(flow: str, **given: Any) -> dict[str, Any]:
    return {"name": "shop", "entrypoint": f"spotkiln.flows.{flow}.{flow}", "parameters": given}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (stanza("release", app=APP, fleet={"capacity": 0}), "fleet.capacity: Input should be"),
        (stanza("release", app=APP, fleets={}), "release has no parameter fleets; there are: app,"),
        (stanza("release", app={**APP, "prot": 80}), "app.prot: Extra inputs are not permitted"),
        (stanza("release", app={"name": "shop"}), "app.repository: Field required"),
        (
            stanza("release", app={"repository": "https://a:hush@git.test/x"}),
            "app.repository: a",
        ),
        (stanza("release", app=APP, ref="a b"), "ref: expected the name of a branch or tag"),
        (stanza("rollback", app=APP, infra={"target_group": ""}), "infra.target_group: String"),
        (stanza("nightly", quiet_hours="22:00"), "quiet_hours: expected quiet hours like"),
        (stanza("reconcile", dry="yes"), "reconcile has no parameter dry; there are: dry_run,"),
    ],
)
def test_why_a_deployment_cannot_run(given: dict[str, Any], why: str) -> None:
    (said,) = objections(given)
    assert said.startswith(why)
    assert "hush" not in said


@pytest.mark.parametrize(
    "given",
    [
        stanza("release", app=APP, ref="main", fleet={"capacity": 3}),
        # Shared with the release's.
        stanza("rollback", app=APP, ref="main", build={"instance_type": "t3.large"}),
        # Prefect fills it in.
        stanza("release", app=APP, fleet={"capacity": "{{ $SERVERS }}"}),
        # A run says the rest.
        stanza("run", seconds=60),
        {"name": "nightly", "entrypoint": "spotkiln.flows.nightly.nightly"},
        {"name": "without one"},
    ],
)
def test_a_deployment_that_can(given: dict[str, Any]) -> None:
    assert objections(given) == []


def test_the_whole_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prefect.yaml"
    wrong = stanza("release", app={**APP, "prot": 80}, fleet={"capacity": 0})
    path.write_text(yaml.safe_dump({"deployments": [stanza("rollback", app=APP), wrong]}))
    with pytest.raises(InputError) as refused:
        refuse_wrong(str(path))
    assert str(refused.value) == (
        f"{path}: shop: app.prot: Extra inputs are not permitted; shop: fleet.capacity: Input "
        "should be greater than or equal to 1. Mend it, and deploy again"
    )


def test_the_file_that_is_shipped_is_taken() -> None:
    assert refuse_wrong(str(ROOT / "prefect.yaml")) == {}
