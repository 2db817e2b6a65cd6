"""Contents: what is in an image, by name and version: Debian's packages, and what the commit's lock
files name."""

import re
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from spotkiln.bake.changes import Dependency, compared, is_lock_file
from spotkiln.bake.locked import locked
from spotkiln.noun import Noun

# What packer/scripts/test/report.sh writes, and how the dpkg-query of it is told apart from the
# rest.
LISTING = "packages"
OS, DEB = "os", "deb"
# A line of what packer/scripts/base.sh writes: `openssl=3.0.11-1 amd64`.
OF_BASE = re.compile(r"([a-z0-9][a-z0-9+.-]*)=(\S+)(?: (\S+))?")
# A lock file of a large application has a few MiB.
MOST_BYTES = 32 * 1024 * 1024


class Kind(StrEnum):
    """Where a package comes from. Each is the type of its purl."""

    DEB = "deb"
    GEM = "gem"
    NPM = "npm"
    PYPI = "pypi"


OF_FILE = {
    "Gemfile.lock": Kind.GEM,
    **dict.fromkeys(
        ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"), Kind.NPM
    ),
    **dict.fromkeys(
        ("poetry.lock", "uv.lock", "pdm.lock", "Pipfile.lock", "requirements.txt"), Kind.PYPI
    ),
}


class Package(Noun):
    """One that is in an image. Debian's packages have a `source` with a version of its own, for
    which Debian tells vulnerabilities. `file` locks it, empty for Debian's."""

    kind: Kind
    name: str
    version: str
    architecture: str = ""
    source: str = ""
    source_version: str = ""
    file: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Contents(Noun):
    """What is in an image. `os` is such as debian, `os_version` 12, `codename` bookworm; they are
    empty where nothing told. `commit` and `app` are empty for a base image."""

    image: str
    app: str = ""
    commit: str = ""
    os: str = ""
    os_version: str = ""
    codename: str = ""
    packages: tuple[Package, ...] = ()

    def of(self, kind: Kind) -> tuple[Package, ...]:
        return tuple(one for one in self.packages if one.kind is kind)

    @property
    def counted(self) -> str:
        """Such as "412 Debian packages and 96 locked dependencies"."""
        debian = len(self.of(Kind.DEB))
        return f"{debian} Debian packages and {len(self.packages) - debian} locked dependencies"


def of_machine(image: str, listing: str, dependencies: Iterable[Package] = ()) -> Contents:
    """From what packer/scripts/test/report.sh lists on a machine of the image, a line each with
    tabs in it, and the dependencies of the commit."""
    rows = [line.split("\t") for line in listing.splitlines()]
    os = next((row[1:] for row in rows if row[0] == OS and len(row) >= 4), ["", "", ""])
    debian = (
        Package(
            kind=Kind.DEB, name=name, version=version, architecture=architecture,
            source=source, source_version=of_source,
        )
        for _, name, version, architecture, source, of_source in (
            row for row in rows if row[0] == DEB and len(row) == 6
        )
    )  # fmt: skip
    return Contents(
        image=image,
        os=os[0],
        os_version=os[1],
        codename=os[2],
        packages=in_order([*debian, *dependencies]),
    )


def of_base(image: str, listing: str) -> Contents:
    """From the list of a base image, which names no sources."""
    found = (OF_BASE.fullmatch(line.strip()) for line in listing.splitlines())
    debian = (
        Package(kind=Kind.DEB, name=one[1], version=one[2], architecture=one[3] or "")
        for one in found
        if one
    )
    return Contents(image=image, packages=in_order(debian))


def in_order(packages: Iterable[Package]) -> tuple[Package, ...]:
    """Each once, in an order that depends on nothing else."""
    return tuple(
        sorted(
            set(packages),
            key=lambda one: (one.kind, one.name, one.version, one.architecture, one.file),
        )
    )


def dependencies_of(archive: Path, folder: str, lock: Sequence[str]) -> list[Package]:
    """What the lock files of a commit name, from its archive: those in the application's `folder`,
    and those that `lock` names, from the folder or with a slash before it from the top."""
    found: list[Package] = []
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.size <= MOST_BYTES and _counts(member.name, folder, lock):
                file = tar.extractfile(member)
                text = file.read().decode(errors="replace") if file else ""
                found += _of_lock(member.name, text)
    return found


def _counts(path: str, folder: str, lock: Iterable[str]) -> bool:
    if not is_lock_file(path):
        return False
    wholes = (one[1:] if one.startswith("/") else f"{folder}/{one}".lstrip("/") for one in lock)
    named = any(path == one or path.startswith(f"{one}/") for one in wholes)
    return named or path.rpartition("/")[0] == folder


def _of_lock(path: str, text: str) -> Iterable[Package]:
    kind = OF_FILE[path.rpartition("/")[2]]
    for name, versions in locked(path, text).items():
        for version in versions.split(", "):
            if version:
                yield Package(kind=kind, name=name, version=version, file=path)


def debian_changes(before: Contents, now: Contents) -> tuple[Dependency, ...]:
    """Debian's packages that differ between two images, by name. No file locks them."""
    return tuple(compared("", _versions(before), _versions(now)))


def _versions(contents: Contents) -> Mapping[str, str]:
    """One that is there for several architectures has the versions of all."""
    found: dict[str, list[str]] = {}
    for one in contents.of(Kind.DEB):
        if one.version not in found.setdefault(one.name, []):
            found[one.name].append(one.version)
    return {name: ", ".join(versions) for name, versions in found.items()}
