"""What a host is told of a release, call by call, and in which words."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from spotkiln.errors import InfrastructureError
from spotkiln.noun import Noun
from spotkiln.release.on_commit import Kind, Report, Repository, Standing
from spotkiln.release.release import Outcome, Release
from spotkiln.show.hosts import gitea, github, gitlab
from spotkiln.show.hosts.call import Call
from spotkiln.show.page import HEADLINE

HOSTS: dict[Kind, ModuleType] = {
    Kind.GITHUB: github,
    Kind.GITLAB: gitlab,
    Kind.GITEA: gitea,
}
STANDING = {
    Outcome.RELEASED: Standing.RELEASED,
    Outcome.UNCHANGED: Standing.RELEASED,
    Outcome.FAILED: Standing.FAILED,
    Outcome.ROLLED_BACK: Standing.FAILED,
    Outcome.SUPERSEDED: Standing.ENDED,
    Outcome.HELD: Standing.ENDED,
    Outcome.FROZEN: Standing.ENDED,
    Outcome.DECLINED: Standing.ENDED,
    Outcome.CANCELLED: Standing.ENDED,
}
LOST = "lost with its process: reconcile finishes or undoes what it made"
RIGHTS = {
    Kind.GITHUB: "commit statuses and deployments, write (classic: repo)",
    Kind.GITLAB: "api, and the role Developer",
    Kind.GITEA: "write:repository",
}


class Answer(Noun):
    """`body` is empty unless it was a JSON object, `listed` unless it was a list of them."""

    code: int
    body: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies defaults
    listed: tuple[dict[str, Any], ...] = ()


Send = Callable[[Call], Answer]


def started(release: Release) -> tuple[Standing, str]:
    return Standing.STARTED, f"release of {release.app} has started"


def ended(outcome: Outcome) -> tuple[Standing, str]:
    """Without the cause: the host may show it to others than the page does."""
    return STANDING[outcome], HEADLINE[outcome]


def ended_as(state: str) -> tuple[Standing, str]:
    """By the name of the run's last state: such a run has left no outcome."""
    known = {one.capitalize(): one for one in Outcome}
    outcome = known.get(state)
    return ended(outcome) if outcome else (Standing.ENDED, LOST)


def tell(repository: Repository, report: Report, deployment: str | None, send: Send) -> str:
    """Tell a host how a release stands. Returns the id of its deployment there, empty if it has
    none; `deployment` is the one of before: None if the run has made none, empty if it may have
    made one whose id is not known.

    Raises:
        InfrastructureError: it did not want to hear it.
    """
    host = HOSTS[repository.kind]
    _ask(repository, host.status(repository.path, report), send)
    if deployment == "":
        deployment = _look(repository, report, send)
    if not deployment and (call := host.prepares(repository.path, report)):
        _ask(repository, call, send)
    if not deployment and (call := host.opens(repository.path, report)):
        deployment = str(_ask(repository, call, send).body.get("id") or "")
        if repository.kind is Kind.GITLAB:
            return deployment
    if deployment and (call := host.updates(repository.path, report, deployment)):
        _ask(repository, call, send)
    return deployment or ""


def _look(repository: Repository, report: Report, send: Send) -> str:
    """The id of the deployment that this run has made; empty if there is none."""
    host = HOSTS[repository.kind]
    call = host.looks(repository.path, report)
    found = _ask(repository, call, send).listed if call else ()
    return next((str(one.get("id") or "") for one in found if host.is_it(one, report)), "")


def _ask(repository: Repository, call: Call, send: Send) -> Answer:
    answer = send(call)
    said = str(answer.body.get("message") or answer.body.get("error") or "")[:200]
    known = repository.kind is Kind.GITLAB and any(one in said for one in gitlab.KNOWN)
    if answer.code in {200, 201} or (answer.code == 400 and known):
        return answer
    raise InfrastructureError(
        f"could not {call.what} ({answer.code}): {_why(repository, answer, said)}"
    )


def _why(repository: Repository, answer: Answer, said: str) -> str:
    said = f"{said}; " if said else ""
    if answer.code in {401, 403}:
        return f"{said}has the token the right to write: {RIGHTS[repository.kind]}?"
    if answer.code == 404:
        return f"{said}no repository {repository.path} there, or the token must not see it"
    if 300 <= answer.code < 400:
        return f"{said}it has moved: write its new address into the deployment"
    return said or "it said nothing more"
