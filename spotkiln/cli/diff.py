"""What differs between two versions of an application."""

import tempfile
from pathlib import Path

from rich.table import Table

from spotkiln.aws.bake.infra import target_group
from spotkiln.aws.keep.versions import list_versions
from spotkiln.aws.session import connect, resolve_region
from spotkiln.bake.changes import Changes, Dependency
from spotkiln.bake.contents import debian_changes
from spotkiln.bake.history import changes_since
from spotkiln.cli.output import columns
from spotkiln.errors import InputError, SpotkilnError
from spotkiln.keep.versions import Version, choose
from spotkiln.noun import Noun
from spotkiln.prefect_api import contents, of_image
from spotkiln.prefect_api.connection import ask
from spotkiln.prefect_api.of_image import What
from spotkiln.release.release import ReleaseSpec

NONE_KEPT = (
    "no SBOM of {} is kept: it was baked before Spotkiln made any, or another Prefect server has "
    "it; `spotkiln release NAME --force` has one made"
)


class Difference(Noun):
    """`changes` are None if both have the same commit, or git cannot tell; `packages` are Debian's.
    `unknown` says what could not be told, and why."""

    before: Version
    now: Version
    changes: Changes | None = None
    packages: tuple[Dependency, ...] = ()
    unknown: tuple[str, ...] = ()


def _versions(spec: ReleaseSpec, *wanted: str) -> list[Version]:
    aws = connect(resolve_region(spec.infra.region))
    found = list_versions(aws, spec.app.name, target_group(aws, spec.infra.target_group))
    return [choose(found, one, spec.app.name) for one in wanted]


def look(spec: ReleaseSpec, before: str, now: str) -> Difference:
    """
    Raises:
        InputError: there is no such version; the message lists those there are.
    """
    old, new = _versions(spec, before, now)
    found = Difference(before=old, now=new)
    if old.commit != new.commit:
        try:
            with tempfile.TemporaryDirectory(prefix="spotkiln-diff-") as folder:
                changes = changes_since(spec.app, old.commit, new.commit, Path(folder) / "changes")
            found = found.model_copy(update={"changes": changes})
        except SpotkilnError as error:
            found = found.model_copy(update={"unknown": (str(error),)})
    return with_packages(found)


def with_packages(found: Difference) -> Difference:
    """With Debian's packages that differ, as far as SBOMs are kept."""
    if found.before.image == found.now.image:
        return found
    images = (found.before.image, found.now.image)
    kept = [ask(contents.read, image) for image in images]
    lacking = [NONE_KEPT.format(name) for name, one in zip(images, kept, strict=True) if not one]
    old, new = kept
    changed = debian_changes(old, new) if old and new else ()
    return found.model_copy(update={"packages": changed, "unknown": (*found.unknown, *lacking)})


def text(found: Difference) -> str:
    lines = [f"before: {found.before}", f"now: {found.now}"]
    if found.before.image == found.now.image:
        return "\n".join([*lines, "the same image"])
    if found.changes:
        lines += ["", *_commits(found.changes)]
        lines += _listed("dependencies", [f"{x} ({x.file})" for x in found.changes.dependencies])
    elif found.before.commit == found.now.commit:
        lines += ["", "commits: the same commit"]
    lines += _listed("Debian packages", list(map(str, found.packages)))
    if not (found.packages or found.unknown):
        lines += ["", "Debian packages: the same"]
    return "\n".join([*lines, *(f"\nunknown: {one}" for one in found.unknown)])


def _commits(changes: Changes) -> list[str]:
    if changes.apart:
        head = f"commits: {changes.since[:12]} is not among the commits before the other"
        return [head, *_url(changes)]
    more = [f"  and {changes.more} more"] if changes.more else []
    shown = [f"  {one.commit[:12]} {one.subject}" for one in changes.commits]
    return [f"commits: {len(shown) + changes.more}", *shown, *more, *_url(changes)]


def _url(changes: Changes) -> list[str]:
    return [f"  {changes.url}"] if changes.url else []


def _listed(what: str, lines: list[str]) -> list[str]:
    return ["", f"{what}: {len(lines)}", *(f"  {one}" for one in lines)] if lines else []


def sbom_table(document: str) -> Table:
    # It takes a while to load, and the SBOM itself needs no reading.
    from spotkiln.sbom.document import from_cyclonedx

    found = from_cyclonedx(document).packages
    rows = ((x.kind, x.name, x.version, x.architecture or x.file) for x in found)
    return columns(["KIND", "NAME", "VERSION", "ARCHITECTURE OR FILE"], rows)


def sbom(spec: ReleaseSpec, version: str) -> str:
    """The document as it is kept.

    Raises:
        InputError: there is no such version, or no SBOM of it.
    """
    (found,) = _versions(spec, version)
    kept = ask(of_image.read, What.SBOM, found.image)
    if kept is None:
        raise InputError(NONE_KEPT.format(found.image))
    return kept
