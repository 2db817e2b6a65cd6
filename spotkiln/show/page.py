"""The pages that people read in Prefect's UI, as markdown.

No part is a code block: those are not wrapped. No table is without a header: the UI would show an
empty row.
"""

from spotkiln.bake.precedence import Origin
from spotkiln.markup import listed, plain, quoted, table, typed
from spotkiln.moment import utc
from spotkiln.release.plan import Plan, what_would_change
from spotkiln.release.release import Outcome, Release
from spotkiln.release.trigger import place
from spotkiln.show.after import next_step
from spotkiln.show.facts import facts
from spotkiln.show.ledger import ledger
from spotkiln.show.picture import embedded, in_words, timeline
from spotkiln.show.words import fleet_in_words

# If a test suite cannot be loaded, a thousand tests may fail: nobody would read so long a page.
FAILURES_SHOWN = 50
PACKAGES_SHOWN = 20
VULNERABILITIES_SHOWN = 20

HEADLINE = {
    Outcome.RELEASED: "released",
    Outcome.UNCHANGED: "unchanged: it serves already",
    Outcome.SUPERSEDED: "superseded: a newer push is released in its place",
    Outcome.HELD: "held: a rollback has left this commit, and what serves is left alone",
    Outcome.FROZEN: "frozen: nothing is released now",
    Outcome.ROLLED_BACK: "rolled back: what served before serves on",
    Outcome.FAILED: "failed before any server was asked for",
    Outcome.DECLINED: "declined: nothing was changed",
    Outcome.CANCELLED: "cancelled: what it made goes back, and what served serves on",
}


def release_page(release: Release) -> str:
    """One release at a glance. First how it ended, why, and what to do next; then what was made,
    kept, destroyed, and where the time went."""
    parts = [
        *_ending(release),
        ("## What it was", listed(facts(release))),
        _changes(release),
        ("## Debian packages that differ", _packages(release)),
        ("## Known vulnerabilities", _vulnerabilities(release)),
        ("## Targets", _targets(release) if release.servers else ""),
        ("## Where the time went", _times(release)),
        ("## What came from where", _settings(release)),
        ("## Not ours", "\n".join(f"- {plain(line)}" for line in release.foreign)),
        ("## Undone", "\n".join(f"- {plain(what)}" for what in release.undone)),
        ("## Retired", "\n".join(f"- {fleet_in_words(one)}" for one in release.retired)),
        (f"## Versions of {plain(release.target_group)}", _versions(release)),
        *ledger(release),
    ]
    # A part that has nothing to tell has no heading either.
    return "\n\n".join(f"{head}\n\n{body}".strip() for head, body in parts if body) + "\n"


def _ending(release: Release) -> list[tuple[str, str]]:
    what = f"{release.what}: " if release.back_to else ""
    where = plain(place(release.app, release.deployment))
    shown = f"[What the servers showed]({release.evidence}): their last lines, and their health."
    failures = _failures(release) if release.tests and release.tests.failures else ""
    why = [quoted(release.cause)] if release.cause else []
    why += [shown] if release.evidence else []
    why += [f"**What to do**: {next_step(release)}"]
    return [
        (f"# {where}: {what}{HEADLINE[release.outcome]}", "\n\n".join(why)),
        ("## Failing tests", failures),
        ("## Last lines of what failed", typed(release.last_lines) if release.last_lines else ""),
    ]


def _changes(release: Release) -> tuple[str, str]:
    changes = release.changes
    if changes is None:
        return "", ""
    commits = [f"- `{x.commit[:12]}` {plain(x.subject)}" for x in changes.commits]
    commits += [f"- and {changes.more} more"] if changes.more else []
    apart = f"`{changes.since[:12]}` is not among the commits before this one."
    rows = [
        (plain(x.name), x.before or "–", x.now or "–", plain(x.file)) for x in changes.dependencies
    ]
    parts = [apart] if changes.apart else []
    parts += ["\n".join(commits)] if commits else []
    parts += [f"[All of it, compared]({changes.url})"] if changes.url else []
    parts += [table(["dependency", "before", "now", "file"], rows)] if rows else []
    return f"## What has changed since `{changes.since[:12]}`", "\n\n".join(parts)


def _packages(release: Release) -> str:
    """The first of them: an update of the base image changes hundreds."""
    shown = release.packages[:PACKAGES_SHOWN]
    rows = [(plain(x.name), x.before or "–", x.now or "–") for x in shown]
    more = len(release.packages) - len(shown)
    parts = [table(["package", "before", "now"], rows)] if rows else []
    if more:
        command = f"spotkiln diff {release.deployment or release.app} previous current"
        parts += [f"And {more} more: `{command}` lists all of them."]
    return "\n\n".join(parts)


def _vulnerabilities(release: Release) -> str:
    """In words, and those of them that can be mended in a table."""
    lines = "\n".join(f"- {plain(line)}" for line in release.vulnerabilities)
    findings = release.known.findings if release.known else ()
    rows = [
        (plain(x.id), x.severity, plain(f"{x.package} {x.version}"), plain(x.fixed))
        for x in findings
        if x.fixed
    ]
    shown = rows[:VULNERABILITIES_SHOWN]
    parts = [lines] if lines else []
    parts += [table(["vulnerability", "severity", "package", "fixed in"], shown)] if shown else []
    parts += (
        [f"And {len(rows) - len(shown)} more that have a fix."] if len(rows) > len(shown) else []
    )
    return "\n\n".join(parts)


def _settings(release: Release) -> str:
    """What somebody has said or a file has told; the rest in a sentence."""
    said = [one for one in release.settings if one.origin is not Origin.DEFAULT]
    left = [one for one in release.settings if one.origin is Origin.DEFAULT]
    # The value of a variable stays where it is: it may be a secret in the wrong place.
    rows = [(f"`{x.key}`", plain(x.shown) or "(not shown)", plain(x.source)) for x in said]
    defaults = ", ".join(f"`{one.key}` {plain(one.shown)}" for one in left)
    parts = [table(["setting", "value", "from"], rows)] if rows else []
    parts += [f"By default: {defaults}."] if left else []
    parts += [f"The base image must have {plain(one)}." for one in release.needs]
    return "\n\n".join(parts)


def _targets(release: Release) -> str:
    return table(
        ["instance", "type", "zone", "capacity", "health"],
        (
            (f"`{x.instance}`", x.type, x.zone, "Spot" if x.spot else "On-Demand", x.state)
            for x in release.servers
        ),
    )


def _versions(release: Release) -> str:
    """The versions that a rollback can name, by image or commit."""
    if not release.versions:
        return ""
    rows = (
        (
            f"`{x.image}`",
            f"`{x.commit[:12]}`",
            utc(x.released),
            "; ".join(filter(None, ["serving" if x.serving else "", plain(x.remarks)])),
        )
        for x in release.versions
    )
    return table(["image", "commit", "released", "note"], rows)


def _times(release: Release) -> str:
    """As a picture, and in words for where pictures are not shown."""
    if not release.timings:
        return "It ended before its first step."
    words = ", ".join(f"{one.name} {in_words(one)}" for one in release.timings)
    return f"{embedded(timeline(release.timings), words)}\n\n{words}"


def _failures(release: Release) -> str:
    tests = release.tests
    if tests is None:
        return ""
    shown = [f"- **{plain(x.name)}**: {plain(x.message)}" for x in tests.failures[:FAILURES_SHOWN]]
    if tests.failed > len(shown):
        shown.append(f"- and {tests.failed - len(shown)} more")
    return "\n".join(shown)


def approval_text(plan: Plan, why: str = "") -> str:
    """What a person is asked to approve. `why`: the words of whoever asks for the release."""
    lines = [plain(line) for line in what_would_change(plan)]
    lines += [f"why: {plain(why)}"] * bool(why)
    return "\n".join(["## What would change", "", *(f"- {line}" for line in lines), ""])
