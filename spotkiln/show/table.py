"""The table of an application's releases, which people read in Prefect's UI."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from spotkiln.keep.preview import is_group
from spotkiln.markup import harmless
from spotkiln.moment import utc
from spotkiln.release.release import Release

MOST_ROWS = 50


def row(release: Release) -> dict[str, Any]:
    """One release. The UI shows as many columns as there is room for, a phone two: what people ask
    for comes first. Values are short, but for the cause: it comes last, where it hides no other."""
    return {
        "outcome": str(release.outcome),
        "what": _what(release),
        "target group": release.target_group,
        "started": utc(release.started),
        "commit": release.commit[:12],
        "page": f"[{release.run[:8]}]({release.url})" if release.url else release.run,
        "trigger": harmless(str(release.trigger)),
        "ref": harmless(release.ref),
        "seconds": round(release.seconds, 1),
        "usd_per_hour": release.cost.per_hour if release.cost else None,
        "image": release.image.id if release.image else "",
        "fleet": release.fleet.id if release.fleet else "",
        "release": release.id,
        "cause": harmless(release.cause),
    }


def _what(release: Release) -> str:
    """Of a preview its host name: all branches of an application have one table."""
    host = urlsplit(release.site).hostname
    return f"preview {host}" if host and is_group(release.target_group) else release.what


def with_release(rows: Sequence[dict[str, Any]], release: Release) -> list[dict[str, Any]]:
    """The table with one more release, the newest first. The oldest rows go. A row that is there
    already is not written twice."""
    new = row(release)
    return [new, *(one for one in rows if one != new)][:MOST_ROWS]
