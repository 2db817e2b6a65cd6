"""Pictures for markdown pages: an SVG inside the page itself, without a file of its own."""

import base64
from collections.abc import Sequence
from html import escape

from spotkiln.release.release import Timing

WIDTH = 720
LABEL = 90
VALUE = 80
ROW = 26
BAR = 16
MARGIN = 12
# With a background of its own, so that it can be read in the UI's light and dark theme.
GROUND, INK, FAILED = "#f8fafc", "#1e293b", "#dc2626"
COLOURS = ("#64748b", "#a855f7", "#f59e0b", "#10b981", "#3b82f6", "#06b6d4")


def timeline(timings: Sequence[Timing]) -> str:
    """An SVG with one bar a timing, each beginning where the one before it ended; in seconds.
    A timing that failed is red."""
    total = sum(timing.seconds for timing in timings)
    scale = (WIDTH - 2 * MARGIN - LABEL - VALUE) / total if total else 0.0
    height = 2 * MARGIN + ROW * (len(timings) + 1)
    parts = [f'<rect width="{WIDTH}" height="{height}" rx="6" fill="{GROUND}"/>']
    start = 0.0
    for at, timing in enumerate(timings):
        left = MARGIN + LABEL + start * scale
        # Even the shortest can be seen.
        width = max(2.0, timing.seconds * scale)
        top = MARGIN + ROW * at
        colour = FAILED if timing.failed else COLOURS[at % len(COLOURS)]
        place = f'x="{left:.1f}" y="{top}" width="{width:.1f}" height="{BAR}"'
        parts += [
            _text(MARGIN, top + BAR - 3, timing.name),
            f'<rect {place} rx="3" fill="{colour}"/>',
            _text(left + width + 6, top + BAR - 3, f"{timing.seconds:.1f} s"),
        ]
        start += timing.seconds
    parts.append(_text(MARGIN, height - MARGIN, f"total {total:.1f} s", weight="bold"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13" fill="{INK}">'
        f"{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, text: str, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y}" font-weight="{weight}">{escape(text)}</text>'


def embedded(svg: str, alt: str) -> str:
    """Markdown of an image whose data is in its address."""
    data = base64.b64encode(svg.encode()).decode()
    words = alt.replace("[", "(").replace("]", ")").replace("\n", " ")
    return f"![{words}](data:image/svg+xml;base64,{data})"
