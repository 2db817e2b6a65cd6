"""What Prometheus is told, and who may ask."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from spotkiln.receiver import app as service
from spotkiln.receiver.metrics import CONTENT_TYPE, Metrics, may_scrape
from spotkiln.receiver.settings import Settings
from spotkiln.show.figures import Figures
from tests.unit.nouns import START

SECRET = "a-secret-of-prometheus"


def samples(text: bytes) -> dict[tuple[str, str], float]:
    """By name and by the labels' values. The library's parser refuses what is no OpenMetrics."""
    return {
        (one.name, " ".join(one.labels.values())): one.value
        for family in text_string_to_metric_families(text.decode())  # type: ignore[no-untyped-call]
        for one in family.samples
    }


def test_the_figures_of_each_application() -> None:
    made = Metrics()
    shop = Figures(
        name="shop", days=30, until=START, releases=4, failed=1, stopped=2, lead_seconds=300.5,
        restored_seconds=60.0, saved_usd=12.5,
    )  # fmt: skip
    made.learn([shop, Figures(name="blog", days=30, until=START)])
    found = samples(made.text(3))
    assert found["spotkiln_releases", "shop"] == 4
    assert found["spotkiln_releases_stopped", "shop"] == 2
    assert found["spotkiln_commit_to_serving_seconds", "shop"] == 300.5
    assert found["spotkiln_change_failure_ratio", "shop"] == 0.25
    assert found["spotkiln_restored_seconds", "shop"] == 60
    assert found["spotkiln_saved_usd", "shop"] == 12.5
    assert found["spotkiln_deliveries_waiting", ""] == 3
    # What is not known is left out, and no nought.
    assert found["spotkiln_releases", "blog"] == 0
    assert ("spotkiln_commit_to_serving_seconds", "blog") not in found


def test_deliveries_are_counted_by_what_became_of_them() -> None:
    made = Metrics()
    made.delivered("github", "started")
    made.delivered("github", "started")
    made.delivered("gitea", "ignored")
    found = samples(made.text(0))
    assert found["spotkiln_deliveries_total", "github started"] == 2
    assert found["spotkiln_deliveries_total", "gitea ignored"] == 1


@pytest.mark.parametrize(
    ("authorization", "may"),
    [
        (f"Bearer {SECRET}", True),
        (f"bearer  {SECRET} ", True),
        ("", False),
        ("Bearer", False),
        ("Bearer ", False),
        (f"Basic {SECRET}", False),
        (f"Bearer {SECRET}x", False),
        (SECRET, False),
    ],
)
def test_who_may_ask(authorization: str, *, may: bool) -> None:
    assert may_scrape(authorization, {"PROMETHEUS": SECRET, "OTHER": "another-secret"}) is may
    assert not may_scrape(authorization, {})


def client(folder: Path, **more: str) -> TestClient:
    given = {"SPOTKILN_RECEIVER_SPOOL": str(folder), **more}
    environment = {**given, "PROMETHEUS": SECRET, "PREFECT_API_URL": "http://127.0.0.1:1/api"}
    return TestClient(service.create(Settings.from_environment(environment), environment))


def test_the_address(tmp_path: Path) -> None:
    with client(tmp_path, SPOTKILN_RECEIVER_METRICS_SECRETS="PROMETHEUS") as asked:
        assert asked.get("/metrics").status_code == 401
        wrong = asked.get("/metrics", headers={"authorization": "Bearer wrong-secret"})
        assert wrong.status_code == 401
        assert SECRET not in wrong.text
        found = asked.get("/metrics", headers={"authorization": f"Bearer {SECRET}"})
        assert found.status_code == 200
        assert found.headers["content-type"] == CONTENT_TYPE
        assert samples(found.content)["spotkiln_deliveries_waiting", ""] == 0


def test_without_a_secret_there_is_no_such_address(tmp_path: Path) -> None:
    """The receiver faces the network: what it tells is for those who are meant."""
    with client(tmp_path) as asked:
        found = asked.get("/metrics", headers={"authorization": f"Bearer {SECRET}"})
        assert found.status_code == 404
        assert "SPOTKILN_RECEIVER_METRICS_SECRETS" in found.text
