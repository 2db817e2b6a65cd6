"""What a person does with a run: answer what it asks, end it, look at its page."""

from spotkiln.cli.deployment import find as find_deployment
from spotkiln.cli.runs import find, user
from spotkiln.errors import InputError, SpotkilnError
from spotkiln.noun import Noun
from spotkiln.prefect_api import run as runs
from spotkiln.prefect_api import run_list
from spotkiln.prefect_api.connection import ask
from spotkiln.release.approval import Answer, Decision
from spotkiln.start.deployment import RELEASE, Deployment
from spotkiln.start.run import PAUSED, Run

MOST_COMMENT = 1000


class Told(Noun):
    """What became of a run that a person spoke to. `url` is its page, empty if none is known."""

    run: str
    name: str
    what: str
    url: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.what}\n{self.url}".rstrip()


def _told(found: Run, what: str) -> Told:
    return Told(run=found.id, name=found.name, what=what, url=runs.page_of(found.id))


def _application(wanted: str) -> Deployment | None:
    """The application of that name; None if a run may be meant."""
    try:
        return find_deployment(RELEASE, wanted)
    except InputError:
        return None


def waiting(wanted: str) -> Run:
    """The run that waits for an approval: by the run's id or name, or by the application's.

    Raises:
        InputError: there is none, or that run waits for nothing.
    """
    deployment = _application(wanted)
    if deployment is None:
        found = ask(runs.read, find(wanted))
        if found.state != PAUSED:
            raise InputError(
                f"{found.name} waits for no approval: it is {found.state_name.lower()}"
            )
        return found
    paused = [x for x in ask(run_list.newest_of, [deployment.id], 100) if x.state == PAUSED]
    if not paused:
        raise InputError(f"no run of {deployment.name} waits for an approval")
    if len(paused) > 1:
        names = ", ".join(f"{one.id} ({one.name})" for one in paused)
        raise InputError(f"several runs of {deployment.name} wait for an approval: {names}")
    return paused[0]


def answer(wanted: str, decision: Decision, comment: str) -> Told:
    """Answer in the place of the form in the UI. Whoever was first, counts.

    Raises:
        InputError: nothing waits, or the comment is too long.
    """
    if len(comment) > MOST_COMMENT:
        raise InputError(
            f"expected a comment of at most {MOST_COMMENT} characters, got {len(comment)}"
        )
    found = waiting(wanted)
    given = Answer(decision=decision, by=user()[:100], comment=comment)
    ask(runs.resume, found.id, given.model_dump(mode="json"))
    return _told(found, str(given))


def cancel(wanted: str) -> Told:
    """End a run. What it made goes back, and what served serves on.

    Raises:
        InputError: it has ended already.
    """
    found = ask(runs.read, find(wanted))
    if found.final:
        raise InputError(f"{found.name} has ended already: {found.state_name.lower()}")
    ask(runs.ask_to_cancel, found.id)
    now = ask(runs.read, found.id)
    what = "cancelled" if now.final else "will be cancelled; what it made goes back"
    return _told(found, what)


def page(wanted: str) -> Told:
    """The page of a run, or of an application's newest run.

    Raises:
        InputError: there is none, or Prefect knows of no UI.
    """
    deployment = _application(wanted)
    if deployment is None:
        found = ask(runs.read, find(wanted))
    else:
        newest = ask(run_list.newest_of, [deployment.id], 1)
        if not newest:
            raise InputError(f"{deployment.name} has no run yet")
        found = newest[0]
    told = _told(found, found.state_name.lower())
    if not told.url:
        raise SpotkilnError(
            "Prefect says of no UI where it is: `prefect config set PREFECT_UI_URL=http://...`"
        )
    return told
