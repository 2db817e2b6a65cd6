"""Figures are reckoned from what the runs of each deployment have left with Prefect."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from spotkiln.cli import report
from spotkiln.errors import InputError
from spotkiln.release.release import Outcome
from spotkiln.release.result import Result
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi

RUN, KILLED = UUID(int=7), UUID(int=8)


def left() -> bytes:
    served = datetime.now(UTC) - timedelta(hours=10)
    result = Result(
        release="shop-1", outcome=Outcome.RELEASED, served=served,
        committed=served - timedelta(minutes=5), usd_per_hour=0.1, usd_on_demand=0.3,
    )  # fmt: skip
    return json.dumps(result.model_dump_json()).encode()


@pytest.fixture
def prefect(fake: FakeApi) -> FakeApi:
    shop = answers.deployment("shop")
    fake.answers["POST /deployments/filter"] = lambda body: (
        200,
        [shop] if "release" in str(body["flows"]) else [],
    )
    runs = [
        answers.run(RUN, state=answers.state("COMPLETED", "Released")),
        answers.run(KILLED, state=answers.state("CRASHED", "Crashed")),
    ]
    fake.answers["POST /flow_runs/filter"] = lambda _: (200, runs)
    fake.answers[f"GET /flow_runs/{RUN}/input/release"] = lambda _: (200, left())
    return fake


def test_figures_of_an_application(prefect: FakeApi) -> None:
    (found,) = report.look("shop", 30)
    assert (found.name, found.releases, found.lead_seconds) == ("shop", 1, 300)
    assert found.saved_usd == pytest.approx(2.0, abs=0.01)
    (asked,) = prefect.bodies("POST /flow_runs/filter")
    assert set(asked["flow_runs"]["state"]["type"]["any_"]) >= {"COMPLETED", "FAILED"}
    assert report.look("release/shop", 30)[0].name == "shop"
    assert report.table([found]).row_count == 1


def test_an_application_that_is_not_there(prefect: FakeApi) -> None:
    with pytest.raises(InputError, match="no application web in Prefect; there are: shop"):
        report.look("web", 30)
