"""The page of figures: a picture of how often each application is released, and a table."""

from collections.abc import Sequence

from spotkiln.markup import plain, table
from spotkiln.show.figures import HEADER, Figures, lasted, row
from spotkiln.show.picture import BAR, LETTER, MARGIN, ROW, VALUE, WIDTH, drawing, embedded, text

MEANING = (
    "Released: came to serve. Commit to serving, and restored in: medians. Left by a rollback: "
    "what served and had to go; restored in counts from its first moment until the earlier "
    "version served again. Stopped before: failed, or rolled back by the gate, without harm. "
    "Saved: against the same servers On-Demand."
)


def chart(figures: Sequence[Figures]) -> str:
    """An SVG with one bar an application: how often it was released a week."""
    most = max((one.per_week for one in figures), default=0.0)
    label = LETTER * max((len(one.name) for one in figures), default=0) + MARGIN
    scale = (WIDTH - 2 * MARGIN - label - VALUE) / most if most else 0.0
    parts = []
    for at, one in enumerate(figures):
        top = MARGIN + ROW * at
        width = max(2.0, one.per_week * scale)
        place = f'x="{MARGIN + label}" y="{top}" width="{width:.1f}" height="{BAR}"'
        lead = f", {lasted(one.lead_seconds)}" if one.lead_seconds is not None else ""
        parts += [
            text(MARGIN, top + BAR - 3, one.name),
            f'<rect {place} rx="3" class="done"/>',
            text(MARGIN + label + width + 6, top + BAR - 3, f"{one.per_week:.1f} a week{lead}"),
        ]
    return drawing(parts, 2 * MARGIN + ROW * len(figures))


def page(figures: Sequence[Figures]) -> str:
    """As markdown."""
    if not figures:
        return "# Figures\n\nNo application has a deployment.\n"
    first = figures[0]
    words = "; ".join(f"{one.name} {one.per_week:.1f} a week" for one in figures)
    rows = [[plain(cell) for cell in row(one)] for one in figures]
    parts = [
        f"# Figures of {first.days} days until {first.until:%Y-%m-%d}",
        f"Releases a week, and from commit to serving:\n\n{embedded(chart(figures), words)}",
        table(HEADER, rows),
        MEANING,
    ]
    return "\n\n".join(parts) + "\n"
