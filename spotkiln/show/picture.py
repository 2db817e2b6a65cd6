"""Pictures for markdown pages: an SVG inside the page itself, without a file of its own."""

import base64
from collections.abc import Sequence
from html import escape

from spotkiln.release.release import UNDO, Timing

WIDTH = 720
# As wide as letters of this size are on average.
LETTER = 7
VALUE = 150
ROW = 26
BAR = 16
MARGIN = 12
# It follows the colour scheme of the page that shows it. With a ground of its own it can be read
# even where a page's scheme is not the browser's. What failed is striped, what was cancelled has
# gaps, what was undone is hollow: nothing is told by a colour alone.
STYLE = """
.ground{fill:#f8fafc}.ink{fill:#1e293b}.done{fill:#3b6ea8}.bad{fill:url(#bad)}.cut{fill:url(#cut)}
.undo{fill:none;stroke:#64748b;stroke-width:2}.under{fill:#f8fafc}.red{fill:#b91c1c}.grey{fill:#64748b}
@media (prefers-color-scheme:dark){.ground,.under{fill:#1e293b}.ink{fill:#f1f5f9}.done{fill:#7fb2e5}
.undo{stroke:#94a3b8}.red{fill:#f87171}.grey{fill:#94a3b8}}
"""
PATTERNS = "".join(
    f'<pattern id="{name}" width="8" height="8" patternUnits="userSpaceOnUse" '
    f'patternTransform="rotate({turn})"><rect width="8" height="8" class="under"/>'
    f'<rect width="{width}" height="8" class="{colour}"/></pattern>'
    for name, turn, width, colour in (("bad", 45, 5, "red"), ("cut", 0, 4, "grey"))
)


def _starts(timings: Sequence[Timing]) -> list[float]:
    """When each began, in seconds. What went on beside each other is shown so; what nobody has
    timed is left out."""
    starts: list[float] = []
    shown = known = 0.0
    for timing in timings:
        if timing.after is None:
            start = shown
        else:
            # Where the picture's time has got to, less what this one overlaps with.
            start = max(0.0, shown - max(0.0, known - timing.after))
            known = max(known, timing.after + timing.seconds)
        starts.append(start)
        shown = max(shown, start + timing.seconds)
    return starts


def timeline(timings: Sequence[Timing]) -> str:
    """An SVG with one bar a timing, each beginning where the one before it ended, or beside it; in
    seconds. How one ended that did not end well is told beside it."""
    starts = _starts(timings)
    ends = [at + one.seconds for at, one in zip(starts, timings, strict=True)]
    total = max(ends, default=0.0)
    label = LETTER * max((len(timing.name) for timing in timings), default=0) + MARGIN
    scale = (WIDTH - 2 * MARGIN - label - VALUE) / total if total else 0.0
    height = 2 * MARGIN + ROW * (len(timings) + 1)
    parts: list[str] = []
    for at, (timing, start) in enumerate(zip(timings, starts, strict=True)):
        left = MARGIN + label + start * scale
        # Even the shortest can be seen.
        width = max(2.0, timing.seconds * scale)
        top = MARGIN + ROW * at
        place = f'x="{left:.1f}" y="{top}" width="{width:.1f}" height="{BAR}"'
        parts += [
            text(MARGIN, top + BAR - 3, timing.name),
            f'<rect {place} rx="3" class="{_kind(timing)}"/>',
            text(left + width + 6, top + BAR - 3, in_words(timing)),
        ]
    parts.append(text(MARGIN, height - MARGIN, f"total {total:.1f} s", weight="bold"))
    return drawing(parts, height)


def in_words(timing: Timing) -> str:
    return f"{f'{timing.how} after ' if timing.how else ''}{timing.seconds:.1f} s"


def _kind(timing: Timing) -> str:
    if timing.failed:
        return "bad"
    if timing.cancelled:
        return "cut"
    return "undo" if timing.name.startswith(UNDO) else "done"


def drawing(parts: Sequence[str], height: int) -> str:
    """An SVG of these, with a ground, in the colours of this module."""
    ground = f'<rect width="{WIDTH}" height="{height}" rx="6" class="ground"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">'
        f"<style>{STYLE}</style><defs>{PATTERNS}</defs>{ground}{''.join(parts)}</svg>"
    )


def text(x: float, y: float, words: str, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y}" font-weight="{weight}" class="ink">{escape(words)}</text>'


def embedded(svg: str, alt: str) -> str:
    """Markdown of an image whose data is in its address."""
    data = base64.b64encode(svg.encode()).decode()
    words = alt.replace("[", "(").replace("]", ")").replace("\n", " ")
    return f"![{words}](data:image/svg+xml;base64,{data})"
