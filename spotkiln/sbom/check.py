"""What is known of what is in an image, by the data that a deployment names."""

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from spotkiln.bake.contents import Contents, Kind
from spotkiln.errors import SpotkilnError
from spotkiln.release.vulnerabilities import Data, Finding, Known, Vulnerabilities, in_order
from spotkiln.sbom import debsecan, osv
from spotkiln.sbom.feed import Fetched, fetch, look

DEBIAN = "Debian's data"
# The suites that Debian supports: one of them is tried where nothing tells which is needed.
SUITES = ("trixie", "bookworm")
NOT_KNOWN = "no SBOM of it is kept; release it anew (--force)"


def check(
    image: str, contents: Contents | None, asked: Vulnerabilities, folder: Path, now: datetime
) -> Known:
    """Whatever cannot be read is told, and nothing else fails for it. `folder` keeps what was
    fetched."""
    known = Known(image=image, checked=now)
    if contents is None:
        return known.model_copy(update={"data": (Data(name="the image", trouble=NOT_KNOWN),)})
    parts = [
        *([_debian(contents, asked.debian, folder)] if asked.debian else []),
        *(
            _osv(contents, kind, asked.osv, folder)
            for kind in osv.ECOSYSTEMS
            if asked.osv and contents.of(kind)
        ),
    ]
    return known.model_copy(
        update={
            "data": tuple(data for data, _ in parts),
            "findings": in_order(one for _, found in parts for one in found),
        }
    )


Part = tuple[Data, list[Finding]]


def _part(name: str, place: str, folder: Path, find: Callable[[Fetched], list[Finding]]) -> Part:
    try:
        fetched = fetch(place, folder)
        return Data(name=name, of=fetched.of, trouble=fetched.trouble), find(fetched)
    except SpotkilnError as error:
        return Data(name=name, trouble=str(error)), []


def _debian(contents: Contents, place: str, folder: Path) -> Part:
    if not contents.codename:
        return Data(name=DEBIAN, trouble="the image does not tell its suite"), []

    def find(fetched: Fetched) -> list[Finding]:
        return debsecan.find(contents, debsecan.read(fetched.file.read_bytes()))

    return _part(f"{DEBIAN} ({contents.codename})", f"{place}/{contents.codename}", folder, find)


def _osv(contents: Contents, kind: Kind, place: str, folder: Path) -> Part:
    name = osv.ECOSYSTEMS[kind]

    def find(fetched: Fetched) -> list[Finding]:
        return osv.find(contents, kind, fetched.file)

    return _part(f"OSV's data ({name})", f"{place}/{name}/all.zip", folder, find)


def try_out(asked: Vulnerabilities, contents: Contents | None) -> list[Data]:
    """Whether what a check would read is there, by how each file begins. `contents` says which
    files those are; without it, one of each kind is enough."""
    suites = (contents.codename,) if contents and contents.codename else SUITES
    kinds = [kind for kind in osv.ECOSYSTEMS if contents is None or contents.of(kind)]
    found = []
    if asked.debian:
        debian = {f"{DEBIAN} ({one})": f"{asked.debian}/{one}" for one in suites}
        found += _best(_tried(name, place, debsecan.is_such) for name, place in debian.items())
    if asked.osv:
        names = [osv.ECOSYSTEMS[kind] for kind in kinds]
        exports = {f"OSV's data ({one})": f"{asked.osv}/{one}/all.zip" for one in names}
        tried = [_tried(name, place, osv.is_such) for name, place in exports.items()]
        found += tried if contents else _best(tried)
    return found


def _tried(name: str, place: str, is_such: Callable[[bytes], bool]) -> Data:
    try:
        begun = look(place)
    except SpotkilnError as error:
        return Data(name=name, trouble=str(error))
    wrong = "" if is_such(begun.start) else f"{place} is something else"
    return Data(name=name, of=begun.of, trouble=wrong)


def _best(tried: Iterable[Data]) -> list[Data]:
    """The first that could be read; else the first."""
    every = list(tried)
    return sorted(every, key=lambda one: bool(one.trouble))[:1]
