"""The pages that people read in Prefect's UI, as markdown."""

from spotkiln.bake.image import Image
from spotkiln.bake.precedence import Origin
from spotkiln.markup import fenced, plain, table
from spotkiln.release.plan import Plan, what_would_change
from spotkiln.release.release import Fate, Outcome, Release
from spotkiln.release.unhealthy import Sick
from spotkiln.serve.evidence import Evidence
from spotkiln.serve.fleet import Fleet
from spotkiln.serve.gate import Verdict
from spotkiln.show.picture import embedded, timeline

# If a test suite cannot be loaded, a thousand tests may fail: nobody would read so long a page.
FAILURES_SHOWN = 50

HEADLINE = {
    Outcome.RELEASED: "released",
    Outcome.UNCHANGED: "unchanged: it serves already",
    Outcome.SUPERSEDED: "superseded: a newer push is released in its place",
    Outcome.HELD: "held: a rollback has left this commit, and what serves is left alone",
    Outcome.ROLLED_BACK: "rolled back: what served before serves on",
    Outcome.FAILED: "failed before any server was asked for",
    Outcome.DECLINED: "declined: nothing was changed",
    Outcome.CANCELLED: "cancelled: what it made goes back, and what served serves on",
}


SUSPECT = "it stays a version, but `previous` prefers others:"
HELD = "not released again until a newer commit is, or somebody lifts it by `spotkiln unhold`"


def release_page(release: Release) -> str:
    """One release at a glance: what was made, kept, destroyed, and where the time went."""
    way = "restart of" if release.restarted else "rollback to"
    what = f"{way} {release.commit[:12]}: " if release.back_to else ""
    parts = [f"# {release.app}: {what}{HEADLINE[release.outcome]}"]
    if release.cause:
        parts.append(fenced(release.cause))
    if release.last_lines:
        parts += ["## Last lines of what failed", fenced(release.last_lines)]
    if release.tests and release.tests.failures:
        parts += ["## Failing tests", _failures(release)]
    parts.append(table(["", ""], _facts(release)))
    if release.servers:
        parts += ["## Targets", _targets(release)]
    parts += ["## Where the time went", _times(release)]
    if release.settings:
        parts += ["## What came from where", _settings(release)]
    if release.foreign:
        parts += ["## Not ours", "\n".join(f"- {plain(line)}" for line in release.foreign)]
    if release.undone:
        parts += ["## Undone", "\n".join(f"- {plain(what)}" for what in release.undone)]
    if release.retired:
        parts += ["## Retired", "\n".join(f"- {_fleet(fleet)}" for fleet in release.retired)]
    if release.versions:
        parts += [f"## Versions of {plain(release.target_group)}", _versions(release)]
    return "\n\n".join([*parts, *_ledger(release)]) + "\n"


def _ledger(release: Release) -> list[str]:
    parts = []
    if release.ledger:
        rows = [
            (
                entry.kind,
                f"`{entry.id}`",
                f"{entry.fate}: {plain(entry.why)}" if entry.why else entry.fate,
            )
            for entry in release.ledger
        ]
        parts += [f"## Ledger: {_sums(release)}", table(["resource", "id", "fate"], rows)]
    if release.ledger_unread:
        parts += ["## Ledger: could not be read", fenced(release.ledger_unread)]
    return parts


def _settings(release: Release) -> str:
    """What somebody has said or a file has told; the rest in a sentence."""
    said = [one for one in release.settings if one.origin is not Origin.DEFAULT]
    left = [one for one in release.settings if one.origin is Origin.DEFAULT]
    rows = ((f"`{x.key}`", plain(x.shown), plain(x.source)) for x in said)
    defaults = ", ".join(f"`{one.key}` {plain(one.shown)}" for one in left)
    notes = [f"By default: {defaults}."] if left else []
    needs = [f"The base image must have {plain(one)}." for one in release.needs]
    return "\n\n".join([table(["setting", "value", "from"], rows), *notes, *needs])


def _targets(release: Release) -> str:
    return table(
        ["instance", "type", "zone", "capacity", "health"],
        (
            (f"`{x.instance}`", x.type, x.zone, "Spot" if x.spot else "On-Demand", x.health)
            for x in release.servers
        ),
    )


def _versions(release: Release) -> str:
    """The versions that a rollback can name, by image or commit."""
    rows = (
        (
            f"`{x.image}`",
            f"`{x.commit[:12]}`",
            f"{x.released:%Y-%m-%d %H:%M:%S} UTC",
            "; ".join(filter(None, ["serving" if x.serving else "", plain(x.remarks)])),
        )
        for x in release.versions
    )
    return table(["image", "commit", "released", ""], rows)


def _times(release: Release) -> str:
    """As a picture, and in words for where pictures are not shown."""
    words = ", ".join(
        f"{one.name} {one.seconds:.1f} s{' (failed)' if one.failed else ''}"
        for one in release.timings
    )
    if not words:
        return "It ended before its first step."
    return f"{embedded(timeline(release.timings), words)}\n\n{words}"


def _failures(release: Release) -> str:
    tests = release.tests
    if tests is None:
        return ""
    shown = [f"- **{plain(x.name)}**: {plain(x.message)}" for x in tests.failures[:FAILURES_SHOWN]]
    if tests.failed > len(shown):
        shown.append(f"- and {tests.failed - len(shown)} more")
    return "\n".join(shown)


def _fleet(fleet: Fleet) -> str:
    whose = "that was adopted" if fleet.adopted else f"of commit `{fleet.commit[:12]}`"
    return f"`{fleet.id}` with {fleet.capacity} instances {whose}"


def _sums(release: Release) -> str:
    fates = [entry.fate for entry in release.ledger]
    counted = ", ".join(f"{fates.count(fate)} {fate}" for fate in Fate if fate in fates)
    return f"{len(fates)} created = {counted}"


def _image_facts(release: Release, image: Image) -> list[tuple[str, str]]:
    how = f"reused: {plain(release.reused)}" if release.reused else "baked by this release"
    if release.back_to:
        how = f"a rollback to what was released {release.back_to}"
        if release.restarted:
            how = f"what served already, released {release.back_to}"
    facts = [("image", f"`{image.id}` {plain(image.name)}"), ("which is", how)]
    # An image that has just passed the gate is not suspected any more.
    if image.suspect and release.outcome is not Outcome.RELEASED:
        facts.append(("suspect", f"{SUSPECT} {plain(image.suspect)}"))
    return facts + ([("database", plain(release.database))] if release.database else [])


def _facts(release: Release) -> list[tuple[str, str]]:
    facts = [("ref", plain(release.ref)), ("started by", plain(str(release.trigger)))]
    if release.commit:
        commit = f"`{release.commit[:12]}`"
        if release.commit_url:
            commit = f"[{commit}]({release.commit_url})"
        facts.insert(0, ("commit", f"{commit} {plain(release.subject)}".rstrip()))
    if release.approval:
        facts.append(("approval", plain(release.approval)))
    if release.image:
        facts += _image_facts(release, release.image)
    if release.tests:
        facts.append(("tests", f"{release.tests} in {release.tests.seconds:.1f} s"))
    if release.fleet:
        facts.append(("fleet", _fleet(release.fleet)))
        if release.fleet.held and release.outcome in {Outcome.RELEASED, Outcome.UNCHANGED}:
            facts.append(("held", f"{', '.join(release.fleet.held)}: {HELD}"))
    if release.size:
        facts.append(("asked for", release.size))
    if release.cost:
        facts.append(("cost", str(release.cost)))
    facts += [
        ("target group", f"{release.target_group} in {release.region}"),
        ("started", f"{release.started:%Y-%m-%d %H:%M:%S} UTC, took {release.seconds:.0f} s"),
        ("release", f"`{release.id}`"),
        ("run", f"[{release.run}]({release.url})" if release.url else release.run),
    ]
    return facts


def approval_text(plan: Plan) -> str:
    """What a person is asked to approve."""
    lines = "\n".join(f"- {plain(line)}" for line in what_would_change(plan))
    return f"## What would change\n\n{lines}\n"


def unhealthy_page(fleet: Fleet, sick: Sick, console: str) -> str:
    """A server that was replaced after its fleet had been promoted."""
    since = f"unhealthy since {sick.since:%Y-%m-%d %H:%M:%S} UTC"
    parts = [
        f"# {sick.instance} was replaced",
        fenced(f"{sick.target}, {since}"),
        f"A server of {_fleet(fleet)}.",
        "## Console",
        fenced(console or "none"),
    ]
    return "\n\n".join(parts) + "\n"


def evidence_page(fleet: Fleet, verdict: Verdict, evidence: Evidence) -> str:
    """What a failed fleet showed before it was taken away: the cause, then what failed."""
    parts = [
        f"# {fleet.id} did not pass the gate",
        fenced(str(verdict)),
        "## Targets",
        table(
            ["instance", "health", "reason", "description"],
            (
                (x.instance, x.health, plain(x.reason), plain(x.description))
                for x in evidence.targets
            ),
        ),
        "## Instances",
        table(
            ["instance", "state", "type", "zone", "ended by"],
            ((x.id, x.state, x.type, x.zone, plain(x.lost_by)) for x in evidence.instances),
        ),
    ]
    for instance, text in evidence.consoles.items():
        parts += [f"## Console of {instance}", fenced(text or "none yet")]
    parts += ["## Fleet history", fenced("\n".join(evidence.history) or "none")]
    return "\n\n".join(parts) + "\n"
