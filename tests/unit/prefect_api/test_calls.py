"""What the door asks of Prefect's API, and what it makes of the answers."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from spotkiln.errors import InputError, NotInPrefect, PrefectFailed, PrefectRefused
from spotkiln.prefect_api import (
    artifact,
    automation,
    deployment,
    event,
    log,
    note,
    queue,
    result,
    run,
    run_list,
    secret,
    variable,
)
from spotkiln.prefect_api.automation import Done
from spotkiln.prefect_api.connection import ask
from spotkiln.release.release import Outcome
from spotkiln.release.result import Result
from tests.prefect_settings import prefect_settings
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.answers import NOW
from tests.unit.prefect_api.conftest import FakeApi

RUN, OTHER = UUID(int=7), UUID(int=8)
NOTE = f"POST /flow_runs/{RUN}/input"
LEFT = Result(release="shop-000000000000", outcome=Outcome.HELD, cause="it was left")


def test_a_deployment_is_told_by_its_full_name(fake: FakeApi) -> None:
    told = answers.deployment(
        "shop", work_pool_name="spotkiln", work_queue_name="urgent", status="NOT_READY",
        tags=["push:branch=main"], parameters={"app": {"name": "shop"}},
    )  # fmt: skip
    fake.answers["GET /deployments/name/release/shop"] = lambda _: (200, told)
    found = ask(deployment.find, "release", "shop")
    assert (found.name, found.short, str(found.id)) == ("release/shop", "shop", told["id"])
    assert (found.pool, found.queue, found.ready) == ("spotkiln", "urgent", False)
    assert (found.tags, found.parameters) == (("push:branch=main",), {"app": {"name": "shop"}})
    with pytest.raises(NotInPrefect, match="find the deployment release/web"):
        ask(deployment.find, "release", "web")
    # Prefect's client would say ValueError.
    with pytest.raises(NotInPrefect, match="rollback/shop"):
        ask(deployment.find, "release", "rollback/shop")


def test_a_run_is_told_with_its_state_and_its_pause(fake: FakeApi) -> None:
    ends = NOW + timedelta(hours=1)
    details = {"pause_key": "approval", "pause_timeout": ends.isoformat()}
    told = answers.run(
        RUN,
        state=answers.state("PAUSED", "Suspended", message="asks", state_details=details),
        deployment_id=str(OTHER), work_pool_name="spotkiln", tags=["a"], parameters={"b": 1},
    )  # fmt: skip
    fake.answers[f"GET /flow_runs/{RUN}"] = lambda _: (200, told)
    found = ask(run.read, str(RUN))
    assert (found.state, found.state_name, found.message) == ("PAUSED", "Suspended", "asks")
    assert (found.pause_key, found.pause_ends, found.final) == ("approval", ends, False)
    assert (found.id, found.created, found.seconds) == (str(RUN), NOW, 61.0)
    assert (found.deployment, found.pool) == (str(OTHER), "spotkiln")
    assert (found.name, found.tags, found.parameters) == ("shop 3f2a91c push", ("a",), {"b": 1})


def test_a_run_without_a_state_is_no_answer(fake: FakeApi) -> None:
    fake.answers[f"GET /flow_runs/{RUN}"] = lambda _: (200, answers.run(RUN, state=None))
    with pytest.raises(PrefectFailed, match="no state of run"):
        ask(run.read, str(RUN))


def test_a_page_in_the_ui(fake: FakeApi) -> None:
    assert run.page_of(str(RUN)) == f"http://ui.test/v2/runs/flow-run/{RUN}"
    assert run.page_of("a script") == ""


def test_which_runs_have_ended(fake: FakeApi) -> None:
    fake.answers["POST /flow_runs/filter"] = lambda _: (
        200,
        [answers.run(RUN, "CRASHED"), answers.run(OTHER, "RUNNING")],
    )
    assert run_list.ended_runs([str(RUN), str(OTHER), "no run"]) == {str(RUN)}
    (asked,) = fake.bodies("POST /flow_runs/filter")
    assert asked["flow_runs"]["id"]["any_"] == [str(RUN), str(OTHER)]
    # Nothing is asked for nothing, and an API that fails decides nothing.
    assert run_list.ended_runs(["no run"]) == frozenset()
    fake.answers["POST /flow_runs/filter"] = lambda _: (500, {})
    assert run_list.ended_runs([str(RUN)]) == frozenset()
    assert len(fake.bodies("POST /flow_runs/filter")) == 2


def test_runs_by_tags_are_those_of_one_deployment(fake: FakeApi) -> None:
    fake.answers["POST /flow_runs/filter"] = lambda _: (200, [answers.run(RUN, "SCHEDULED")])
    assert [x.id for x in ask(run_list.scheduled, str(OTHER), ["a", "b"])] == [str(RUN)]
    ask(run_list.tagged, str(OTHER), ["a"], since=datetime(2024, 5, 1, tzinfo=UTC))
    ask(run_list.suspended, "spotkiln")
    first, second, third = fake.bodies("POST /flow_runs/filter")
    assert first["flow_runs"]["tags"]["all_"] == ["a", "b"]
    assert first["flow_runs"]["deployment_id"]["any_"] == [str(OTHER)]
    assert first["flow_runs"]["state"]["type"]["any_"] == ["SCHEDULED"]
    assert second["flow_runs"]["deployment_id"]["any_"] == [str(OTHER)]
    assert second["flow_runs"]["expected_start_time"]["after_"] == "2024-05-01T00:00:00Z"
    assert not second["flow_runs"].get("state")
    assert third["flow_runs"]["state"]["name"]["any_"] == ["Suspended"]
    assert third["work_pools"]["name"]["any_"] == ["spotkiln"]


def test_the_newest_run_of_a_name(fake: FakeApi) -> None:
    there = [answers.run(RUN)]
    fake.answers["POST /flow_runs/filter"] = lambda _: (200, there)
    found = ask(run_list.newest_named, "shop")
    assert found and found.id == str(RUN)
    there.clear()
    assert ask(run_list.newest_named, "shop") is None
    asked = fake.bodies("POST /flow_runs/filter")[0]
    assert (asked["limit"], asked["sort"]) == (1, "EXPECTED_START_TIME_DESC")


def test_the_words_of_the_first_state(fake: FakeApi) -> None:
    late = (NOW + timedelta(seconds=1)).isoformat()
    there = [answers.state("RUNNING", message="later", timestamp=late)]
    fake.answers["GET /flow_run_states/"] = lambda _: (200, there)
    there.append(answers.state("SCHEDULED", message="Run from the Prefect UI"))
    assert ask(run.first_message, str(RUN)) == "Run from the Prefect UI"
    there.clear()
    assert ask(run.first_message, str(RUN)) is None


def test_a_run_is_started_once_for_a_key(fake: FakeApi) -> None:
    path = f"POST /deployments/{OTHER}/create_flow_run"
    fake.answers[path] = lambda _: (200, answers.run(RUN, "SCHEDULED"))
    started = ask(run.start, OTHER, parameters={"force": True}, tags=["by:me"], key="night/shop")
    assert started.id == str(RUN)
    (asked,) = fake.bodies(path)
    assert asked["parameters"] == {"force": True}
    assert (asked["tags"], asked["idempotency_key"]) == (["by:me"], "night/shop")


def test_a_run_is_renamed_cancelled_and_resumed(fake: FakeApi) -> None:
    fake.answers[f"PATCH /flow_runs/{RUN}"] = lambda _: (204, None)
    answered = {"status": "ACCEPT", "state": answers.state(), "details": {"type": "accept_details"}}
    fake.answers[f"POST /flow_runs/{RUN}/set_state"] = lambda _: (200, answered)
    fake.answers[f"POST /flow_runs/{RUN}/resume"] = lambda _: (200, answered)
    ask(run.rename, str(RUN), "shop 1")
    ask(run.cancel, str(RUN), name="Superseded", message="a newer push came")
    ask(run.force_running, str(RUN))
    ask(run.resume, str(RUN), {"decision": "reject"})
    renamed, cancelled, forced, resumed = (body for _, body in fake.asked)
    assert renamed["name"] == "shop 1"
    assert (cancelled["state"]["type"], cancelled["state"]["name"]) == ("CANCELLED", "Superseded")
    assert (cancelled["state"]["message"], cancelled["force"]) == ("a newer push came", False)
    assert (forced["state"]["type"], forced["force"]) == ("RUNNING", True)
    assert resumed == {"run_input": {"decision": "reject"}}


def test_the_steps_of_a_cancelled_run_have_not_crashed(fake: FakeApi) -> None:
    step = {"id": str(OTHER), "name": "gate", "task_key": "gate", "dynamic_key": "0"}
    answered = {"status": "ACCEPT", "state": answers.state(), "details": {"type": "accept_details"}}
    fake.answers["POST /task_runs/filter"] = lambda _: (200, [step])
    fake.answers[f"POST /task_runs/{OTHER}/set_state"] = lambda _: (200, answered)
    ask(run.cancel_steps, str(RUN), "the run was cancelled")
    asked, told = (body for _, body in fake.asked)
    assert asked["flow_runs"]["id"]["any_"] == [str(RUN)]
    assert asked["task_runs"]["state"]["type"]["any_"] == ["CRASHED"]
    assert (told["state"]["type"], told["state"]["message"], told["force"]) == (
        *("CANCELLED", "the run was cancelled", True),
    )


def test_a_deployment_is_told_by_its_id(fake: FakeApi) -> None:
    told = answers.deployment("shop-staging")
    fake.answers[f"GET /deployments/{OTHER}"] = lambda _: (200, told)
    assert ask(deployment.name_of, OTHER) == "shop-staging"
    with pytest.raises(NotInPrefect):
        ask(deployment.name_of, RUN)


def test_the_page_of_an_artifact(fake: FakeApi) -> None:
    found: list[dict[str, Any]] = [{"id": str(OTHER), "key": "evidence-1", "data": "# it"}]
    fake.answers["POST /artifacts/filter"] = lambda _: (200, found)
    with prefect_settings(ui_url="http://prefect:4200/"):
        page = ask(artifact.page_of, "evidence-1")
    assert page == f"http://prefect:4200/v2/artifacts/artifact/{OTHER}"
    with prefect_settings(ui_url="http://prefect:4200/older"):
        page = ask(artifact.page_of, "evidence-1")
    assert page == f"http://prefect:4200/older/artifacts/artifact/{OTHER}"
    found.clear()
    assert ask(artifact.page_of, "evidence-1") == ""


def test_the_lines_of_a_log(fake: FakeApi) -> None:
    fake.answers["POST /logs/filter"] = lambda _: (
        200,
        [answers.log(RUN, " all is well\n"), answers.log(OTHER, "no room", 40)],
    )
    first, second = ask(log.lines, str(RUN))
    assert (str(first), str(second)) == ("12:00:00 all is well", "12:00:00 ERROR: no room")
    assert first.model_dump(mode="json") == {
        "time": "2024-05-01T12:00:00Z", "level": "INFO", "text": "all is well",
    }  # fmt: skip
    assert fake.bodies("POST /logs/filter")[0]["sort"] == "TIMESTAMP_ASC"


def test_progress_and_tables(fake: FakeApi) -> None:
    there: list[dict[str, Any]] = [{"type": "progress", "description": "health gate", "data": 42.0}]
    fake.answers["POST /artifacts/filter"] = lambda _: (200, there)
    found = ask(artifact.progress, str(RUN))
    assert found and (found.what, found.percent) == ("health gate", 42.0)
    there[0] = {"type": "table", "data": json.dumps([{"release": "r"}])}
    assert ask(artifact.table, "releases-shop") == [{"release": "r"}]
    there[0] = {"type": "table", "data": "null"}
    assert ask(artifact.table, "releases-shop") == []
    there.clear()
    assert ask(artifact.progress, str(RUN)) is None
    assert ask(artifact.table, "releases-shop") == []
    assert ask(artifact.latest, "reconcile-eu-west-1") is None


def test_a_variable_is_made_and_then_written(fake: FakeApi) -> None:
    assert ask(variable.read, "switch") is None
    stored = {"id": str(RUN), "name": "switch", "value": "off", "updated": NOW.isoformat()}
    fake.answers["POST /variables/"] = lambda _: (201, stored)
    ask(variable.write, "switch", "off")
    assert fake.bodies("POST /variables/")[0]["value"] == "off"
    fake.answers["GET /variables/name/switch"] = lambda _: (200, stored)
    found = ask(variable.read, "switch")
    assert found and (found.value, found.updated) == ("off", NOW)
    fake.answers["PATCH /variables/name/switch"] = lambda _: (204, None)
    ask(variable.write, "switch", {"a": 1})
    assert fake.bodies("PATCH /variables/name/switch")[0]["value"] == {"a": 1}


def test_a_secret_block(fake: FakeApi) -> None:
    block = {
        "id": str(RUN), "name": "hook", "data": {"value": "hush hush\n"},
        "block_schema_id": str(RUN), "block_type_id": str(RUN), "is_anonymous": False,
    }  # fmt: skip
    path = "GET /block_types/slug/secret/block_documents/name/hook"
    fake.answers[path] = lambda _: (200, block)
    assert ask(secret.read, "hook") == ask(secret.require, "hook") == "hush hush"
    fake.answers[path] = lambda _: (200, {**block, "data": {"value": " "}})
    assert ask(secret.read, "hook") == ""
    with pytest.raises(InputError, match="the Secret block hook is empty"):
        ask(secret.require, "hook")
    with pytest.raises(NotInPrefect, match="other"):
        ask(secret.read, "other")


def test_events_are_sent_and_read(fake: FakeApi) -> None:
    fake.answers["POST /events"] = lambda _: (204, None)
    ask(event.send, [{"event": "spotkiln.push.not-started"}])
    told = {
        "id": str(RUN), "occurred": NOW.isoformat(), "event": "spotkiln.push.not-started",
        "resource": {"prefect.resource.id": "x", "prefect.resource.name": "example.com/shop"},
        "payload": {"reason": "no secret"}, "received": NOW.isoformat(),
    }  # fmt: skip
    fake.answers["POST /events/filter"] = lambda _: (
        200,
        {"events": [told], "total": 1, "next_page": None},
    )
    name, related = "spotkiln.push.not-started", f"prefect.deployment.{OTHER}"
    (found,) = ask(event.about, name, related=related, since=NOW)
    assert (found.occurred, found.resource) == (NOW, "example.com/shop")
    assert found.payload == {"reason": "no secret"}
    (asked,) = fake.bodies("POST /events/filter")
    assert asked["filter"]["event"]["name"] == [name]
    assert asked["filter"]["related"]["id"] == [related]


def test_a_queue_that_is_there_is_no_error(fake: FakeApi) -> None:
    path = "POST /work_pools/spotkiln/queues"
    with pytest.raises(NotInPrefect):
        ask(queue.make, "spotkiln", "urgent")
    fake.answers[path] = lambda _: (409, {"detail": "exists"})
    ask(queue.make, "spotkiln", "urgent")
    fake.answers[path] = lambda _: (422, {"detail": "bad name"})
    with pytest.raises(PrefectRefused):
        ask(queue.make, "spotkiln", "urgent")


def test_a_note_is_kept_with_its_run(fake: FakeApi) -> None:
    assert ask(note.read, str(RUN), "asked") is None
    fake.answers[NOTE] = lambda _: (201, None)
    ask(note.write, str(RUN), "asked", '{"a": "ü"}')
    (asked,) = fake.bodies(NOTE)
    assert asked["key"] == "asked"
    # As Prefect's own inputs: JSON.
    fake.answers[f"GET /flow_runs/{RUN}/input/asked"] = lambda _: (200, json.loads(asked["value"]))
    assert ask(note.read, str(RUN), "asked") == '{"a": "ü"}'


def test_when_a_note_was_kept(fake: FakeApi) -> None:
    kept: list[dict[str, Any]] = []
    fake.answers[f"POST /flow_runs/{RUN}/input/filter"] = lambda _: (200, kept)
    assert ask(note.written, str(RUN), "asked") is None
    # Prefect looks for the beginning of a key.
    one = {
        "id": str(RUN),
        "flow_run_id": str(RUN),
        "value": "1",
        "created": answers.NOW.isoformat(),
    }
    kept.append({**one, "key": "asked-again"})
    assert ask(note.written, str(RUN), "asked") is None
    kept[:] = [{**one, "key": "asked"}]
    assert ask(note.written, str(RUN), "asked") == answers.NOW


def test_a_note_takes_the_place_of_an_earlier_one(fake: FakeApi) -> None:
    there = ["an earlier one"]

    def write(_: dict[str, Any]) -> tuple[int, Any]:
        return (409, {"detail": "exists"}) if there else (201, None)

    def delete(_: dict[str, Any]) -> tuple[int, Any]:
        there.clear()
        return 204, None

    fake.answers[NOTE] = write
    fake.answers[f"DELETE /flow_runs/{RUN}/input/asked"] = delete
    ask(note.write, str(RUN), "asked", "a later one")
    assert [name.split()[0] for name, _ in fake.asked] == ["POST", "DELETE", "POST"]


def test_a_result_that_cannot_be_read_is_none(fake: FakeApi) -> None:
    assert ask(result.read, str(RUN)) is None
    fake.answers[NOTE] = lambda _: (201, None)
    ask(result.write, str(RUN), LEFT)
    kept = json.loads(fake.bodies(NOTE)[0]["value"])
    path = f"GET /flow_runs/{RUN}/input/release"
    fake.answers[path] = lambda _: (200, kept)
    assert ask(result.read, str(RUN)) == LEFT
    fake.answers[path] = lambda _: (200, '{"outcome": "of a later version"}')
    assert ask(result.read, str(RUN)) is None


def trigger(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "trigger": {
            "type": "event", "posture": "Reactive", "expect": ["spotkiln.release.failed"],
            "match": {}, "threshold": 1, "within": 0,
        },
        "actions": [{"type": "do-nothing"}],
        **more,
    }  # fmt: skip


def test_an_automation_is_put_by_its_name(fake: FakeApi) -> None:
    there: list[dict[str, Any]] = []
    fake.answers["POST /automations/filter"] = lambda _: (200, there)
    fake.answers["POST /automations/"] = lambda _: (201, {"id": str(RUN)})
    fake.answers[f"PUT /automations/{RUN}"] = lambda _: (204, None)
    fake.answers[f"DELETE /automations/{OTHER}"] = lambda _: (204, None)
    assert ask(automation.put, trigger("tell")) is Done.CREATED
    there.append({**trigger("tell"), "id": str(RUN)})
    assert ask(automation.put, trigger("tell")) is Done.UNCHANGED
    there.append({**trigger("tell"), "id": str(OTHER)})
    assert ask(automation.put, trigger("tell", enabled=False)) is Done.UPDATED
    assert [name for name, _ in fake.asked if "filter" not in name] == [
        "POST /automations/", f"DELETE /automations/{OTHER}", f"PUT /automations/{RUN}",
    ]  # fmt: skip


def test_a_block_is_found_by_its_type_and_name(fake: FakeApi) -> None:
    block = {
        "id": str(RUN), "name": "releases", "data": {}, "block_schema_id": str(RUN),
        "block_type_id": str(RUN), "is_anonymous": False,
    }  # fmt: skip
    path = "GET /block_types/slug/slack-webhook/block_documents/name/releases"
    fake.answers[path] = lambda _: (200, block)
    assert ask(automation.block_id, "slack-webhook/releases") == str(RUN)
    assert ask(automation.block_id, "slack-webhook/other") is None
