"""The command's own decisions: no Prefect server, no AWS."""

import contextlib
import io
from uuid import uuid4

import httpx
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, temporary_settings
from rich.table import Table

from spotkiln import tags as t
from spotkiln.cli import output, runs, status
from spotkiln.cli.doctor import examine as doctor
from spotkiln.cli.doctor import prefect
from spotkiln.cli.doctor.check import check
from spotkiln.cli.main import main
from spotkiln.errors import InputError
from spotkiln.keep.lease import Lease, Stage
from spotkiln.prefect_api.connection import Api, ask
from spotkiln.release.release import Outcome, ReleaseSpec
from spotkiln.release.result import Result
from spotkiln.start.deployment import Deployment, worker_of
from spotkiln.start.run import Run
from spotkiln.start.settings import settings
from spotkiln.target import Health
from tests.unit import nouns
from tests.unit.nouns import COMMIT, RELEASE, START

PARAMETERS = {"app": {"repository": "/srv/git/demo"}, "keep_versions": 3, "later": True}


def deployment(**parameters: object) -> Deployment:
    return Deployment(id=uuid4(), name="release/demo", parameters={**PARAMETERS, **parameters})


def test_settings_come_from_the_deployment() -> None:
    spec = settings(deployment())
    assert (spec.app.repository, spec.keep_versions) == ("/srv/git/demo", 3)
    assert settings(deployment().at_ref("v2")).app.ref == "v2"
    assert settings(deployment().at_ref("")) == spec


def test_settings_that_are_none() -> None:
    with pytest.raises(InputError, match="release/demo"):
        settings(deployment(fleet={"capcity": 3}))
    with pytest.raises(InputError, match="git does not allow"):
        settings(deployment().at_ref("a b"))


def test_a_secret_in_an_address_is_not_repeated() -> None:
    """Neither where the settings are read, nor when Prefect refuses them and quotes them."""
    url = "https://me:hush@git.example/app.git"
    with pytest.raises(InputError, match="would end up in logs") as caught:
        settings(deployment(app={"repository": url}))
    assert "hush" not in str(caught.value)
    request = httpx.Request("POST", "http://127.0.0.1:1/api/x")
    answer = httpx.Response(409, text=f"'{url}' does not match", request=request)

    async def refuse(_: PrefectClient) -> None:
        raise PrefectHTTPStatusError("refused", request=request, response=answer)

    async def refused(api: Api) -> None:
        await api.ask("start a run", refuse)

    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}),
        pytest.raises(InputError, match=r"'https://git\.example/app\.git' does not") as caught,
    ):
        ask(refused)
    assert "hush" not in str(caught.value)


def shown(*parts: str | Table) -> str:
    """As in a pipe."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        output.show(None, *parts, as_json=False)
    return out.getvalue()


def test_servers_are_targets_and_what_should_be() -> None:
    registered = {"i-1": nouns.target("i-1"), "i-9": nouns.target("i-9", "unhealthy", "T.Timeout")}
    members = [
        nouns.instance("i-1", fleet="sfr-2", spot=True, type="t3.micro"),
        nouns.instance("i-2", "pending", fleet="sfr-2"),
        nouns.instance("i-3", "terminated", fleet="sfr-2"),
        nouns.instance("i-4", fleet="sfr-1"),
    ]
    found = status.servers({"website": registered}, members, "sfr-2")
    assert [(x.instance, x.health, x.fleet) for x in found] == [
        ("i-1", Health.HEALTHY, "sfr-2"),
        ("i-2", Health.UNREGISTERED, "sfr-2"),
        ("i-9", Health.UNHEALTHY, ""),
    ]
    group = nouns.target_group()
    seen = status.assess(
        ReleaseSpec(app=nouns.app()), "eu-west-1", group, nouns.fleet("sfr-2"), found,
        [Lease(release=RELEASE, run="run-1", ticket=START, until=START, stage=Stage.HOLDS)],
        START,
    )  # fmt: skip
    assert (seen.healthy, seen.capacity, seen.well) == (1, 2, False)
    text = shown(*status.parts(seen))
    assert f"sfr-2 serves target group website in eu-west-1 since {output.moment(START)}" in text
    assert f"commit {COMMIT[:12]}, image ami-1" in text
    assert "1 of 2 healthy" in text
    assert f"{RELEASE}  holds  run-1" in text
    assert seen.model_copy(update={"capacity": 1}).well


def test_what_is_held_and_what_is_suspect_is_shown() -> None:
    held = nouns.fleet().model_copy(update={"tags": {t.HELD: "b" * 12, t.COMMIT: COMMIT}})
    seen = status.assess(
        ReleaseSpec(app=nouns.app()), "eu-west-1", nouns.target_group(), held, (), [], START
    )
    assert seen.held == ("b" * 12,)
    text = shown(*status.parts(seen.model_copy(update={"suspect": "2024-05-01 website: crashing"})))
    assert f"held, until a newer commit is released: {'b' * 12} (spotkiln unhold)" in text
    assert "its image is suspect: 2024-05-01 website: crashing" in text


def test_a_freeze_is_shown_with_its_end() -> None:
    spec = ReleaseSpec(app=nouns.app(), freeze=("2024-05-01 - 2024-05-03 Europe/Berlin",))
    for fleet in (None, nouns.fleet()):
        seen = status.assess(spec, "eu-west-1", nouns.target_group(), fleet, (), [], START)
        assert "frozen until Fri 2024-05-03 00:00 CEST (2024-05-01 - 2024-05-03" in shown(
            *status.parts(seen)
        )


def test_nothing_serves() -> None:
    seen = status.assess(
        ReleaseSpec(app=nouns.app()), "eu-west-1", nouns.target_group(), None, (), [], START
    )
    assert not seen.well
    assert "nothing of ours serves" in shown(*status.parts(seen))


def test_a_check_that_fails_says_what_to_do() -> None:
    def probe() -> str:
        raise InputError("no key pair 'demo'. Create it")

    made = check("release/demo", "key pair", probe)
    assert not made.ok
    assert (
        shown(doctor.table([made]))
        .splitlines()[1]
        .startswith("NOT OK  release/demo  key pair  no key")
    )


def test_how_a_run_ended_is_told() -> None:
    good = runs.Ending(run="r", state="COMPLETED", outcome="released", image="ami-1", seconds=61)
    assert good.ok
    assert str(good) == "released in 61 s: image ami-1"
    # It ended as it should, and yet it does not serve.
    assert not runs.Ending(run="r", state="COMPLETED", outcome="declined").ok
    assert not runs.Ending(run="r", state="COMPLETED", outcome="held").ok
    bad = runs.Ending(run="r", state="CRASHED", cause="killed")
    assert not bad.ok
    assert str(bad) == "crashed in 0 s\nkilled"


@pytest.mark.parametrize(
    "arguments", [["versions"], ["relaese", "demo"], ["status", "demo", "--jsn"]]
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert main(arguments) == 2


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for name in ("versions", "status", "plan", "doctor", "release", "rollback", "unhold", "logs"):
        assert f" {name} " in text


def test_a_rollback_behind_the_releases_is_told() -> None:
    urgent = deployment().model_copy(update={"pool": "spotkiln", "queue": "urgent"})
    behind = urgent.model_copy(update={"queue": "default"})
    served = urgent.model_copy(update={"pool": "", "queue": ""})
    assert prefect.queue(urgent) == "queue urgent"
    assert "served" in prefect.queue(served)
    with pytest.raises(InputError, match="work_queue_name: urgent"):
        prefect.queue(behind)


def test_what_a_run_waits_for_is_told_once_for_each_state(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("spotkiln.cli.runs.time.monotonic", lambda: now)
    monkeypatch.setattr("spotkiln.prefect_api.run.page_of", lambda _: "http://ui.test/run")
    wait = runs._Wait()

    def seen(state: str, name: str) -> str:
        return wait.hint(
            Run(id=str(uuid4()), created=START, state=state, state_name=name, pool="spotkiln")
        )

    assert seen("SCHEDULED", "Scheduled") == ""
    now += runs.NO_WORKER_SECONDS + 1
    late = f"Scheduled: does a worker run? {worker_of('spotkiln')}"
    assert seen("SCHEDULED", "Scheduled") == late
    assert seen("SCHEDULED", "Scheduled") == ""
    assert seen("RUNNING", "Running") == ""
    assert seen("PAUSED", "Suspended") == "waits for an approval: http://ui.test/run"
    assert seen("PAUSED", "Suspended") == ""
    # Answered after an hour: a worker takes it within seconds, and nobody is asked for one.
    now += 3600
    assert seen("SCHEDULED", "Resuming") == ""
    assert wait.name == "Resuming"


def test_the_release_tells_how_it_ended_and_prefect_tells_of_a_run_that_was_killed() -> None:
    done = Run(id="r", created=START, state="COMPLETED", message="All states completed.")
    left = Result(release=RELEASE, outcome=Outcome.HELD, cause="a rollback left it", image="ami-1")
    end = runs.ending(done, left, "http://ui.test/r")
    assert (end.outcome, end.cause, end.image) == ("held", "a rollback left it", "ami-1")
    assert (end.url, end.release, end.ok) == ("http://ui.test/r", RELEASE, False)
    assert runs.ending(done, None).cause == ""
    back = left.model_copy(update={"outcome": Outcome.ROLLED_BACK})
    assert runs.ending(done.model_copy(update={"state": "FAILED"}), back).outcome == "rolled back"
    done = done.model_copy(update={"state_name": "Completed"})
    assert str(runs.ending(done, None)) == "completed in 0 s"
    told = done.model_copy(update={"message": "nothing to do"})
    assert str(runs.ending(told, None)) == "completed in 0 s\nnothing to do"
    killed = done.model_copy(update={"state": "CRASHED", "message": "Flow run process exited"})
    assert runs.ending(killed, None).cause == "Flow run process exited"
    # It was killed while it ended: what it said of itself is better than what Prefect saw.
    assert runs.ending(killed, left).cause == "a rollback left it"
