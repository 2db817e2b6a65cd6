"""Page: what people read at the end of a rehearsal, as Markdown and as rows of a table."""

from collections.abc import Iterable, Iterator, Sequence

from rehearsal.advice import Advice, advise
from rehearsal.seen import End, Scene, Seen, refused, writes_freely, written
from rehearsal.veil import cell

MARKS = {End.WELL: "well", End.FAILED: "**FAILED**", End.SKIPPED: "not tried"}
MOST_LINES = 20
UNSEEN = "not seen"


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [f"| {' | '.join(cell(one) for one in row)} |" for row in rows]
    if not lines:
        return []
    return [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}", *lines, ""]


def _range(amounts: Iterable[float | None], unit: str) -> str:
    found = sorted(one for one in amounts if one is not None)
    if not found:
        return UNSEEN
    low, high = f"{found[0]:.1f}", f"{found[-1]:.1f}"
    return f"{high} {unit}" if low == high else f"{low} to {high} {unit}"


def _memory(amounts: dict[str, int]) -> str:
    told = [
        f"{unit.removesuffix('.service')} {kb / 1024:.0f} MB" for unit, kb in amounts.items() if kb
    ]
    return ", ".join(told) or UNSEEN


def figures(seen: Seen) -> list[tuple[str, str, str]]:
    """What was measured: name, value, and the limit or the remark that belongs to it."""
    app = seen.app
    stopped = UNSEEN if seen.stopped is None else f"{seen.stopped:.1f} s"
    return [
        ("boot", _range((x.boot for x in seen.lives), "s"), "from launch to the first answer"),
        ("start", _range((x.start for x in seen.lives), "s"), f"limit {app.start_seconds} s"),
        ("memory at rest", _memory(seen.at_rest), ""),
        ("memory under load", _memory(seen.under_load), "the most that a server had"),
        ("draining", _range((x.drain for x in seen.lives), "s"), "the load balancer lets go"),
        ("stop", stopped, f"from SIGTERM, under load; limit {app.stop_seconds} s"),
    ]


def requests(scene: Scene) -> str:
    if scene.traffic is None:
        return ""
    return f"{scene.traffic.failed} of {scene.traffic.sent}"


def rows(seen: Seen) -> list[tuple[str, str, str, str, str]]:
    """A row for each scene: name, how it ended, how long it took, failed requests, what is told."""
    return [
        (
            one.name,
            one.end.value,
            f"{one.seconds:.0f} s" if one.end is not End.SKIPPED else "",
            requests(one),
            " ".join(one.told.split()),
        )
        for one in seen.scenes
    ]


def exposure(seen: Seen) -> dict[str, float]:
    """Of each unit, the worst."""
    found: dict[str, float] = {}
    for server in seen.servers:
        for unit, level in server.exposure.items():
            found[unit] = max(level, found.get(unit, 0.0))
    return found


def _scenes(seen: Seen) -> Iterator[str]:
    yield "## Scenes"
    yield ""
    told = [(x[0], MARKS[one.end], *x[2:]) for x, one in zip(rows(seen), seen.scenes, strict=True)]
    yield from _table(["scene", "", "time", "failed requests", "what happened"], told)
    for scene in seen.scenes:
        if scene.traffic and scene.traffic.why:
            yield f"Requests that failed in *{scene.name}*:"
            yield ""
            yield from (f"- `{cell(why)}`" for why in scene.traffic.why)
            yield ""


def _written(seen: Seen) -> Iterator[str]:
    yield "## What it wrote"
    yield ""
    found = written(seen)
    free = {True: "lost with the server", False: "**not in a writable folder**"}
    told = [
        (
            f"`{where}`",
            count.files,
            f"{count.bytes / 1024:.0f} kB",
            free[writes_freely(where, seen.app)],
        )
        for where, count in found.items()
    ]
    yield from _table(["folder", "files of a server", "size", ""], told) or [
        "Nothing was seen.",
        "",
    ]
    lines = refused(seen)
    if lines:
        yield "What it was refused, in its own words:"
        yield ""
        yield from (f"- {unit}: `{cell(line)[:300]}`" for unit, line in lines[:MOST_LINES])
        yield ""


def _advice(found: list[Advice]) -> Iterator[str]:
    yield "## What to change"
    yield ""
    if not found:
        yield "Nothing was found."
        yield ""
    for one in found:
        yield f"- {one.why[:1].upper()}{one.why[1:]}."
        if one.lines:
            yield f"  In `{one.file}`:"
            yield ""
            yield from (f"      {line}" for line in one.lines.splitlines())
        yield ""


def summary(seen: Seen) -> str:
    failed = len(seen.failed)
    ends = "well" if not failed else f"{failed} of {len(seen.scenes)} scenes failed"
    return f"{seen.app.name} {seen.commit}".rstrip() + f": {ends}, in {seen.seconds:.0f} s"


def page(seen: Seen) -> str:
    """All of it, as Markdown."""
    lines = [f"# Rehearsal of {seen.app.name}", "", f"{summary(seen)}.", ""]
    lines += [f"{seen.not_real}.", ""] if seen.not_real else []
    lines += list(_advice(advise(seen)))
    lines += list(_scenes(seen))
    lines += ["## Figures", "", *_table(["", "", ""], figures(seen))]
    lines += list(_written(seen))
    if found := exposure(seen):
        lines += ["## Exposure of the units", ""]
        lines.append("As `systemd-analyze security` rates it: 0 is the best, 10 the worst.")
        lines += ["", *_table(["unit", "exposure"], found.items())]
    if seen.pages:
        lines += ["## Pages", ""]
        told = [
            (
                f"`{one.path}`",
                one.error or one.status,
                one.to or one.away,
                f"{len(one.assets)}, not there: {len(one.absent)}",
            )
            for one in seen.pages
        ]
        lines += _table(["page", "answer at rest", "leads to", "assets"], told)
    return "\n".join(lines).rstrip() + "\n"
