"""Advice: what to change in spotkiln.yaml, from what a rehearsal has seen."""

import math
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from rehearsal.seen import Seen, refused
from spotkiln.bake.choices import Hardening
from spotkiln.bake.paths import FOLDER
from spotkiln.noun import Noun

# Of a limit, what is close to it.
CLOSE = 0.6
# What a limit should have over what was seen.
ROOM = 3
# What an operating system needs beside the application, and what the smallest default type has.
SYSTEM_MB, SMALLEST_MB = 250, 1024
READ_ONLY = re.compile(r"EROFS|Read-only file system", re.IGNORECASE)
# A file's digest in its name, as those have it that Rails, Django, Vite, webpack and esbuild make.
FINGERPRINT = re.compile(
    r"[-._]([0-9a-f]{8,64}|(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{8})\.(?:\w+\.)?(?:css|js|mjs)$"
)
PATH = re.compile(r"(?<![\w.])/(?:[\w@+.-]+/)*[\w@+.-]+")


class Advice(Noun):
    """`lines` are for spotkiln.yaml, unless `file` names another; empty where no key helps."""

    why: str
    lines: str = ""
    file: str = "spotkiln.yaml"


def advise(seen: Seen) -> list[Advice]:
    """The most urgent first."""
    return [
        *_folders(seen),
        *_pages(seen),
        *_unasked(seen),
        *_fingerprints(seen),
        *_limits(seen),
        *_memory(seen),
        *_others(seen),
    ]


def _listed(names: list[str]) -> str:
    return f"[{', '.join(names)}]"


def folder_of(path: str, home: PurePosixPath) -> str:
    """What `writable` would have to name for it; empty if it is outside of the application."""
    place = PurePosixPath(path)
    if not place.is_relative_to(home):
        return ""
    parts = place.relative_to(home).parts
    # Of .next the cache alone: what is beside it is the program. A file at the top is in no folder.
    deep = 2 if parts and parts[0].startswith(".") else 1
    if len(parts) <= deep and (len(parts) < deep or place.suffix):
        return ""
    folder = "/".join(parts[:deep])
    return folder if re.fullmatch(FOLDER, folder) else ""


def _folders(seen: Seen) -> Iterator[Advice]:
    home = PurePosixPath("/srv", seen.app.name, seen.app.folder)
    missing: dict[str, str] = {}
    outside: dict[str, str] = {}
    for _, line in refused(seen):
        if not READ_ONLY.search(line):
            continue
        for path in PATH.findall(line):
            if folder := folder_of(path, home):
                missing.setdefault(folder, path)
            elif not PurePosixPath(path).is_relative_to(home) and "/srv/" not in line:
                outside.setdefault(path, path)
    new = [one for one in missing if one not in seen.app.writable]
    if new:
        yield Advice(
            why="it wrote to what is read-only there: " + ", ".join(missing[one] for one in new),
            lines=f"writable: {_listed([*seen.app.writable, *new])}",
        )
    if outside:
        yield Advice(
            why=f"it wrote to {', '.join(outside)}, which is read-only on a server: let it write "
            "into $STATE_DIRECTORY or the temporary folder"
        )


def _pages(seen: Seen) -> Iterator[Advice]:
    for page in seen.pages:
        if page.absent:
            yield Advice(
                why=f"{page.path} links to what is not there: {', '.join(page.absent)}. The build "
                "has to make it (assets:precompile, collectstatic, npm run build)"
            )
        if page.away.startswith("https:"):
            yield Advice(
                why=f"{page.path} leads to {page.away}: nothing behind it was loaded, for the "
                "sandbox's load balancer has no TLS"
            )


def _unasked(seen: Seen) -> Iterator[Advice]:
    asked = {*seen.app.smoke, seen.app.health_path}
    new = dict.fromkeys(x.to for x in seen.pages if x.to and x.to not in asked)
    if new:
        yield Advice(
            why=f"visitors are led to {', '.join(new)}, and the image test does not ask for that",
            lines=f"smoke: {_listed([*seen.app.smoke, *new])}",
        )


def _fingerprints(seen: Seen) -> Iterator[Advice]:
    paths = (one.partition("?")[0] for page in seen.pages for one in page.assets)
    if found := [*dict.fromkeys(one for one in paths if FINGERPRINT.search(one))]:
        yield Advice(
            why=f"its pages name {len(found)} files by their content, such as {found[0]}. After a "
            "change of theirs each version has its own only, and both serve for a while: a page "
            "of one then asks a server of the other, and gets 404. "
            '`spotkiln docs applications "files of two versions"` says what to do'
        )


def _rounded(seconds: float) -> int:
    return max(10, math.ceil(seconds / 10) * 10)


def _limits(seen: Seen) -> Iterator[Advice]:
    starts = [one.start for one in seen.lives if one.start is not None]
    slowest = max(starts, default=0.0)
    if slowest > CLOSE * seen.app.start_seconds:
        yield Advice(
            why=f"it took {slowest:.0f} s to answer, of {seen.app.start_seconds} s that it may, "
            "and a small server is slower than this machine",
            lines=f"start_seconds: {_rounded(ROOM * slowest)}",
        )
    cut = any("timed out" in x for one in seen.servers for y in one.said.values() for x in y)
    if seen.stopped is not None and (cut or seen.stopped > CLOSE * seen.app.stop_seconds):
        yield Advice(
            why=f"it took {seen.stopped:.0f} s to end after SIGTERM, of {seen.app.stop_seconds} s "
            "that it may; what it was answering then is cut off",
            lines=f"stop_seconds: {_rounded(2 * seen.stopped)}",
        )


def _memory(seen: Seen) -> Iterator[Advice]:
    needed = sum(seen.under_load.values()) / 1024 + SYSTEM_MB
    if needed > SMALLEST_MB:
        yield Advice(
            why=f"a server needs about {needed:.0f} MB, and t3.micro, which a deployment allows by "
            f"default, has {SMALLEST_MB}",
            lines="fleet: {instance_types: [t3.medium, t3a.medium, m5.large]}"
            if needed > 2 * SMALLEST_MB
            else "fleet: {instance_types: [t3.small, t3a.small, t3.medium]}",
            file="prefect.yaml",
        )


def _others(seen: Seen) -> Iterator[Advice]:
    known = set(seen.app.config)
    if new := [one for one in seen.given if one not in known]:
        yield Advice(
            why="it is given these settings here: where one is missing, a release should find that "
            "out before it costs anything",
            lines=f"config: {_listed(sorted(known | set(new)))}",
        )
    if seen.sick_without:
        yield Advice(
            why=f"while {', '.join(seen.sick_without)} was away all its servers counted as "
            "unhealthy: an Auto Scaling group would have replaced them. Let the health path tell "
            "of this server alone",
            lines="health_path: /up   # one that asks no other service",
        )
    if seen.app.hardening is Hardening.BASIC and not refused(seen):
        yield Advice(
            why="nothing was refused to it: try whether the usual level is enough",
            lines=f"hardening: {Hardening.STANDARD}",
        )
