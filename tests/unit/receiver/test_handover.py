"""A push is handed to Prefect: which runs it creates and cancels, and what a failure means."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from spotkiln.errors import InfrastructureError, PrefectAway, PrefectFailed
from spotkiln.receiver import tell
from spotkiln.receiver.aliases import Aliases
from spotkiln.receiver.handover import HandOver, answers
from spotkiln.receiver.spool import Handled
from spotkiln.start.hooks import Hooks, Host
from spotkiln.start.push import Push
from tests.unit.prefect_api import answers as told
from tests.unit.prefect_api.answers import NOW
from tests.unit.prefect_api.conftest import FakeApi
from tests.unit.pushes import SHOP, A, B, C, push

pytestmark = pytest.mark.programs

RUN, OLD, NEWER = UUID(int=7), UUID(int=6), UUID(int=8)
LISTENING = told.deployment(
    "shop", tags=["push:branch=main"], parameters={"app": {"repository": f"https://{SHOP}"}}
)
# Of the same application: a preview of each other branch.
PREVIEW = {
    **told.deployment(
        "shop", tags=["push:branch=tr*"],
        parameters={"app": {"repository": f"https://{SHOP}"}},
    ),
    "id": str(UUID(int=70)),
}  # fmt: skip
MAKE = f"POST /deployments/{PREVIEW['id']}/create_flow_run"
CREATE = f"POST /deployments/{LISTENING['id']}/create_flow_run"


@pytest.fixture
def prefect(fake: FakeApi) -> FakeApi:
    """One deployment that listens, one that does not, and one with a tag that nobody knows."""
    there = [LISTENING, told.deployment("blog"), told.deployment("odd", tags=["push:brnach=main"])]
    flows = {"release": there, "preview": [PREVIEW]}
    fake.answers["POST /deployments/filter"] = lambda asked: (
        200, flows[asked["flows"]["name"]["any_"][0]],
    )  # fmt: skip
    fake.answers["POST /flow_runs/filter"] = lambda _: (200, [])
    fake.answers[CREATE] = lambda _: (201, told.run(RUN, "SCHEDULED"))
    fake.answers["POST /events"] = lambda _: (204, None)
    return fake


def handed_over(one: Push | None = None, known: list[Push] | None = None) -> Handled:
    hooks = Hooks(secrets={Host.GITHUB: ("hooks",)})
    return asyncio.run(HandOver(hooks, Aliases(None))(one or push(by="ada"), known or []))


def test_a_run_of_what_listens_is_created(prefect: FakeApi) -> None:
    found = handed_over()
    (run,) = found.runs
    assert (run.deployment, run.id) == ("release/shop", str(RUN))
    assert run.url == f"http://ui.test/v2/runs/flow-run/{RUN}"
    (asked,) = prefect.bodies(CREATE)
    assert asked["parameters"] == {"ref": B}
    assert asked["tags"] == [f"pushed:{SHOP}@main", "trigger:push", "by:ada"]
    assert asked["idempotency_key"] == f"push:{SHOP}:{B}:release/shop"
    # Runs are looked for by the push's own tag, not by who pushed.
    (filtered,) = prefect.bodies("POST /flow_runs/filter")
    assert filtered["flow_runs"]["tags"]["all_"] == [f"pushed:{SHOP}@main"]


def test_runs_that_have_not_begun_are_cancelled_if_they_are_older(prefect: FakeApi) -> None:
    before, after = "2024-05-01T11:59:00Z", "2024-05-01T12:01:00Z"
    there = [
        told.run(OLD, "SCHEDULED", created=before),
        told.run(NEWER, "SCHEDULED", created=after),
        told.run(RUN, "SCHEDULED", created=NOW.isoformat()),
    ]
    prefect.answers["POST /flow_runs/filter"] = lambda _: (200, there)
    done = {"status": "ACCEPT", "state": told.state(), "details": {"type": "accept_details"}}
    for ident in (OLD, NEWER, RUN):
        prefect.answers[f"POST /flow_runs/{ident}/set_state"] = lambda _: (201, done)
    handed_over()
    cancelled = [(name, body) for name, body in prefect.asked if name.endswith("set_state")]
    ((name, body),) = cancelled
    assert name == f"POST /flow_runs/{OLD}/set_state"
    assert (body["state"]["type"], body["state"]["name"]) == ("CANCELLED", "Superseded")
    assert body["state"]["message"] == f"a newer push came: run {RUN}"


def test_an_older_push_that_comes_late_starts_nothing(prefect: FakeApi) -> None:
    found = handed_over(push(A, B), [push(A, B), push(B, C)])
    assert "a newer push of branch main" in found.ignored
    assert not prefect.asked


def test_a_push_that_may_have_been_meant_is_told_as_an_event(prefect: FakeApi) -> None:
    found = handed_over(push(repositories=["git.example/acme/shop"]))
    assert "the host does not" in found.ignored
    ((event,),) = prefect.bodies("POST /events")
    assert event["event"] == "spotkiln.push.not-started"  # type: ignore[index]
    # Nor is it in the way of the push that Prefect takes no event.
    prefect.answers["POST /events"] = lambda _: (500, {})
    assert handed_over(push(repositories=["git.example/acme/shop"])) == found


@pytest.mark.parametrize("code", [400, 409, 422])
def test_a_refusal_is_final(prefect: FakeApi, code: int) -> None:
    prefect.answers[CREATE] = lambda _: (code, {"detail": "no such field https://me:hush@x/"})
    found = handed_over()
    assert found.refused.startswith(f"Prefect refused the run ({code}): ")
    assert "no such field" in found.refused
    assert "hush" not in found.refused


def test_what_prefect_refuses_of_one_application_is_not_in_the_way_of_others(
    prefect: FakeApi,
) -> None:
    app = {"repository": f"https://{SHOP}", "folder": "api"}
    tags = ["push:branch=main"]
    api = told.deployment("api", tags=tags, parameters={"app": app})
    prefect.answers["POST /deployments/filter"] = lambda _: (200, [api, LISTENING])
    refusing = f"POST /deployments/{api['id']}/create_flow_run"
    prefect.answers[refusing] = lambda _: (409, {"detail": "no such field"})
    found = handed_over()
    assert [one.deployment for one in found.runs] == ["release/shop"]
    assert found.refused.startswith("Prefect refused the run (409): ")
    assert "release/api" in found.refused


def test_whether_a_push_was_the_newest_is_kept(prefect: FakeApi) -> None:
    assert handed_over(push(ref="refs/heads/other")).newest
    assert not handed_over(push(A, B), [push(A, B), push(B, C)]).newest


@pytest.mark.parametrize("code", [404, 401, 500])
def test_what_fails_at_one_push_is_tried_again(prefect: FakeApi, code: int) -> None:
    prefect.answers[CREATE] = lambda _: (code, {"detail": "x"})
    with pytest.raises(InfrastructureError) as caught:
        handed_over()
    assert not isinstance(caught.value, PrefectAway)


def test_while_prefect_is_away_everything_waits(prefect: FakeApi) -> None:
    prefect.server.shutdown()
    prefect.server.server_close()
    with pytest.raises(PrefectAway):
        handed_over()
    assert not asyncio.run(answers())


def test_whether_prefect_answers(fake: FakeApi) -> None:
    assert not asyncio.run(answers())
    fake.answers["GET /health"] = lambda _: (200, True)
    assert asyncio.run(answers())


def test_it_tells_how_it_is_set_up_until_prefect_has_it(
    fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tell, "AGAIN_SECONDS", 0.01)
    tries: list[tuple[int, Any]] = [(503, {}), (401, {})]
    stored = {"id": str(RUN), "name": "spotkiln_receiver", "value": {}}
    path = "POST /variables/"
    fake.answers[path] = lambda _: tries.pop(0) if tries else (201, stored)
    hooks = Hooks(secrets={Host.GITHUB: ("hooks",)})
    asyncio.run(asyncio.wait_for(tell.publish(hooks), 20))
    last = fake.bodies(path)[-1]
    assert Hooks.model_validate(last["value"]) == hooks
    assert len(fake.bodies(path)) == 3


def test_an_answer_that_is_none_is_prefects_failure(prefect: FakeApi) -> None:
    prefect.answers[CREATE] = lambda _: (201, told.run(RUN, state=None))
    with pytest.raises(PrefectFailed):
        handed_over()


def test_a_branch_gets_a_preview_which_goes_with_it(prefect: FakeApi) -> None:
    prefect.answers[MAKE] = lambda _: (201, told.run(RUN, "SCHEDULED"))
    made = push("0" * 40, B, ref="refs/heads/try")
    assert [one.deployment for one in handed_over(made).runs] == ["preview/shop"]
    gone = push("0" * 40, "0" * 40, ref="refs/heads/try", event="a delivery of Gitea's")
    assert [one.deployment for one in handed_over(gone, [made]).runs] == ["preview/shop"]
    first, second = prefect.bodies(MAKE)
    assert first["parameters"] == {"branch": "try", "ref": B}
    assert second["parameters"] == {"branch": "try", "removed": True}
    # Each makes the other's runs needless, if they have not begun.
    assert first["tags"] == [f"pushed:{SHOP}@try", "trigger:push"] == second["tags"]
    assert first["idempotency_key"] == f"push:{SHOP}:{B}:preview/shop:try"
    assert second["idempotency_key"].endswith(":try:a delivery of Gitea's")
    assert handed_over().runs[0].deployment == "release/shop"
