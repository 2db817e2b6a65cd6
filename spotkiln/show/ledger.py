"""What became of all that a release made: in sentences, unless something is left behind."""

from collections import Counter

from spotkiln.markup import plain, quoted, table
from spotkiln.release.release import Fate, LedgerEntry, Release

CURE = "What is left behind, `spotkiln reconcile` clears up; it also runs by itself."


def ledger(release: Release) -> list[tuple[str, str]]:
    """Headings with what stands below them."""
    if release.ledger_unread:
        return [("## What it made", f"That could not be read:\n\n{quoted(release.ledger_unread)}")]
    if not release.ledger:
        return []
    left = [one for one in release.ledger if one.fate is Fate.LEFT_BEHIND]
    made = f"{len(release.ledger)} things that it made in AWS"
    told = " ".join(filter(None, (_kept(release), _gone(release))))
    if not left:
        return [("## What it made", f"Of the {made} nothing is left behind. {told}")]
    rows = ((one.kind, f"`{one.id}`") for one in left)
    lost = table(["left behind", "id"], rows)
    head = f"## Left behind: {len(left)} of the {made}"
    return [(head, f"{lost}\n\n{CURE} {told}")]


def _kept(release: Release) -> str:
    kept = [one for one in release.ledger if one.fate is Fate.KEPT]
    # A fleet of twenty servers has sixty parts with one reason.
    alike = Counter((one.kind, one.why) for one in kept if one.why)
    told = dict.fromkeys(_in_words(one, alike[one.kind, one.why]) for one in kept)
    return f"These stay: {', '.join(told)}." if told else ""


def _in_words(entry: LedgerEntry, alike: int) -> str:
    """`alike`: so many of its kind stay for the same reason."""
    why = f" ({plain(entry.why)})" if entry.why else ""
    return f"{alike} {entry.kind}s{why}" if alike > 1 else f"{entry.kind} `{entry.id}`{why}"


def _gone(release: Release) -> str:
    gone = Counter(one.kind for one in release.ledger if one.fate is Fate.DESTROYED)
    told = ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in gone.items())
    return f"These are gone again: {told}." if told else ""
