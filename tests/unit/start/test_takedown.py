"""What Prefect has of an application in a target group, and who names its deployments."""

from typing import Any
from uuid import UUID

import pytest

from spotkiln.errors import InputError
from spotkiln.start.deployment import Deployment
from spotkiln.start.run import Run
from spotkiln.start.takedown import (
    Left,
    Place,
    is_last,
    of_place,
    orphaned,
    previews_of,
    require_alone,
    without_applications,
    without_deployments,
)
from tests.unit.nouns import START

PLACE = Place(app="shop", region="eu-west-1", target_group="website")
ONE, OTHER = str(UUID(int=1)), str(UUID(int=2))


def parameters(app: str = "shop", **infra: str) -> dict[str, Any]:
    return {"app": {"name": app, "repository": "/srv/git/shop"}, "infra": infra, "later": 1}


def deployment(name: str, **given: Any) -> Deployment:
    return Deployment(id=UUID(ONE), name=name, parameters=given or parameters())


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (parameters(), True),
        ({"app": {"name": "shop", "repository": "/x"}}, True),
        (parameters(region="eu-west-1", target_group="website"), True),
        (parameters(region="us-east-1"), False),
        (parameters(target_group="staging"), False),
        (parameters("blog"), False),
        ({"app": {"name": "shop"}}, False),
        ({}, False),
    ],
)
def test_what_is_meant_by_parameters(given: dict[str, Any], meant: bool) -> None:
    assert PLACE.is_meant_by(given) is meant
    assert bool(of_place([deployment("release/shop", **given)], PLACE)) is (
        meant if given else True
    )


def test_who_shares_the_target_group_is_asked_first() -> None:
    own = deployment("release/shop")
    staging = deployment("release/staging", **parameters(target_group="staging"))
    require_alone([own, staging], PLACE, "shop")
    for other in (parameters("blog"), parameters(region="eu-west-1")):
        with pytest.raises(InputError, match="release/second releases to target group website"):
            require_alone([own, deployment("release/second", **other)], PLACE, "shop")


def run(ident: str, deployment: str = "", state: str = "RUNNING", **given: Any) -> Run:
    return Run(
        id=ident, created=START, state=state, deployment=deployment,
        parameters=given or parameters(),
    )  # fmt: skip


def test_runs_whose_deployment_is_gone_would_bring_it_back() -> None:
    found = [
        run("waits", ONE, "PENDING"),
        run("was orphaned before"),
        run("own"),
        run("ended", ONE, "COMPLETED"),
        run("of one made since", OTHER),
        run("staging's", "", **parameters(target_group="staging")),
    ]
    assert [x.id for x in orphaned(found, PLACE, {ONE}, "own")] == ["waits", "was orphaned before"]


def preview(target_group: str, app: str = "shop", **infra: str) -> dict[str, Any]:
    made = parameters(app, target_group=target_group, **infra)
    return {**made, "preview": {"host": "{branch}.preview.example.com"}}


def test_previews_go_with_the_last_deployment_that_releases_it() -> None:
    own, other = deployment("release/shop"), deployment("release/blog", **parameters("blog"))
    abroad = parameters(region="us-east-1", target_group="staging")
    assert is_last([own, other, deployment("release/abroad", **abroad)], PLACE)
    staging = deployment("release/staging", **parameters(target_group="staging"))
    assert not is_last([own, staging], PLACE)
    # Once it has begun its own is gone.
    assert is_last([other], PLACE)
    assert not is_last([staging], PLACE)
    makers = [
        deployment("preview/shop", **preview("any")),
        deployment("preview/blog", **preview("website", "blog")),
        deployment("preview/abroad", **preview("website", region="us-east-1")),
        own,
    ]
    assert previews_of(makers, PLACE) == makers[:1]


def test_runs_that_would_make_previews_of_it_are_cancelled_with_their_deployment() -> None:
    found = [
        run("a push", ONE, "PENDING", **preview("any")),
        run("by hand, and the application is elsewhere too", "", **preview("website")),
        run("another application's", ONE, **preview("website", "blog")),
    ]
    assert [x.id for x in orphaned(found, PLACE, {ONE}, "own")] == ["a push"]


def test_a_night_forgets_it() -> None:
    assert without_applications({"applications": ["a", "b"], "switch": ""}, {"a"}) == {
        "applications": ["b"],
        "switch": "",
    }
    for given in ({"applications": ["b"]}, {"applications": "every"}, {}):
        assert without_applications(given, {"a"}) is None


def automation(*deployments: str, **trigger: Any) -> dict[str, Any]:
    actions = [{"type": "run-deployment", "deployment_id": one} for one in deployments]
    return {
        "name": "x",
        "trigger": {"type": "event", **trigger},
        "actions": actions,
        "actions_on_trigger": [],
        "actions_on_resolve": [],
    }


def of(*deployments: str) -> list[str]:
    return [f"prefect.deployment.{one}" for one in deployments]


def test_an_automation_that_names_others_stays_without_it() -> None:
    untouched = automation(OTHER, match={"prefect.resource.id": "prefect.flow-run.*"})
    assert without_deployments(untouched, {ONE}) == untouched
    assert without_deployments(automation(ONE, OTHER), {ONE}) == automation(OTHER)
    listed = automation(OTHER, match_related={"prefect.resource.id": of(ONE, OTHER)})
    assert without_deployments(listed, {ONE}) == automation(
        OTHER, match_related={"prefect.resource.id": of(OTHER)}
    )
    several = automation(
        OTHER, match_related=[{"prefect.resource.id": of(ONE)}, {"prefect.resource.role": "flow"}]
    )
    found = without_deployments(several, {ONE})
    assert found
    assert found["trigger"]["match_related"] == [{"prefect.resource.role": "flow"}]
    nested = automation(
        OTHER, triggers=[{"match": {"prefect.resource.id": of(ONE)[0]}}, {"match": {}}]
    )
    found = without_deployments(nested, {ONE})
    assert found
    assert found["trigger"]["triggers"] == [{"match": {}}]


@pytest.mark.parametrize(
    "told",
    [
        automation(ONE),
        automation(OTHER, match={"prefect.resource.id": of(ONE)[0]}),
        automation(OTHER, match_related={"prefect.resource.id": of(ONE)}),
        automation(OTHER, triggers=[{"match": {"prefect.resource.id": of(ONE)}}]),
    ],
)
def test_one_that_names_it_alone_goes(told: dict[str, Any]) -> None:
    assert without_deployments(told, {ONE}) is None


def test_what_has_gone_is_told() -> None:
    assert str(Left()) == ""
    left = Left(deployments=("release/shop", "rollback/shop"), automations=("on order",))
    assert str(left) == (
        "deployments deleted, with their schedules: release/shop, rollback/shop; "
        "automations without them: on order"
    )
