"""A run of what works for all applications acts on those of its own account alone."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from spotkiln.errors import InputError
from spotkiln.prefect_api.connection import connected
from spotkiln.tasks import deployed
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi

MINE = UUID(int=7)
APP = {"app": {"name": "shop", "repository": "/srv/git/shop"}}


def release(name: str, pool: str) -> dict[str, Any]:
    return answers.deployment(name, work_pool_name=pool, parameters=APP)


@pytest.fixture
def staging(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    """This is a run of a deployment in the pool of staging's account."""
    monkeypatch.setattr(deployed, "own", SimpleNamespace(id=str(MINE)))
    mine = {**answers.deployment("command", work_pool_name="staging"), "id": str(MINE)}
    fake.answers[f"GET /deployments/{MINE}"] = lambda _: (200, mine)
    shop, live = release("shop", "staging"), release("shop-live", "production")
    fake.answers["GET /deployments/name/release/shop"] = lambda _: (200, shop)
    fake.answers["GET /deployments/name/release/shop-live"] = lambda _: (200, live)
    return fake


def test_an_application_of_another_account_is_refused(staging: FakeApi) -> None:
    del staging
    assert deployed.settings_of("shop").app.name == "shop"
    with pytest.raises(InputError) as said:
        deployed.settings_of("shop-live")
    assert str(said.value).startswith(
        "release/shop-live acts in work pool production, this run in work pool staging: start"
    )


def test_only_deployments_of_the_own_account_are_listed(staging: FakeApi) -> None:
    of = {"release": [release("shop", "staging"), release("shop-live", "production")]}
    staging.answers["POST /deployments/filter"] = lambda asked: (
        200, of.get(asked["flows"]["name"]["any_"][0], []),
    )  # fmt: skip
    with connected() as prefect:
        found = deployed.of_own_account(prefect, "release", "rollback")
    assert [one.name for one in found] == ["release/shop"]


def test_a_run_without_a_deployment_takes_any(
    staging: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    del staging
    monkeypatch.setattr(deployed, "own", SimpleNamespace(id=None))
    assert deployed.settings_of("shop-live").app.name == "shop"
