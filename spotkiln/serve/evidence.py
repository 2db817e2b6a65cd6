"""Evidence: what is saved of a failed fleet before it is taken away."""

import re
from collections.abc import Iterable

from spotkiln import tags as t
from spotkiln.bake.diagnose import diagnose
from spotkiln.bake.facts import Answer, Facts, Where, journal_lines, units_said
from spotkiln.bake.infra import HealthCheck
from spotkiln.bake.source import without_credentials
from spotkiln.noun import Noun
from spotkiln.serve.ending import ending, scaled_in_apart
from spotkiln.serve.gate import BLAMES_IMAGE, Cause, Verdict
from spotkiln.serve.unready import advice_on, is_before
from spotkiln.target import Health, Instance, Target

# Console output is the most telling part, and the longest.
CONSOLES = 3
CONSOLE_CHARACTERS = 6000
LAST_LINES = 15
# What AWS says of a target that gave another status.
CODE = re.compile(r"with these codes: \[(\d{3})\]")
# Colours and cursor movements of a terminal.
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Evidence(Noun):
    """What a failed fleet showed: its targets, its instances, its history (a line an event), and
    the ends of consoles by instance. What failed comes first in each."""

    targets: tuple[Target, ...] = ()
    instances: tuple[Instance, ...] = ()
    history: tuple[str, ...] = ()
    consoles: dict[str, str] = {}  # noqa: RUF012 - pydantic copies defaults

    @property
    def own_words(self) -> dict[str, str]:
        """What the application itself said last, by machine, those that failed first. Machines that
        are healthy, and those on which it said nothing, are not among them."""
        serving = {one.instance for one in self.targets if one.health is Health.HEALTHY}
        apps = {one.id: one.tags.get(t.APP, "") for one in self.instances}
        found = {
            name: _said_by(apps.get(name, ""), text)
            for name, text in self.consoles.items()
            if name not in serving
        }
        return {name: "\n".join(lines) for name, lines in found.items() if lines}

    @property
    def last_words(self) -> str:
        """The last lines of the machine that failed first, below its name: the application's own,
        or else those of the first console that is not empty."""
        for instance, text in self.own_words.items():
            return f"console of {instance}:\n{text}"
        for instance, text in self.consoles.items():
            if lines := text.rstrip().splitlines():
                return "\n".join([f"console of {instance}:", *lines[-LAST_LINES:]])
        return ""


def _said_by(app: str, console: str) -> list[str]:
    """The last lines of the application's own units."""
    if not app:
        return []
    own = [text for who, text in journal_lines(console) if who == app or who.startswith(f"{app}-")]
    return own[-LAST_LINES:]


def with_known_cause(verdict: Verdict, evidence: Evidence, check: HealthCheck) -> Verdict:
    """The verdict, with a known cause as its advice and the line to change, if there is one.

    The application's last lines tell it, or the status that it answers. Where the image is not to
    blame, its lines prove nothing; and where they show that none of it ever ran, it is not.
    """
    if verdict.cause not in BLAMES_IMAGE:
        return verdict
    serving = {x.instance for x in evidence.targets if x.health is Health.HEALTHY}
    for one in evidence.instances:
        if one.id in serving:
            continue
        app = one.tags.get(t.APP, "")
        lines = journal_lines(evidence.consoles.get(one.id, ""))
        facts = Facts(
            app=app,
            where=Where.SERVER,
            expected=check.matcher,
            units=units_said(app, lines),
            answer=Answer(url=check.path, status=_status(evidence, one.id)),
            lines=lines,
        )
        if facts.unit and facts.unit.bad and is_before(facts.unit.name):
            advice = advice_on(facts) or verdict.advice
            return verdict.model_copy(update={"cause": Cause.MISCONFIGURED, "advice": advice})
        if found := diagnose(facts):
            return verdict.model_copy(update={"advice": f"Cause: {found}"})
    return verdict


def _status(evidence: Evidence, instance: str) -> int:
    """What it answered the health check; 0 if that is not known."""
    told = next((x.description for x in evidence.targets if x.instance == instance), "")
    code = CODE.search(told)
    return int(code[1]) if code else 0


def without_scaled_in(instances: Iterable[Instance], scaled_in: int) -> list[Instance]:
    """Without those that ended because somebody has made the fleet smaller by so many."""
    every = list(instances)
    ended = [(one, how) for one in every if not one.live and (how := ending(one.end))]
    failed = {one.id for one, _ in scaled_in_apart(ended, scaled_in)}
    return [one for one in every if one.live or not ending(one.end) or one.id in failed]


def failing_first(
    instances: Iterable[Instance], targets: Iterable[Target]
) -> tuple[tuple[Instance, ...], tuple[Target, ...]]:
    """Instances and targets, those first whose console tells most.

    The order: unhealthy; ended, but not by EC2; not used by the load balancer; booting; ended by
    EC2; healthy.
    """
    known = {target.instance: target for target in targets}

    def rank(one: Instance) -> int:
        health = known[one.id].health if one.id in known else None
        if health is Health.UNHEALTHY:
            return 0
        if not one.live:
            return 1 if ending(one.end) else 4
        if health is Health.HEALTHY:
            return 5
        return 3 if health is Health.INITIAL else 2

    ordered = tuple(sorted(instances, key=lambda one: (rank(one), one.launched, one.id)))
    place = {one.id: number for number, one in enumerate(ordered)}
    return ordered, tuple(sorted(known.values(), key=lambda x: place.get(x.instance, -1)))


def last_lines(text: str, characters: int = CONSOLE_CHARACTERS) -> str:
    """The end of a console, where the application's own lines are: whole lines, without a
    terminal's control characters and without passwords in addresses."""
    clean = ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    clean = without_credentials(clean)
    if len(clean) <= characters:
        return clean
    return clean[-characters:].partition("\n")[2] or clean[-characters:]
