"""What has been released: an application's runs, and all applications."""

from typing import Any
from uuid import UUID

import pytest

from spotkiln.cli import history
from spotkiln.errors import InputError
from spotkiln.release.release import Outcome
from spotkiln.release.result import Result
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi

RUNS = [UUID(int=n << 96) for n in (0xA1, 0xB2, 0xC3)]
SHOP = {"app": {"name": "shop", "repository": "git@git.example.com:shop.git", "ref": "v2"}}
BACK = Result(
    release="shop-1", outcome=Outcome.ROLLED_BACK, what="rollback to 3f2a91c",
    target_group="web-eu", commit="3f2a91c", cause="no room",
)  # fmt: skip


def there(fake: FakeApi) -> tuple[dict[str, Any], dict[str, Any]]:
    one = answers.deployment("shop", parameters={**SHOP, "infra": {"target_group": "web"}})
    back = answers.deployment("shop")

    def deployments(body: dict[str, Any]) -> tuple[int, Any]:
        return 200, [one] if body["flows"]["name"]["any_"] == ["release"] else [back]

    fake.answers["POST /deployments/filter"] = deployments
    return one, back


def test_the_runs_of_release_and_rollback(fake: FakeApi) -> None:
    one, back = there(fake)
    known = [
        answers.run(RUNS[0], "FAILED", tags=["trigger:push", "by:ada"], deployment_id=back["id"]),
        answers.run(
            RUNS[1],
            state=answers.state("CRASHED", message="it was killed"),
            deployment_id=back["id"],
        ),
        answers.run(RUNS[2], "RUNNING", deployment_id=one["id"]),
    ]
    fake.answers["POST /flow_runs/filter"] = lambda _: (200, known)
    kept = BACK.model_dump_json()
    fake.answers[f"GET /flow_runs/{RUNS[0]}/input/release"] = lambda _: (200, kept)
    failed, killed, running = history.history("release/shop", 5)
    (asked,) = fake.bodies("POST /flow_runs/filter")
    assert set(asked["flow_runs"]["deployment_id"]["any_"]) == {one["id"], back["id"]}
    assert asked["flow_runs"]["expected_start_time"]["before_"]
    assert (failed.outcome, failed.commit, failed.cause) == ("rolled back", "3f2a91c", "no room")
    assert failed.by == "push (ada)"
    assert (failed.what, failed.target_group) == ("rollback to 3f2a91c", "web-eu")
    # What left no result is told by its deployment.
    assert (killed.what, killed.target_group) == ("rollback", "website")
    assert (running.what, running.target_group) == ("release", "web")
    table = history.history_table([failed, killed, running])
    assert [str(one.header) for one in table.columns][2:6] == [
        *("WHAT", "OUTCOME", "COMMIT", "TARGET GROUP")
    ]
    assert (killed.outcome, killed.cause) == ("crashed", "it was killed")
    assert (running.outcome, running.by, running.cause) == ("running", "api", "")
    with pytest.raises(InputError, match="no application web in Prefect; there are: shop"):
        history.history("web", 5)


def test_all_applications(fake: FakeApi) -> None:
    one, _ = there(fake)
    fake.answers["POST /flow_runs/filter"] = lambda _: (200, [])
    (shop,) = history.applications()
    assert (shop.name, shop.ref, shop.target_group, shop.last) == ("shop", "v2", "web", None)
    fake.answers["POST /flow_runs/filter"] = lambda _: (
        200,
        [answers.run(RUNS[0], "RUNNING", deployment_id=one["id"])],
    )
    (shop,) = history.applications()
    assert shop.last
    assert shop.last.outcome == "running"
