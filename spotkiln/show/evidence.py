"""Evidence: the pages that show servers which did not serve, worst first."""

from spotkiln import tags as t
from spotkiln.markup import listed, plain, quoted, typed
from spotkiln.moment import utc
from spotkiln.release.unhealthy import Sick
from spotkiln.serve.evidence import Evidence
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.gate import Verdict
from spotkiln.show.words import fleet_in_words
from spotkiln.target import Instance, Target

# What the key of a fleet's evidence begins with; the id of its release follows.
EVIDENCE = "evidence-"


def evidence_page(fleet: Fleet, verdict: Verdict, evidence: Evidence) -> str:
    """What a failed fleet showed before it was taken away: the cause, then each machine, those that
    failed first, with what the application said last on top."""
    app = fleet.tags.get(t.APP, "")
    parts = [
        f"# {f'{plain(app)}: ' if app else ''}new servers that did not pass the gate",
        quoted(str(verdict)),
        f"They were {fleet_in_words(fleet)}. What served before serves on.",
    ]
    for instance, text in evidence.own_words.items():
        parts += [f"## The application's last lines on {instance}", typed(text)]
    if evidence.instances or evidence.targets:
        parts += ["## Machines, failing ones first", _machines(evidence)]
    for instance, text in evidence.consoles.items():
        parts += [
            f"## Console of {instance}",
            typed(text) if text.strip() else "It shows nothing yet.",
        ]
    history = typed("\n".join(evidence.history)) if evidence.history else "It tells nothing."
    return "\n\n".join([*parts, "## What EC2 says of the fleet", history]) + "\n"


def _machines(evidence: Evidence) -> str:
    targets = {one.instance: one for one in evidence.targets}
    instances = {one.id: one for one in evidence.instances}
    names = dict.fromkeys([*instances, *targets])
    return listed((f"`{x}`", _machine(instances.get(x), targets.get(x))) for x in names)


def _machine(instance: Instance | None, target: Target | None) -> str:
    """In a sentence: its health first, for that is what was missing."""
    words = []
    if target:
        why = ": ".join(filter(None, (target.reason, target.description)))
        words.append(f"{target.state} ({plain(why)})" if why else target.state)
    if instance:
        where = ", ".join(filter(None, (instance.type, instance.zone)))
        words.append(f"{instance.state}{f' ({where})' if where else ''}")
        if instance.lost_by:
            words.append(f"ended by {plain(instance.lost_by)}")
    return ", ".join(words)


def unhealthy_page(fleet: Fleet, sick: Sick, console: str) -> str:
    """A server that was replaced after its fleet had been promoted."""
    since = f"unhealthy since {utc(sick.since)}" if sick.since else "unhealthy"
    parts = [
        f"# {sick.instance} was replaced",
        quoted(f"{sick.target}, {since}"),
        f"It was a server of {fleet_in_words(fleet)}.",
        "## Console",
        typed(console) if console.strip() else "It shows nothing.",
    ]
    return "\n\n".join(parts) + "\n"
