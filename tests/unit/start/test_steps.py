"""What a run's steps ask Prefect for: a newer push, the off switch, the applications of a night."""

from typing import Any
from uuid import UUID

import pytest
from prefect.logging import disable_run_logger

from spotkiln.errors import InputError, PrefectFailed
from spotkiln.start.night import NightSpec
from spotkiln.tasks.runs import cancelled, newer_push, started_by
from spotkiln.tasks.start.nightly import find_applications, read_switch
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi

RUN, NEWER, DEPLOYMENT = UUID(int=7), UUID(int=8), UUID(int=9)
TAGS = ["by:ada", "pushed:github.com/acme/shop@main"]


def pushed(ident: UUID, minute: int, state: str = "RUNNING", **more: Any) -> dict[str, Any]:
    created = f"2024-05-01T12:{minute:02}:00Z"
    given = {"created": created, "tags": TAGS, "deployment_id": str(DEPLOYMENT), **more}
    return answers.run(ident, state, **given)


def test_a_run_gives_way_to_a_newer_push_of_its_branch(fake: FakeApi) -> None:
    own, newer = pushed(RUN, 1), pushed(NEWER, 2)
    fake.answers[f"GET /flow_runs/{RUN}"] = lambda _: (200, own)
    fake.answers["POST /flow_runs/filter"] = lambda _: (200, [own, newer])
    assert newer_push(str(RUN)) == f"gave way to run {NEWER} of a newer push"
    (asked,) = fake.bodies("POST /flow_runs/filter")
    # By the push's own tag and not by who pushed.
    assert asked["flow_runs"]["tags"]["all_"] == TAGS[1:]
    assert asked["flow_runs"]["deployment_id"]["any_"] == [str(DEPLOYMENT)]
    # Prefect keeps a branch's runs for months: none that came long before is read.
    assert asked["flow_runs"]["expected_start_time"]["after_"] == "2024-05-01T12:00:00Z"
    newer["state"] = answers.state("FAILED")
    assert newer_push(str(RUN)) == ""


@pytest.mark.parametrize("own", [{"tags": ["by:ada"]}, {"deployment_id": None}])
def test_a_run_that_no_push_started_gives_way_to_none(fake: FakeApi, own: dict[str, Any]) -> None:
    fake.answers[f"GET /flow_runs/{RUN}"] = lambda _: (200, pushed(RUN, 1, **own))
    assert newer_push(str(RUN)) == ""
    assert not fake.bodies("POST /flow_runs/filter")


def test_what_prefect_cannot_tell_stops_no_release(fake: FakeApi) -> None:
    assert newer_push(str(RUN)) == ""
    assert newer_push("a script's run") == ""
    fake.answers[f"GET /flow_runs/{RUN}"] = lambda _: (500, {})
    assert newer_push(str(RUN)) == ""


def test_a_run_that_was_told_to_end_is_asked_whether_it_was_cancelled(fake: FakeApi) -> None:
    own = pushed(RUN, 1)
    fake.answers[f"GET /flow_runs/{RUN}"] = lambda _: (200, own)
    assert cancelled(str(RUN)) is False
    own["state"] = answers.state("CANCELLING")
    # Steps that cannot be read do not change that.
    assert cancelled(str(RUN)) is True
    fake.answers["POST /task_runs/filter"] = lambda _: (200, [])
    assert cancelled(str(RUN)) is True
    assert len(fake.bodies("POST /task_runs/filter")) == 1
    assert cancelled("a script's run") is None
    fake.answers.clear()
    assert cancelled(str(RUN)) is None


def test_outside_a_run_nobody_is_named() -> None:
    assert started_by().kind == "unknown"


@pytest.mark.parametrize(("value", "on"), [(None, True), ("on", True), ("off", False)])
def test_the_switch_is_a_variable(fake: FakeApi, value: str | None, *, on: bool) -> None:
    stored = {"id": str(RUN), "name": "nightly", "value": value}
    if value:
        fake.answers["GET /variables/name/nightly"] = lambda _: (200, stored)
    assert read_switch.fn("nightly") is on


def test_a_switch_that_cannot_be_read_is_not_on(fake: FakeApi) -> None:
    fake.answers["GET /variables/name/nightly"] = lambda _: (500, {})
    with pytest.raises(PrefectFailed, match="read the variable nightly"):
        read_switch.fn("nightly")


def test_the_applications_of_a_night_are_those_of_all_pages(fake: FakeApi) -> None:
    there = [answers.deployment(f"app-{n:03}", parameters={}) for n in range(201)]
    fake.answers["POST /deployments/filter"] = lambda body: (
        200,
        there[body["offset"] : body["offset"] + body["limit"]],
    )
    with disable_run_logger():
        found = find_applications.fn(NightSpec(), "rails-base 1")
        assert list(found.names) == [one["name"] for one in there]
        with pytest.raises(InputError, match="no deployment release/shop"):
            find_applications.fn(NightSpec(applications=("shop",)), "rails-base 1")
