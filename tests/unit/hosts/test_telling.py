"""A run tells the host of its repository, and reconcile in the place of runs that could not."""

import json
import logging
from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from spotkiln.release.on_commit import PENDING_TAG, Pending
from spotkiln.release.release import Outcome, Release, ReleaseSpec
from spotkiln.release.result import Result
from spotkiln.tasks.keep import telling as keep
from spotkiln.tasks.release import telling
from spotkiln.tasks.release.telling import Teller
from tests.unit.hosts.standin import TOKEN, GitHub, replies, served
from tests.unit.nouns import COMMIT, START
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi, fake

pytestmark = pytest.mark.programs

__all__ = ["fake"]
RUN = UUID(int=7)
REPOSITORY = "git@github.com:team/shop.git"
SECRET = "GET /block_types/slug/secret/block_documents/name/github-token"


class World:
    """One run in Prefect, a secret there, and a host. `said` is the run's log."""

    def __init__(self, fake: FakeApi, host: GitHub, api: str) -> None:
        self.fake, self.host = fake, host
        self.on_commit = {"secret": "github-token", "api": api}
        self.said: list[tuple[str, int]] = []
        self.tags: list[str] = ["trigger:push"]
        self.notes: dict[str, str] = {}
        self.state = answers.state("RUNNING", "Running")
        fake.answers[SECRET] = lambda _: (200, self.block())
        fake.answers[f"GET /flow_runs/{RUN}"] = lambda _: (200, self.run())
        fake.answers[f"PATCH /flow_runs/{RUN}"] = self._patched
        fake.answers["POST /flow_runs/filter"] = self._found
        fake.answers[f"POST /flow_runs/{RUN}/input"] = self._kept
        for key in ("on-commit", "release"):
            path = f"/flow_runs/{RUN}/input/{key}"
            fake.answers[f"GET {path}"] = partial(self._note, key)
            fake.answers[f"DELETE {path}"] = partial(self._forget, key)

    def block(self) -> dict[str, Any]:
        return {
            "id": str(UUID(int=9)), "name": "github-token", "data": {"value": TOKEN},
            "block_schema_id": str(UUID(int=9)), "block_type_id": str(UUID(int=9)),
            "is_anonymous": False,
        }  # fmt: skip

    def run(self) -> dict[str, Any]:
        parameters = {"app": {"repository": REPOSITORY}, "on_commit": self.on_commit}
        return answers.run(RUN, state=self.state, tags=self.tags, parameters=parameters)

    def _patched(self, body: dict[str, Any]) -> tuple[int, Any]:
        self.tags = body["tags"]
        return 204, None

    def _found(self, body: dict[str, Any]) -> tuple[int, Any]:
        wanted = body["flow_runs"]
        assert wanted["tags"]["all_"] == [PENDING_TAG]
        final = self.state["type"] in wanted["state"]["type"]["any_"]
        return 200, [self.run()] if final and PENDING_TAG in self.tags else []

    def _kept(self, body: dict[str, Any]) -> tuple[int, Any]:
        if body["key"] in self.notes:
            return 409, {"detail": "it exists"}
        self.notes[body["key"]] = body["value"]
        return 201, None

    def _forget(self, key: str, _: dict[str, Any]) -> tuple[int, Any]:
        del self.notes[key]
        return 204, None

    def _note(self, key: str, _: dict[str, Any]) -> tuple[int, Any]:
        return (
            (200, self.notes[key].encode()) if key in self.notes else (404, {"detail": "Not found"})
        )

    @property
    def spec(self) -> ReleaseSpec:
        return ReleaseSpec.model_validate(
            {"app": {"name": "shop", "repository": REPOSITORY}, "on_commit": self.on_commit}
        )

    def release(self, outcome: Outcome = Outcome.FAILED) -> Release:
        return Release(
            id="shop-1", app="shop", ref="main", commit=COMMIT, outcome=outcome, started=START,
            ended=START, run=str(RUN), deployment="shop-staging", cause="a cause of ours",
        )  # fmt: skip

    @property
    def pending(self) -> bool:
        return PENDING_TAG in self.tags


@pytest.fixture
def world(fake: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    host = GitHub(COMMIT)
    with served(host, "/api/v3") as api:
        made = World(fake, host, api)

        def say(text: str, level: int = logging.INFO) -> None:
            made.said.append((text, level))

        for module in (telling, keep):
            monkeypatch.setattr(module, "say", say)
        # The steps without their runs in Prefect.
        monkeypatch.setattr(telling, "tell_host", telling.tell_host.fn)
        yield made


def settle() -> int:
    return keep.tell_pending_commits.fn()


def test_from_the_start_to_the_end(world: World) -> None:
    teller = Teller(world.spec)
    teller.started(world.release())
    assert world.pending
    kept = Pending.model_validate_json(json.loads(world.notes["on-commit"]))
    assert (kept.commit, kept.environment, kept.deployment) == (COMMIT, "shop-staging", "40")
    teller.ended(world.release(Outcome.RELEASED))
    assert not world.pending
    assert world.tags == ["trigger:push"]
    assert world.host.states() == ["pending", "success"]
    assert world.host.states(world.host.deployments[40]) == ["in_progress", "success"]
    assert world.host.statuses[-1]["context"] == "spotkiln/shop-staging"
    assert world.said == []


def test_the_host_is_not_told_of_causes(world: World) -> None:
    """It may show them to others than the run's page does."""
    teller = Teller(world.spec)
    teller.started(world.release())
    teller.ended(world.release(Outcome.ROLLED_BACK))
    assert "a cause of ours" not in str(world.host.statuses) + str(world.host.deployments)


def test_neither_parameters_nor_notes_nor_tags_have_the_token(world: World) -> None:
    Teller(world.spec).started(world.release())
    sent = [body for name, body in world.fake.asked if not name.startswith("GET")]
    assert TOKEN not in json.dumps(sent) + json.dumps(world.notes) + world.spec.model_dump_json()


def test_a_host_that_fails_is_said_once_and_settled_later(world: World) -> None:
    world.host.fails = replies(503, b"")
    teller = Teller(world.spec)
    teller.started(world.release())
    teller.ended(world.release(Outcome.RELEASED))
    ((text, level),) = world.said
    assert level == logging.WARNING
    assert text.startswith("the commit does not tell of this release: could not set the commit's")
    assert world.pending
    world.host.fails = None
    world.state = answers.state("COMPLETED", "Released")
    result = Result(release="shop-1", outcome=Outcome.RELEASED).model_dump_json()
    world.notes["release"] = json.dumps(result)
    assert settle() == 1
    assert world.host.states() == ["success"]
    assert not world.pending
    assert settle() == 0


def test_without_its_secret_it_is_said_and_nothing_is_kept(world: World) -> None:
    del world.fake.answers[SECRET]
    teller = Teller(world.spec)
    teller.started(world.release())
    teller.ended(world.release(Outcome.RELEASED))
    assert len(world.said) == 1
    assert "github-token" in world.said[0][0]
    assert not world.pending
    assert world.host.asked == []


def test_nobody_is_told_without_a_secret_or_before_the_commit_is_known(world: World) -> None:
    world.on_commit = {}
    Teller(world.spec).started(world.release())
    world.on_commit = {"secret": "github-token"}
    Teller(world.spec).ended(world.release().model_copy(update={"commit": ""}))
    assert world.fake.asked == []


@pytest.mark.parametrize(
    ("kind", "name", "status", "deployment", "words"),
    [
        ("CRASHED", "Crashed", "error", "inactive", "lost with its process"),
        ("CANCELLED", "Cancelled", "error", "inactive", "cancelled"),
        ("CANCELLED", "Superseded", "error", "inactive", "superseded"),
        ("FAILED", "Failed", "failure", "failure", "failed"),
        ("COMPLETED", "Released", "success", "success", "released"),
    ],
)
def test_a_run_that_was_ended_from_outside_is_settled(
    world: World, kind: str, name: str, status: str, deployment: str, words: str
) -> None:
    Teller(world.spec).started(world.release())
    assert settle() == 0  # It is running.
    world.state = answers.state(kind, name)
    assert settle() == 1
    assert world.host.states() == ["pending", status]
    assert world.host.states(world.host.deployments[40])[-1] == deployment
    assert words in world.host.statuses[-1]["description"]
    assert not world.pending


def test_a_deployment_that_nobody_noted_is_found_and_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run was killed just after the host had made it. Another run of the same commit has one
    of its own."""
    keep_it = telling._keep

    def killed(prefect: Any, run: str, report: Any, made: str) -> None:
        if made:
            raise SystemExit
        keep_it(prefect, run, report, made)

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(telling, "_keep", killed)
        Teller(world.spec).started(world.release())
    other = {"ref": COMMIT, "environment": "shop-staging", "auto_merge": False,
             "required_contexts": [], "payload": {"run": str(UUID(int=8))}}  # fmt: skip
    world.host._deploy(other)
    world.state = answers.state("CRASHED", "Crashed")
    assert settle() == 1
    assert list(world.host.deployments) == [40, 41]
    assert world.host.states(world.host.deployments[40]) == ["in_progress", "inactive"]
    assert world.host.deployments[41] == []


def test_what_cannot_be_settled_now_is_tried_again(world: World) -> None:
    Teller(world.spec).started(world.release())
    world.state = answers.state("CRASHED", "Crashed")
    world.host.fails = replies(500, b"")
    assert settle() == 0
    assert world.pending
    assert world.said[-1][1] == logging.WARNING
    world.host.fails = None
    assert settle() == 1


def test_a_run_that_waits_says_so(world: World) -> None:
    teller = Teller(world.spec)
    teller.waits(world.release(), "frozen until Mon 2026-11-30 07:00 CET")
    assert world.pending
    assert world.host.statuses[-1]["description"] == "frozen until Mon 2026-11-30 07:00 CET"
    assert world.host.states(world.host.deployments[40]) == ["queued"]
    # Another process of the same run goes on with the same deployment.
    Teller(world.spec).started(world.release())
    assert list(world.host.deployments) == [40]
