"""The names of runs: what they are about, unless a person has given one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from prefect.context import FlowRunContext

from spotkiln.bake.base import BaseSpec
from spotkiln.release.trigger import place
from spotkiln.tasks import names
from spotkiln.tasks.runs import rename
from tests.unit import nouns
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi

RUN, DEPLOYMENT = UUID(int=7), UUID(int=9)
APP: dict[str, Any] = {"app": nouns.app(ref="v2")}


@contextmanager
def running(
    monkeypatch: pytest.MonkeyPatch,
    name: str = "brave-otter",
    flow: str = "release",
    of: UUID | None = None,
    **parameters: Any,
) -> Iterator[None]:
    """In a run of that name."""
    run = SimpleNamespace(id=RUN, name=name, deployment_id=of)
    context = SimpleNamespace(flow_run=run, parameters=parameters, flow=SimpleNamespace(name=flow))
    with monkeypatch.context() as patched:
        patched.setattr(FlowRunContext, "get", lambda: context)
        yield


@pytest.mark.parametrize(
    ("make", "parameters", "expected"),
    [
        (names.release, APP, "demo-web-app v2"),
        (names.release, {**APP, "ref": ""}, "demo-web-app v2"),
        (names.release, {**APP, "ref": "main"}, "demo-web-app main"),
        (names.rollback, {**APP, "version": "ami-1"}, "demo-web-app back to ami-1"),
        (names.rollback, APP, "demo-web-app back to previous"),
        (names.reconcile, {"target_group": "", "dry_run": False}, "reconcile"),
        (names.reconcile, {"target_group": "shop", "dry_run": True}, "reconcile shop, dry run"),
        (names.retirement, {"deployment": "shop"}, "shop retired"),
        (names.command, {"app": "shop"}, "shop: one command"),
    ],
)
def test_they_tell_what_a_run_is_about(
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[], str],
    parameters: dict[str, Any],
    expected: str,
) -> None:
    with running(monkeypatch, **parameters):
        assert make() == expected
    with running(monkeypatch, "hotfix for Ada", **parameters):
        assert make() == "hotfix for Ada"


def test_a_night_tells_its_line_and_its_day(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(monkeypatch, base=BaseSpec(name="node-base"), applications=("*",)):
        assert names.night().startswith("nightly node-base 20")
    with running(monkeypatch, base=BaseSpec(), applications=()):
        assert names.night().startswith("base rails-base 20")


def test_an_environment_is_told_by_the_deployment(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi
) -> None:
    names._deployment.cache_clear()
    with running(monkeypatch, of=DEPLOYMENT, **APP):
        # Prefect cannot say now: that is asked again.
        assert names.release() == "demo-web-app v2"
        told = answers.deployment("demo-web-app-staging")
        fake.answers[f"GET /deployments/{DEPLOYMENT}"] = lambda _: (200, told)
        assert names.release() == "demo-web-app-staging v2"
    assert place("shop", "") == place("shop", "shop") == "shop"
    assert (place("shop", "shop-eu"), place("shop", "staging")) == ("shop-eu", "shop/staging")


@pytest.mark.parametrize(
    ("name", "renamed"),
    [("demo-web-app v2", True), ("brave-otter", True), ("hotfix for Ada", False)],
)
def test_one_that_a_person_gave_is_kept(
    monkeypatch: pytest.MonkeyPatch, fake: FakeApi, name: str, *, renamed: bool
) -> None:
    fake.answers[f"PATCH /flow_runs/{RUN}"] = lambda _: (204, {})
    with running(monkeypatch, name, **APP):
        rename("demo-web-app c0ffeec push")
    bodies = fake.bodies(f"PATCH /flow_runs/{RUN}")
    assert [body["name"] for body in bodies] == ["demo-web-app c0ffeec push"] * renamed


def test_outside_a_run_there_is_none() -> None:
    assert (names.release(), names.is_ours(), names.deployed_as()) == ("", False, "")
