"""`init` and `check`: an application's own spotkiln.yaml. They need neither Prefect nor AWS."""

import itertools
import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from spotkiln.bake.app import AppSpec
from spotkiln.bake.calendar import require_times
from spotkiln.bake.inside import Inside, look_inside, require_folders
from spotkiln.bake.interpreter import Need
from spotkiln.bake.manifest import FILE
from spotkiln.bake.place import Place, look_at
from spotkiln.bake.precedence import Settled, Unsaid, settle, settle_the_rest
from spotkiln.bake.recipe import ROOT
from spotkiln.bake.schema import FILE as SCHEMA
from spotkiln.cli.output import Exit, columns, show
from spotkiln.errors import InputError
from spotkiln.show.checked import (
    Checked,
    about_layers,
    hints,
    steps,
    summary,
    with_values,
    without,
)
from spotkiln.show.manifest import new_manifest

# Without these no application is released, and none has a default.
NEVER_GUESSED = ("build", "start", "test")


def _schema(place: Place) -> str:
    """That of this installation; by a path that others have too, if they have both."""
    file = (ROOT / SCHEMA).resolve()
    if not file.is_file():
        return ""
    return os.path.relpath(file, place.path) if file.is_relative_to(place.top) else str(file)


def init(path: Path, schema: str, *, as_json: bool) -> int:
    """Write a spotkiln.yaml for the application in PATH, from what its files tell, with the
    reasons. One that is there stays."""
    place = look_at(path)
    inside = look_inside(place.path, place.names - {FILE}, place.prefix)
    file = place.path / FILE
    text = new_manifest(inside.detected, schema or _schema(place))
    try:
        with file.open("x") as new:
            new.write(text)
    except FileExistsError:
        raise InputError(
            f"{path / FILE} is there already and stays as it is: `spotkiln check {path}` reads it; "
            "to begin anew, remove it"
        ) from None
    except OSError as error:
        raise InputError(f"cannot write {path / FILE}: {error}") from error
    kind = inside.detected.kind
    missing = sorted(inside.detected.missing if kind else NEVER_GUESSED)
    told = [f"wrote {path / FILE}: {kind or 'no kind that is known'}"]
    if missing:
        told.append(f"not known, and needed: {', '.join(missing)}")
    told += [f"hint: {one}" for one in without(place.ignored)]
    told.append(f"read it, then `spotkiln check {path}`, and commit it")
    answer = {
        "file": str(file),
        "kind": kind,
        "missing": missing,
        "needs": _told(inside.detected.needs),
    }
    show(answer, "\n".join(told), as_json=as_json)
    return Exit.OK


def _told(needs: Iterable[Need]) -> tuple[str, ...]:
    return tuple(map(str, needs))


def _asked(place: Place) -> AppSpec:
    try:
        return AppSpec(repository=".", folder=place.folder)
    except ValidationError as error:
        raise InputError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error


def _require_there(place: Place, settled: Settled) -> None:
    absent = [one for one in settled.app.depends_on if not (place.top / one).exists()]
    if absent:
        raise InputError(
            f"{place.prefix}{FILE}: depends_on names {', '.join(absent)}, which is not there: name "
            "files and folders from the repository's top"
        )


def _require_lock(place: Place, settled: Settled) -> None:
    wanted = (
        (x, place.top / x[1:] if x.startswith("/") else place.path / x) for x in settled.app.lock
    )
    if absent := [one for one, found in wanted if not found.exists()]:
        raise InputError(
            f"{place.prefix}{FILE}: lock names {', '.join(absent)}, which is not there: name files "
            "and folders that `dependencies` needs"
        )


def _hints_beside(error: Unsaid, place: Place, inside: Inside) -> list[str]:
    """Of what is said, so that all can be mended at once."""
    app = settle_the_rest(_asked(place), inside.description, inside.detected, error.keys)
    found = hints(app, place.locked, inside.detected.suggested, inside.detected.warned)
    found = itertools.chain(without(place.ignored), found)
    unsaid = tuple(f"{key}: " for key in error.keys)
    return [f"hint: {one}" for one in found if not one.startswith(unsaid)]


def check(path: Path, *, as_json: bool) -> int:
    """Read the spotkiln.yaml of the application in PATH, and say what a release would do and where
    each value comes from. Parameters of a deployment come before these."""
    place = look_at(path)
    inside = look_inside(place.path, place.names, place.prefix)
    detected = inside.detected
    try:
        settled = settle(_asked(place), inside.description, detected)
    except Unsaid as error:
        raise InputError("\n".join([str(error), *_hints_beside(error, place, inside)])) from error
    _require_there(place, settled)
    require_folders(place.path, settled.app.writable, place.prefix)
    _require_lock(place, settled)
    require_times(settled.app.timers, place.prefix + FILE)
    found = Checked(
        file=place.prefix + FILE if inside.description is not None else "",
        kind=detected.kind,
        folder=place.folder,
        steps=steps(settled.app),
        settings=tuple(with_values(settled.settings, settled.app)),
        needs=_told(settled.needs),
        hints=(
            *without(place.ignored),
            *hints(settled.app, place.locked, detected.suggested, detected.warned),
            *about_layers(settled, detected),
        ),
    )
    rows = ((one.key, one.shown, one.source) for one in found.settings)
    show(found, summary(found), "", columns(["SETTING", "VALUE", "FROM"], rows), as_json=as_json)
    return Exit.OK
