"""`units`: a host's systemd units for the server, the worker and the receiver of this installation.
It needs neither a Prefect server nor AWS."""

import re
import sys
from pathlib import Path

from spotkiln.bake.recipe import ROOT
from spotkiln.cli.output import Exit, show
from spotkiln.errors import InputError

SYSTEMD = ROOT / "systemd"
# The folder that the units name as they are shipped.
SHIPPED = "/opt/spotkiln"
# What systemd takes in a path without quotes.
PATH = re.compile(r"/[A-Za-z0-9._/+@-]*")
# The units may not read these (ProtectHome).
HIDDEN = re.compile(r"/(home|root|run/user)(/|$)")


def require_readable(what: str, path: str) -> None:
    """
    Raises:
        InputError: a unit could not name that path, or not read it.
    """
    if not PATH.fullmatch(path):
        raise InputError(f"expected {what} in a path of letters, digits and ._+@-, got {path!r}")
    if HIDDEN.match(path):
        raise InputError(
            f"expected {what} outside of /home and /root, which the units may not read, got "
            f"{path}: put it below /opt, say"
        )


def filled(text: str, programs: str, repository: str) -> str:
    """A unit as it is shipped, for an installation whose programs are in that folder."""
    text = text.replace(f"{SHIPPED}/.venv/bin/", f"{programs}/")
    return text.replace(f"WorkingDirectory={SHIPPED}\n", f"WorkingDirectory={repository}\n")


def units_of(programs: str, repository: str) -> dict[str, str]:
    """The files by their paths below the folder of units, the drop-ins that harden them too."""
    hardening = (SYSTEMD / "hardening.conf").read_text()
    found: dict[str, str] = {}
    for one in sorted((SYSTEMD / "host").glob("spotkiln-*.s[eo]*")):
        found[one.name] = filled(one.read_text(), programs, repository)
        if one.suffix == ".service":
            found[f"{one.name}.d/hardening.conf"] = hardening
    return found


def units(folder: Path, repository: Path, *, as_json: bool) -> int:
    """Write them into `folder`, in the place of those of an earlier version."""
    programs, where = str(Path(sys.executable).parent), str(repository.absolute())
    require_readable("Spotkiln to be installed", programs)
    require_readable("the repository", where)
    made = units_of(programs, where)
    try:
        for name, text in made.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o644)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error}; name another, or be root") from error
    answer = {"folder": str(folder), "repository": where, "files": sorted(made)}
    told = f"wrote {len(made)} files into {folder}: `spotkiln docs push` says what they read"
    show(answer, told, as_json=as_json)
    return Exit.OK
