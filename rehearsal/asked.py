"""Asked: what is rehearsed, as the command hands it over, and what is found there."""

import hashlib
import re
import shutil
import subprocess
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from rehearsal import services, settings
from rehearsal.lines import line_for
from spotkiln.bake.app import AppSpec
from spotkiln.bake.base import BaseSpec
from spotkiln.bake.inside import look_inside
from spotkiln.bake.packer import find_packer
from spotkiln.bake.place import Place, look_at
from spotkiln.bake.precedence import Settled, settle
from spotkiln.errors import InputError
from spotkiln.noun import Noun

LONGEST_NAME = 24
DOCKER_SECONDS = 60
# What Debian and Ubuntu call what Docker's machines are made with.
PACKAGES = "apt-get install docker.io debootstrap iptables iproute2"


class Kind(StrEnum):
    """Of machines."""

    DOCKER = "docker"
    SIMULATED = "simulated"


class Asked(Noun):
    """`rate` is in visits a second. What is empty has a default."""

    path: Path = Path()
    env_file: Path | None = None
    services: tuple[str, ...] = ()
    machines: Kind = Kind.DOCKER
    base: Path | None = None
    rate: float = 5.0
    page: Path | None = None
    as_json: bool = False


class Subject(Noun):
    """The application: where it lies, how it is released, its settings, those of the machine that
    tests, and the services that it is given."""

    place: Place
    settled: Settled
    kind: str
    settings: dict[str, str]
    test_settings: dict[str, str]
    services: tuple[str, ...]
    base: BaseSpec

    @property
    def name(self) -> str:
        return self.settled.app.name


def name_of(folder: Path) -> str:
    """What an application in that folder is called: as AWS takes it everywhere, with three
    characters at least."""
    name = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")[:LONGEST_NAME].strip("-")
    return name if re.match(r"[a-z].{2}", name) else f"app-{name}".strip("-")


def home_of(path: Path, build: Path) -> Path:
    """Always the same one of a folder, so that what a killed rehearsal left is found."""
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    return build / "rehearsals" / f"{name_of(path)}-{digest}"


def read(asked: Asked) -> Subject:
    """
    Raises:
        InputError: what is missing or wrong, before anything is started.
    """
    place = look_at(asked.path)
    if not (place.top / ".git").exists():
        raise InputError(
            f"expected a git working tree, got {asked.path}: a release is of a commit. `git init` "
            "there, or name another folder"
        )
    inside = look_inside(place.path, place.names, place.prefix)
    try:
        spec = AppSpec(name=name_of(place.path), repository=".", folder=place.folder)
    except ValidationError as error:
        raise InputError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
    settled = settle(spec, inside.description, inside.detected)
    wanted = (*asked.services, *settled.app.test_services)
    services.require_known(wanted)
    if asked.page is not None and not asked.page.parent.is_dir():
        raise InputError(f"the page's folder is not there: {asked.page.parent}")
    if not 0 < asked.rate <= 1000:
        raise InputError(f"expected a rate above 0 and up to 1000, got {asked.rate}")
    file = asked.env_file or place.path / settings.FILE
    given = settings.read(asked.env_file, place.path / settings.FILE)
    services.require_parts(given, wanted, str(file))
    return Subject(
        place=place,
        settled=settled,
        kind=inside.detected.kind,
        settings=given,
        test_settings=settings.read(None, place.path / settings.TEST_FILE),
        services=tuple(dict.fromkeys(wanted)),
        base=line_for(
            inside.detected.kind,
            settled.app.test_services,
            asked.base,
            [one.what for one in settled.needs],
            lock=next(iter(place.names & {"Gemfile.lock", "gems.locked"}), ""),
        ),
    )


def _docker_answers() -> bool:
    try:
        done = subprocess.run(
            ["docker", "info"], capture_output=True, timeout=DOCKER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def require_machines(kind: Kind) -> None:
    """
    Raises:
        InputError: there is no Docker or no Packer; each is told by itself.
    """
    if kind is Kind.SIMULATED:
        return
    missing = []
    if shutil.which("docker") is None:
        missing.append(f"there is no Docker ({PACKAGES})")
    elif not _docker_answers():
        missing.append("Docker does not answer: start it, or join the group docker")
    try:
        find_packer()
    except InputError as error:
        missing.append(str(error))
    if missing:
        raise InputError(
            f"no real machines here: {'; '.join(missing)}. Take `--machines simulated`, which "
            "boots nothing"
        )
