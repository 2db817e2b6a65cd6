"""What hosts of repositories are told: by stand-ins that check what the real ones check."""

import logging
import time
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from spotkiln.errors import InfrastructureError, InputError
from spotkiln.hosts_api import send
from spotkiln.release.on_commit import Kind, OnCommit, Report, Repository, Standing, find
from spotkiln.release.release import Outcome
from spotkiln.show.hosts.call import short
from spotkiln.show.hosts.say import STANDING, ended
from tests.unit.hosts.standin import (
    TOKEN,
    Gitea,
    GitHub,
    GitLab,
    Host,
    drop_by_drop,
    replies,
    served,
)
from tests.unit.nouns import COMMIT

pytestmark = pytest.mark.programs

PATHS = {Kind.GITHUB: "team/shop", Kind.GITLAB: "group/team/shop", Kind.GITEA: "team/shop"}
PREFIXES = {Kind.GITHUB: "/api/v3", Kind.GITLAB: "/api/v4", Kind.GITEA: "/api/v1"}
STANDINS: dict[Kind, type[Host]] = {Kind.GITHUB: GitHub, Kind.GITLAB: GitLab, Kind.GITEA: Gitea}


class Told:
    """A host of one kind, and what it is told of one release."""

    def __init__(self, kind: Kind, host: Host, api: str) -> None:
        self.host = host
        self.repository = Repository(kind=kind, api=api, path=PATHS[kind])
        self.deployment: str | None = None

    def tell(
        self, standing: Standing, text: str = "words", token: str = TOKEN, address: str = ""
    ) -> None:
        report = Report(
            commit=COMMIT, ref="main", environment="production", standing=standing,
            description=text, url="https://prefect.example.com/runs/flow-run/1", run="1",
            address=address,
        )  # fmt: skip
        self.deployment = send.report(self.repository, report, self.deployment, token)


def told_of(kind: Kind) -> Iterator[Told]:
    host = STANDINS[kind](COMMIT)
    with served(host, PREFIXES[kind]) as api:
        yield Told(kind, host, api)


@pytest.fixture(params=list(Kind))
def told(request: pytest.FixtureRequest) -> Iterator[Told]:
    yield from told_of(request.param)


@pytest.fixture
def github() -> Iterator[Told]:
    yield from told_of(Kind.GITHUB)


# What each host says of a release that started and then ended so: of the commit, of the deployment.
SAID: dict[Kind, dict[Standing, tuple[list[str], list[str]]]] = {
    Kind.GITHUB: {
        Standing.RELEASED: (["pending", "success"], ["in_progress", "success"]),
        Standing.FAILED: (["pending", "failure"], ["in_progress", "failure"]),
        Standing.ENDED: (["pending", "error"], ["in_progress", "inactive"]),
        Standing.WAITING: (["pending", "pending"], ["in_progress", "queued"]),
    },
    Kind.GITLAB: {
        Standing.RELEASED: (["running", "success"], ["running", "success"]),
        Standing.FAILED: (["running", "failed"], ["running", "failed"]),
        Standing.ENDED: (["running", "canceled"], ["running", "canceled"]),
        # It has no way back from running; it says so, and that is no failure.
        Standing.WAITING: (["running"], ["running"]),
    },
    Kind.GITEA: {
        Standing.RELEASED: (["pending", "success"], []),
        Standing.FAILED: (["pending", "failure"], []),
        Standing.ENDED: (["pending", "warning"], []),
        Standing.WAITING: (["pending", "pending"], []),
    },
}


@pytest.mark.parametrize("standing", [x for x in Standing if x is not Standing.STARTED])
def test_from_the_start_to_the_end(told: Told, standing: Standing) -> None:
    told.tell(Standing.STARTED)
    told.tell(standing)
    statuses, deployment = SAID[told.repository.kind][standing]
    assert told.host.states() == statuses
    assert [told.host.states(one) for one in told.host.deployments.values()] == (
        [deployment] if deployment else []
    )
    last = told.host.statuses[-1]
    assert last["target_url"] == "https://prefect.example.com/runs/flow-run/1"
    assert last.get("context", last.get("name")) == "spotkiln/production"


def test_a_deployment_whose_id_was_lost_is_found_again(told: Told) -> None:
    """The run was killed, or the answer did not come in time."""
    told.tell(Standing.STARTED)
    told.deployment = ""
    told.tell(Standing.RELEASED)
    assert told.host.states()[-1] == "success"
    for states in told.host.deployments.values():
        assert told.host.states(states)[-1] == "success"
    assert len(told.host.deployments) == (told.repository.kind is not Kind.GITEA)


def test_the_deployment_of_another_commit_is_none_of_ours(told: Told) -> None:
    told.tell(Standing.STARTED)
    for made in told.host.made.values():
        made["sha"] = "0" * 40
    told.deployment = None
    told.tell(Standing.RELEASED)
    assert len(told.host.deployments) == 2 * (told.repository.kind is not Kind.GITEA)


def test_what_it_knows_already_is_no_failure(told: Told) -> None:
    told.tell(Standing.STARTED)
    told.tell(Standing.STARTED)
    told.tell(Standing.RELEASED)
    assert told.host.states()[-1] == "success"


def test_one_that_waits_first_and_then_starts(told: Told) -> None:
    told.tell(Standing.WAITING)
    told.tell(Standing.STARTED)
    told.tell(Standing.RELEASED)
    assert told.host.states()[-1] == "success"
    if told.host.deployments:
        (deployment,) = told.host.deployments.values()
        assert told.host.states(deployment)[-1] == "success"


def test_the_commit_leads_to_the_address(told: Told) -> None:
    address = "https://feature-x.preview.example.com"
    for standing in (Standing.STARTED, Standing.RELEASED):
        told.tell(standing, address=address)
    # The next push of the branch finds the environment there.
    told.deployment = None
    told.tell(Standing.STARTED, address=address)
    found = {
        Kind.GITHUB: [
            x.get("environment_url") for one in told.host.deployments.values() for x in one
        ],
        Kind.GITLAB: [told.host.environments.get("production")],
        Kind.GITEA: [told.host.statuses[1]["description"].partition(": ")[0]],
    }[told.repository.kind]
    assert set(found) == {address}


def test_long_words_are_cut(told: Told) -> None:
    told.tell(Standing.FAILED, "a cause\nof many words " * 50)
    said = told.host.statuses[-1]["description"]
    assert said.startswith("a cause of many words a cause")
    assert said.endswith("…")


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_its_words(outcome: Outcome) -> None:
    standing, text = ended(outcome)
    assert standing is STANDING[outcome]
    assert standing not in {Standing.STARTED, Standing.WAITING}
    assert short(text, 140) == text


def test_only_what_serves_is_a_success() -> None:
    good = {one for one, standing in STANDING.items() if standing is Standing.RELEASED}
    assert good == {Outcome.RELEASED, Outcome.UNCHANGED}
    bad = {one for one, standing in STANDING.items() if standing is Standing.FAILED}
    assert bad == {Outcome.FAILED, Outcome.ROLLED_BACK}


def test_a_token_that_is_not_its_own_is_refused_in_words(told: Told) -> None:
    with pytest.raises(InfrastructureError, match=r"\(401\).*has the token the right") as refused:
        told.tell(Standing.STARTED, token="other-" + TOKEN)
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (replies(404, {"message": "Not Found"}), "no repository team/shop there"),
        (replies(403, {"message": "Resource not accessible by"}), "Resource not accessible by"),
        (replies(500, b"<html>oops</html>"), r"\(500\): it said nothing more"),
        (replies(301, {"message": "Moved Permanently"}), "it has moved"),
        (replies(422, {"message": f"you sent {TOKEN}"}), "you sent …"),
        (replies(201, b"[1, 2]"), ""),
        (replies(422, {"message": {"description": ["is too long"]}}), "is too long"),
    ],
)
def test_what_a_host_answers_wrongly(github: Told, answer: object, words: str) -> None:
    github.host.fails = answer  # type: ignore[assignment]
    if not words:
        github.tell(Standing.STARTED)
        assert github.deployment == ""
        return
    with pytest.raises(InfrastructureError, match=words) as refused:
        github.tell(Standing.STARTED)
    assert TOKEN not in str(refused.value)


def test_an_answer_that_comes_drop_by_drop_ends_in_time(
    github: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "SECONDS", 0.5)
    github.host.fails = drop_by_drop
    before = time.monotonic()
    with pytest.raises(InfrastructureError, match="no answer within"):
        github.tell(Standing.STARTED)
    assert time.monotonic() - before < 3


def test_a_host_that_is_away_is_named_and_nothing_else() -> None:
    repository = Repository(kind=Kind.GITEA, api="http://127.0.0.1:1/api/v1", path="team/shop")
    told = Told(Kind.GITEA, Gitea(COMMIT), "")
    told.repository = repository
    with pytest.raises(InfrastructureError, match=r"127\.0\.0\.1 does not answer \(ConnectError\)"):
        told.tell(Standing.STARTED)


@pytest.mark.parametrize("token", ["", "a b c d", "line\nbreak", "ümlaut-token"])
def test_what_is_no_token_is_refused_without_it(
    github: Told, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InputError, match="the secret holds no token") as refused:
        github.tell(Standing.STARTED, token=token)
    assert not token or token not in str(refused.value)
    assert github.host.asked == []


def test_the_token_is_in_no_log(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        told.tell(Standing.STARTED)
    assert caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("repository", "asked", "kind", "api", "path"),
    [
        (
            "git@github.com:team/shop.git", {},
            "github", "https://api.github.com", "team/shop",
        ),
        (
            "ssh://git@ssh.github.com:443/team/shop.git", {},
            "github", "https://api.github.com", "team/shop",
        ),
        (
            "https://github.example.com/team/shop", {},
            "github", "https://github.example.com/api/v3", "team/shop",
        ),
        (
            "https://gitlab.com/group/team/shop.git", {},
            "gitlab", "https://gitlab.com/api/v4", "group/team/shop",
        ),
        (
            "https://codeberg.org/team/shop", {},
            "gitea", "https://codeberg.org/api/v1", "team/shop",
        ),
        (
            "git@git.example.com:team/shop", {"host": "gitea"},
            "gitea", "https://git.example.com/api/v1", "team/shop",
        ),
        (
            "git@work:team/shop", {"host": "gitlab", "api": "http://gitlab.lan:8080/api/v4/"},
            "gitlab", "http://gitlab.lan:8080/api/v4", "team/shop",
        ),
        (
            "/srv/mirror/shop", {
                "host": "gitea", "api": "https://git.example.com/api/v1", "repository": "team/shop",
            },
            "gitea", "https://git.example.com/api/v1", "team/shop",
        ),
    ],
)  # fmt: skip
def test_a_host_is_found_by_the_repositorys_address(
    repository: str, asked: dict[str, str], kind: str, api: str, path: str
) -> None:
    found = find(OnCommit.model_validate({"secret": "token", **asked}), repository)
    assert (found.kind, found.api, found.path) == (kind, api, path)


@pytest.mark.parametrize(
    ("repository", "words"),
    [
        ("https://git.example.com/team/shop", "expected on_commit.host to be github, gitlab or"),
        ("/srv/git/shop", "a path on this machine"),
        ("https://github.com/shop", "owner and name"),
    ],
)
def test_a_host_that_nothing_tells_is_refused_in_words(repository: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        find(OnCommit(secret="token"), repository)


@pytest.mark.parametrize(
    "given",
    [
        {"secret": "ghp_AbC"},
        {"host": "bitbucket"},
        {"api": "git.example.com/api"},
        {"api": "https://bot:hunter2@git.example.com/api"},
        {"api": "https://git.example.com/api?token=x"},
        {"environment": "a\nb"},
        {"token": "x"},
    ],
)
def test_what_is_no_setting_is_refused(given: dict[str, str]) -> None:
    """Above all a token in the place of its secret's name: parameters are no secret."""
    with pytest.raises(ValidationError):
        OnCommit.model_validate(given)
