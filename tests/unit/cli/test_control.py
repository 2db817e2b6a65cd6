"""A waiting run is answered, a run is cancelled, a page is found."""

from typing import Any
from uuid import UUID

import pytest

from spotkiln.cli import control
from spotkiln.errors import InputError
from spotkiln.release.approval import Decision
from tests.unit.prefect_api import answers
from tests.unit.prefect_api.conftest import FakeApi

pytestmark = pytest.mark.programs

RUN, OTHER = UUID(int=7), UUID(int=8)
READ = f"GET /flow_runs/{RUN}"
SHOP = "GET /deployments/name/release/shop"
ACCEPTED = {"status": "ACCEPT", "state": answers.state(), "details": {"type": "accept_details"}}
PAUSED = answers.state("PAUSED", "Suspended")


@pytest.fixture(autouse=True)
def ada(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "user", lambda: "ada")


def waits(fake: FakeApi, *runs: dict[str, Any]) -> None:
    fake.answers["POST /flow_runs/filter"] = lambda _: (200, list(runs))
    fake.answers[READ] = lambda _: (200, runs[0])
    fake.answers[f"POST /flow_runs/{RUN}/resume"] = lambda _: (200, ACCEPTED)


@pytest.mark.parametrize("wanted", ["shop", str(RUN), "shop 3f2a91c push"])
def test_a_run_that_waits_is_answered_by_any_of_its_names(fake: FakeApi, wanted: str) -> None:
    told = answers.deployment("shop")
    fake.answers[SHOP] = lambda _: (200, told)
    fake.answers["POST /deployments/filter"] = lambda _: (200, [told])
    waits(fake, answers.run(RUN, state=PAUSED))
    said = control.answer(wanted, Decision.APPROVE, "looks good")
    assert str(said) == (
        f"shop 3f2a91c push: approved by ada: looks good\nhttp://ui.test/v2/runs/flow-run/{RUN}"
    )
    (asked,) = fake.bodies(f"POST /flow_runs/{RUN}/resume")
    assert asked["run_input"] == {"decision": "approve", "by": "ada", "comment": "looks good"}


def test_what_does_not_wait_is_not_answered(fake: FakeApi) -> None:
    fake.answers["POST /deployments/filter"] = lambda _: (200, [answers.deployment("shop")])
    waits(fake, answers.run(RUN, "RUNNING"))
    with pytest.raises(InputError, match="waits for no approval: it is running"):
        control.answer(str(RUN), Decision.REJECT, "")
    fake.answers[SHOP] = lambda _: (200, answers.deployment("shop"))
    with pytest.raises(InputError, match="no run of release/shop waits for an approval"):
        control.answer("shop", Decision.REJECT, "")
    waits(fake, answers.run(RUN, state=PAUSED), answers.run(OTHER, state=PAUSED))
    with pytest.raises(InputError, match=f"several runs of release/shop wait.*{OTHER}"):
        control.answer("shop", Decision.REJECT, "")
    with pytest.raises(InputError, match="at most 1000 characters, got 1001"):
        control.answer("shop", Decision.REJECT, "x" * 1001)
    assert not fake.bodies(f"POST /flow_runs/{RUN}/resume")


def test_a_run_is_cancelled_once(fake: FakeApi) -> None:
    kinds = ["RUNNING", "RUNNING", "CANCELLING", "CANCELLED"]
    fake.answers[READ] = lambda _: (200, answers.run(RUN, kinds.pop(0)))
    path = f"POST /flow_runs/{RUN}/set_state"
    fake.answers[path] = lambda _: (200, ACCEPTED)
    told = control.cancel(str(RUN))
    assert told.what == "will be cancelled; what it made goes back"
    assert fake.bodies(path)[0]["state"]["type"] == "CANCELLING"
    assert len(fake.bodies(path)) == 1


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("COMPLETED", "Released", "released"),
        ("FAILED", "Rolled back", "rolled back"),
        ("CANCELLED", "Cancelled", "cancelled"),
    ],
)
def test_a_run_that_has_ended_is_not_cancelled(
    fake: FakeApi, kind: str, name: str, said: str
) -> None:
    fake.answers[READ] = lambda _: (200, answers.run(RUN, state=answers.state(kind, name)))
    with pytest.raises(InputError) as refused:
        control.cancel(str(RUN))
    assert str(refused.value) == f"shop 3f2a91c push has ended already: {said}"
    assert not fake.bodies(f"POST /flow_runs/{RUN}/set_state")


def test_the_page_of_an_applications_newest_run(fake: FakeApi) -> None:
    fake.answers[SHOP] = lambda _: (200, answers.deployment("shop"))
    waits(fake, answers.run(RUN, "RUNNING"))
    assert control.page("shop").url == f"http://ui.test/v2/runs/flow-run/{RUN}"
    (asked,) = fake.bodies("POST /flow_runs/filter")
    assert asked["limit"] == 1
    fake.answers["POST /flow_runs/filter"] = lambda _: (200, [])
    with pytest.raises(InputError, match="release/shop has no run yet"):
        control.page("shop")
